//! Requests to all routes: none makes the server fail, and none without a credential succeeds.

use std::str::from_utf8;

use axum::body::Body;
use axum::http::{Method, Request};
use fanfare::wire::{ServerFrame, read_server_frames};
use serde_json::Value;

use crate::server::{self, Answer, KEY};

/// The maximum number of requests in one input.
const MAX_REQUESTS: usize = 4;

/// Separates two requests in one input.
const SEPARATOR: &[u8] = b"\n---\n";

/// Reads and sends requests, each with a first line such as `POST publish?topic=…`, headers, an empty line and a body.
/// `KEY`, `TOKEN` and `READER` are replaced by the credentials of the server.
pub(crate) fn check(input: &[u8]) {
    let mut rest = input;
    for _ in 0..MAX_REQUESTS {
        let end = rest.windows(SEPARATOR.len()).position(|bytes| bytes == SEPARATOR);
        let request = &rest[..end.unwrap_or(rest.len())];
        if check_one(request).is_none() {
            return;
        }
        let Some(end) = end else { return };
        rest = &rest[end + SEPARATOR.len()..];
    }
}

fn check_one(input: &[u8]) -> Option<()> {
    let end = input.windows(2).position(|pair| pair == b"\n\n").unwrap_or(input.len());
    let head = from_utf8(&input[..end]).ok()?;
    let body = input.get(end + 2..).unwrap_or_default();
    let is_credential = |text: &str| ["KEY", "TOKEN", "READER"].iter().any(|name| text.contains(name));
    let has_credential = is_credential(head) || from_utf8(body).is_ok_and(is_credential);
    let (request, path) = build_request(head, body)?;
    let is_open = request.method() == Method::OPTIONS || path.starts_with("healthz");
    let answer = server::start().answer(request);
    let status = answer.status.as_u16();
    assert!(status < 500 || status == 503, "status {status}");
    let frames = read_body(&answer);
    if answer.status.is_success() && !has_credential && !is_open {
        // An event stream succeeds, but has an error for each refused subscription.
        let is_refused =
            |frame: &ServerFrame| matches!(frame, ServerFrame::Error { .. } | ServerFrame::Alive { .. });
        assert!(path.starts_with("sse") && frames.iter().all(is_refused), "success without a credential");
    }
    Some(())
}

fn build_request(head: &str, body: &[u8]) -> Option<(Request<Body>, String)> {
    let fill = |text: &str| {
        text.replace("KEY", KEY)
            .replace("TOKEN", &server::start().token)
            .replace("READER", &server::start().reader)
    };
    let mut lines = head.lines();
    let (method, path) = lines.next()?.split_once(' ')?;
    let known = ["token", "revoke", "publish", "signal", "connect", "sse", "healthz"];
    let route = path.split('?').next()?;
    // axum refuses all other paths.
    known.contains(&route).then_some(())?;
    let uri = format!("/v1/realtime/{}", fill(path).replace(KEY, "KEY"));
    let mut request = Request::builder().method(method).uri(uri);
    for line in lines {
        let (name, value) = line.split_once(':')?;
        request = request.header(name, fill(value.trim()));
    }
    let body = from_utf8(body).map_or_else(|_| body.to_owned(), |text| fill(text).into_bytes());
    Some((request.body(Body::from(body)).ok()?, path.to_owned()))
}

/// Checks that clients can read the body, and returns the frames of an event stream.
fn read_body(answer: &Answer) -> Vec<ServerFrame> {
    let mut frames = Vec::new();
    let kind = answer.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    match kind {
        "application/json" => {
            let body = serde_json::from_slice::<Value>(&answer.body);
            assert!(body.is_ok(), "{}", String::from_utf8_lossy(&answer.body));
        }
        "text/event-stream" => {
            let text = from_utf8(&answer.body).expect("events are UTF-8");
            for frame in read_events(text) {
                let read = read_server_frames(&frame);
                assert!(read.as_ref().is_ok_and(|message| !message.frames.is_empty()), "{frame}: {read:?}");
                frames.extend(read.unwrap_or_default().frames);
            }
        }
        _ => {}
    }
    frames
}

/// Reads the data of events as browsers do, for which a carriage return alone also ends a line.
fn read_events(text: &str) -> Vec<String> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    // The last event may be incomplete.
    let whole = text.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
    let data = whole.split("\n\n").map(|event| {
        let lines = event.lines().filter_map(|line| line.strip_prefix("data:"));
        lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
    });
    data.filter(|data| !data.is_empty()).collect()
}

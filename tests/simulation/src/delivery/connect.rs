//! The connections of readers: requests to the routes of a process, executed in its runtime.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use futures_util::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{DuplexStream, duplex};
use tokio::time::sleep;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tower::ServiceExt;

/// An event on a connection.
#[derive(Debug)]
pub(super) enum Event {
    Frame(String),
    /// The connection was refused, for this reason.
    Refused(String),
    /// The connection was closed, with this code or reason.
    Closed(String),
}

/// The events that were not handled yet. It is outside of the process.
#[derive(Clone, Default)]
pub(super) struct Mailbox(Arc<Mutex<VecDeque<Event>>>);

impl Mailbox {
    fn put(&self, event: Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(event);
    }

    pub(super) fn take(&self) -> VecDeque<Event> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How a reader connects.
pub(super) enum Target {
    /// `POST sse` with a list of subscriptions.
    Events(String),
    /// A WebSocket to this address, which sends some frames first.
    Socket { address: String, frames: Vec<String> },
}

/// Reads a connection until it ends. A slow reader pauses after each frame.
pub(super) async fn connect(app: Router, target: Target, pause: Duration, mailbox: Mailbox) {
    let sink = Sink { mailbox, pause };
    let end = match target {
        Target::Events(body) => read_events(app, body, &sink).await,
        Target::Socket { address, frames } => read_socket(app, &address, frames, &sink).await,
    };
    sink.mailbox.put(end);
}

struct Sink {
    mailbox: Mailbox,
    pause: Duration,
}

impl Sink {
    async fn put(&self, frame: String) {
        self.mailbox.put(Event::Frame(frame));
        if !self.pause.is_zero() {
            sleep(self.pause).await;
        }
    }
}

async fn read_events(app: Router, body: String, sink: &Sink) -> Event {
    let request = Request::post("/v1/realtime/sse").body(Body::from(body));
    let request = request.unwrap_or_else(|error| panic!("{error}"));
    let response = match app.oneshot(request).await {
        Ok(response) if response.status().is_success() => response,
        Ok(response) => return Event::Refused(response.status().to_string()),
        Err(never) => match never {},
    };
    let mut body = response.into_body().into_data_stream();
    let mut text = String::new();
    while let Some(Ok(bytes)) = body.next().await {
        text.push_str(&String::from_utf8_lossy(&bytes));
        while let Some(end) = text.find("\n\n") {
            let event: String = text.drain(..end + 2).collect();
            let lines = event.lines().filter_map(|line| line.strip_prefix("data: "));
            sink.put(lines.collect::<Vec<_>>().join("\n")).await;
        }
    }
    Event::Closed("end of stream".into())
}

async fn read_socket(app: Router, address: &str, frames: Vec<String>, sink: &Sink) -> Event {
    let mut request = address.into_client_request().unwrap_or_else(|error| panic!("{error}"));
    let protocol = HeaderName::from_static("sec-websocket-protocol");
    request.headers_mut().insert(protocol, HeaderValue::from_static("fanfare.v1"));
    let (client, server) = duplex(64 * 1024);
    tokio::spawn(serve(app, server));
    let mut socket = match client_async(request, client).await {
        Ok((socket, _)) => socket,
        Err(Error::Http(response)) => return Event::Refused(response.status().to_string()),
        Err(error) => return Event::Refused(error.to_string()),
    };
    for frame in frames {
        if let Err(error) = socket.send(Message::text(frame)).await {
            return Event::Closed(error.to_string());
        }
    }
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => sink.put(text.as_str().to_owned()).await,
            Some(Ok(Message::Close(frame))) => {
                return Event::Closed(
                    frame.map_or("no code".into(), |frame| u16::from(frame.code).to_string()),
                );
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return Event::Closed(error.to_string()),
            None => return Event::Closed("end of stream".into()),
        }
    }
}

/// Serves one connection as `fanfare::serve` does.
async fn serve(app: Router, connection: DuplexStream) {
    let service = TowerToHyperService::new(app);
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.header_read_timeout(None);
    let _ = builder.serve_connection(TokioIo::new(connection), service).with_upgrades().await;
}

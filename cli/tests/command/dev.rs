//! `fanfare dev`: a server of definitions, and Studio for a running server.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::running::Running;
use crate::{DEFINITION, Project, assert_exit, stderr};

const KEY: &str = "signkey-test-00112233445566778899aabbccddeeff";

/// A running `fanfare dev`.
struct Dev {
    running: Running,
    /// The host and the port.
    host: String,
    /// The key in the link to Studio, if it has one.
    key: Option<String>,
}

impl Dev {
    fn start(project: &Project, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let dev = Self::open(project, arguments, environment);
        dev.running.expect("watching for changes");
        dev
    }

    fn attach(project: &Project, url: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::open(project, &[&["--attach", url], arguments].concat(), environment)
    }

    fn open(project: &Project, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let running = Running::start(project, &[&["dev", "--port", "0"], arguments].concat(), environment);
        let studio = running.expect("Studio");
        let link = studio.split_whitespace().next().expect("a link");
        let (url, key) = link.split_once("#key=").map_or((link, None), |(url, key)| (url, Some(key)));
        let host = url.strip_prefix("http://").and_then(|url| url.strip_suffix("/studio"));
        Self { host: host.expect("the URL of Studio").to_owned(), key: key.map(str::to_owned), running }
    }

    fn url(&self) -> String {
        format!("http://{}", self.host)
    }

    fn get(&self, path: &str) -> (u16, Value) {
        self.send("GET", path, "")
    }

    fn publish(&self, payload: &Value) -> (u16, Value) {
        self.send("POST", "publish?channel=news:rust&topic=headline", &payload.to_string())
    }

    /// Sends a request with the key of Studio.
    fn send(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let key = format!("Authorization: Bearer {}\r\n", self.key.as_deref().unwrap_or_default());
        let response = request(&self.host, &self.host, method, path, &key, body);
        let (head, body) = response.split_once("\r\n\r\n").expect("a body");
        (status(head), serde_json::from_str(body).unwrap_or_default())
    }

    /// Returns the names of the topics of the only channel.
    fn topics(&self) -> Vec<String> {
        let (code, body) = self.get("admin/definitions");
        assert_eq!(code, 200, "{body}");
        let topics = body["items"][0]["topics"].as_array().expect("topics").iter();
        topics.map(|topic| topic["name"].as_str().expect("a name").to_owned()).collect()
    }

    /// Returns the published payloads, the newest first.
    fn history(&self) -> Vec<Value> {
        let (_, body) = self.get("admin/history?channel=news:rust");
        body["items"].as_array().into_iter().flatten().map(|item| item["payload"].clone()).collect()
    }
}

/// Sends a request below `/v1/realtime`, and returns the response. Of an event stream, returns the head.
fn request(address: &str, host: &str, method: &str, path: &str, headers: &str, body: &str) -> String {
    let mut stream = send_request(address, host, method, path, headers, body);
    read_until(&mut stream, |text| text.contains("text/event-stream") && text.contains("\r\n\r\n"))
}

fn send_request(address: &str, host: &str, method: &str, path: &str, headers: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let length = body.len();
    write!(
        stream,
        "{method} /v1/realtime/{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
    .expect("a request");
    stream
}

/// Reads until the stream ends, or a condition is met.
fn read_until(stream: &mut TcpStream, is_enough: impl Fn(&str) -> bool) -> String {
    let (mut response, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut buffer).expect("a response");
        response.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&response);
        if count == 0 || is_enough(&text) {
            return text.into_owned();
        }
    }
}

/// Waits until a condition is met. Editors and file systems may report one change as several.
fn wait_until(what: &str, is_met: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_met() {
        assert!(Instant::now() < deadline, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn status(response: &str) -> u16 {
    response.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status")
}

#[test]
fn definitions_are_served_and_a_change_takes_effect_at_once() {
    let project = Project::new("dev");
    let dev = Dev::start(&project, &[], &[]);
    assert_eq!(dev.topics(), ["headline"]);
    let (code, _) = dev.publish(&json!({ "text": "first" }));
    assert_eq!(code, 200);
    let (code, body) = dev.publish(&json!({ "text": 1 }));
    assert_eq!((code, &body["data"]["issues"][0]["path"]), (422, &json!("/text")), "{body}");

    let topic = "alert: { payload: { type: string } }";
    project.define(
        "news.yaml",
        &DEFINITION.replace("      headline", &format!("      {topic}\n      headline")),
    );
    wait_until("the new topic exists", || dev.topics() == ["alert", "headline"]);
    assert_eq!(dev.history(), [json!({ "text": "first" })], "messages remain");

    project.define("news.yaml", "version: 1\nchannels: [");
    dev.running.expect_error("error[E0001]");
    dev.running.expect_error("1 error");
    assert_eq!(dev.topics(), ["alert", "headline"], "the last valid definitions remain");
    assert_eq!(dev.publish(&json!({ "text": "second" })).0, 200);

    project.define("news.yaml", &DEFINITION.replace("text: { type: string }", "text: { type: integer }"));
    wait_until("the topic has another type", || dev.publish(&json!({ "text": 3 })).0 == 200);
    assert_eq!(dev.publish(&json!({ "text": "third" })).0, 422);
}

#[test]
fn definitions_with_errors_are_served_once_they_are_valid() {
    let project = Project::new("dev-errors");
    project.define("news.yaml", "version: 1\nchannels: [");
    let dev = Dev::open(&project, &[], &[]);
    dev.running.expect("the definitions have errors, so there are no channels yet");
    dev.running.expect_error("error[E0001]");
    project.define("news.yaml", DEFINITION);
    dev.running.expect("1 channel: news");
    dev.running.expect("watching for changes");
    assert_eq!(dev.topics(), ["headline"]);
}

#[test]
fn definitions_are_those_of_the_generated_code() {
    let project = Project::new("dev-same");
    let dev = Dev::start(&project, &[], &[]);
    assert_exit(&project.fanfare(&["generate"]), 0);
    let rust = &project.outputs()["rust/news.rs"];
    let (_, body) = dev.get("admin/definitions");
    let fingerprint = body["items"][0]["fingerprint"].as_str().expect("a fingerprint");
    assert!(rust.contains(&format!("fingerprint: \"{fingerprint}\"")), "{fingerprint} is not in {rust}");
}

#[test]
fn a_port_that_is_in_use_is_an_error_with_another_port() {
    let project = Project::new("dev-port");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let output = project.fanfare(&["dev", "--port", &port.to_string()]);
    assert_exit(&output, 2);
    let text = stderr(&output);
    assert!(
        text.starts_with(&format!("error: port {port} is in use: choose another one, such as `--port ")),
        "{text}"
    );
}

#[test]
fn only_pages_of_this_machine_may_connect() {
    let project = Project::new("dev-pages");
    let dev = Dev::start(&project, &[], &[]);
    let subscribe = |host: &str, headers: &str| {
        request(&dev.host, host, "GET", "sse?channel=news:rust&topic=headline", headers, "")
    };
    for origin in ["http://localhost:5173", "http://127.0.0.1", "https://localhost:8443"] {
        let response = subscribe(&dev.host, &format!("Origin: {origin}\r\n"));
        assert_eq!(status(&response), 200, "{response}");
        let header = format!("access-control-allow-origin: {origin}\r\n");
        assert!(response.to_lowercase().contains(&header), "{response}");
    }
    for origin in ["https://example.com", "http://localhost.example.com", "null"] {
        let response = subscribe(&dev.host, &format!("Origin: {origin}\r\n"));
        assert_eq!(status(&response), 403, "{response}");
    }
    let program = subscribe(&dev.host, "");
    assert_eq!(status(&program), 401, "a program needs a token: {program}");
    let renamed = subscribe("example.com", "Sec-Fetch-Site: same-origin\r\n");
    assert_eq!(status(&renamed), 421, "{renamed}");
}

#[cfg(unix)]
#[test]
fn a_database_keeps_messages_and_the_environment_sets_the_key() {
    let project = Project::new("dev-database");
    let start = || Dev::start(&project, &["--database", "dev.db"], &[("FANFARE_SIGNING_KEY", KEY)]);
    let dev = start();
    assert_ne!(dev.key.as_deref(), Some(KEY), "the link does not reveal the key");
    assert_eq!(dev.publish(&json!({ "text": "kept" })).0, 200);
    assert!(dev.running.interrupt().success());
    assert!(!project.0.join("dev.db-wal").exists(), "the database is closed, so its file can be copied");

    let mut dev = start();
    dev.key = Some(KEY.to_owned());
    assert_eq!(dev.history(), [json!({ "text": "kept" })]);
    assert!(dev.running.interrupt().success());

    let weak = Running::start(&project, &["dev", "--port", "0"], &[("FANFARE_SIGNING_KEY", "short")]);
    weak.expect_error("error: the signing key or an accepted signing key has fewer than 32 characters");
}

#[test]
fn a_running_server_is_shown_through_a_proxy() {
    let project = Project::new("dev-attach");
    let server = Dev::start(&project, &[], &[("FANFARE_SIGNING_KEY", KEY)]);
    let attached = Dev::attach(&project, &server.url(), &["--key", KEY], &[]);
    assert_ne!(attached.key.as_deref(), Some(KEY), "the link does not reveal the key");
    assert_eq!(attached.topics(), ["headline"]);
    assert_eq!(attached.publish(&json!({ "text": "through the proxy" })).0, 200);
    assert_eq!(server.history(), [json!({ "text": "through the proxy" })]);
    assert_eq!(server.get("admin/server").0, 200);

    let grants = json!([{ "channel": "news:rust", "name": "headline", "kind": "run" }]);
    let (_, minted) = attached.send("POST", "token", &grants.to_string());
    let path = format!("sse?token={}", minted["jwt"].as_str().expect("a token"));
    let mut stream = send_request(&attached.host, &attached.host, "GET", &path, "", "");
    read_until(&mut stream, |text| text.contains("\r\n\r\n"));
    assert_eq!(server.publish(&json!({ "text": "as an event" })).0, 200);
    let event = read_until(&mut stream, |text| text.contains("as an event"));
    assert!(event.contains("as an event"), "the stream ended: {event}");

    let foreign =
        request(&attached.host, &attached.host, "GET", "healthz", "Origin: http://localhost:1\r\n", "");
    assert_eq!(status(&foreign), 403, "{foreign}");
    let own = format!("Origin: {}\r\n", attached.url());
    assert_eq!(status(&request(&attached.host, &attached.host, "GET", "healthz", &own, "")), 200);

    // Without a key, the page asks for it.
    let mut without_key = Dev::attach(&project, &format!("{}/v1/realtime/", server.url()), &[], &[]);
    assert_eq!(without_key.get("admin/server").0, 401);
    without_key.key = Some(KEY.to_owned());
    assert_eq!(without_key.get("admin/server").0, 200);

    drop(server);
    let (code, body) = attached.get("admin/server");
    assert_eq!(code, 502);
    assert!(body["error"].as_str().is_some_and(|error| error.starts_with("cannot reach http://")), "{body}");
}

#[test]
fn a_server_that_cannot_be_shown_is_an_error() {
    let project = Project::new("dev-refused");
    let server = Dev::start(&project, &[], &[("FANFARE_SIGNING_KEY", KEY)]);
    let without_admin = serve_without_admin();
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        format!("http://{}", listener.local_addr().expect("an address"))
    };
    for (url, expected) in [
        (server.url(), "does not accept the key: pass its signing key or an admin token with `--key`"),
        (format!("{}/elsewhere", server.url()), "there is no Fanfare server at"),
        (
            without_admin,
            "has no admin routes: enable them in the server with `HubBuilder::admin_routes(true)`",
        ),
        (closed, "is the server running?"),
        ("localhost:3000".to_owned(), "pass one like http://localhost:3000"),
        ("ftp://localhost".to_owned(), "must begin with `http://` or `https://`"),
    ] {
        let key = "signkey-test-ffffffffffffffffffffffffffffffff";
        let output = project.fanfare(&["dev", "--port", "0", "--attach", &url, "--key", key]);
        assert_exit(&output, 2);
        let text = stderr(&output);
        assert!(text.starts_with("error: ") && text.contains(expected), "{url}: {text}");
    }
    let output = project.fanfare(&["dev", "--attach", "http://localhost", "--database", "dev.db"]);
    assert_exit(&output, 2);
}

/// Starts a server without admin routes, which ends with the test. Returns its URL.
fn serve_without_admin() -> String {
    static REGISTRY: fanfare::Registry = fanfare::Registry { channels: &[] };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a listener for tokio");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let hub = fanfare::Hub::builder(&REGISTRY).signing_key(KEY).build().expect("a hub");
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            fanfare::serve(listener, fanfare::routes(hub.clone()), &hub).await;
        });
    });
    url
}

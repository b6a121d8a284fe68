//! How often clients may connect, publish, send signals and fail to authenticate.

use std::time::{Duration, Instant};

use fanfare::wire::ServerFrame;
use fanfare::{HubBuilder, Rate};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::client::Client;
use crate::support::definition::room;
use crate::support::http;
use crate::support::server::{KEY, Server};

const RARELY: Rate = Rate::per_minute(1).burst(3);

/// A server behind a proxy that names the address of the client.
async fn server(set_up: impl FnOnce(HubBuilder) -> HubBuilder) -> Server {
    Server::start_with(|hub| set_up(hub.client_address_header("X-Forwarded-For"))).await
}

struct Answer {
    status: u16,
    retry_after: Option<u64>,
    body: Value,
}

impl Answer {
    fn assert_rate_limited(&self) {
        assert_eq!((self.status, &self.body["data"]["code"]), (429, &json!("rate_limited")));
        assert!(
            self.retry_after.is_some_and(|seconds| (1..=60).contains(&seconds)),
            "{:?}",
            self.retry_after
        );
    }
}

async fn post(server: &Server, path: &str, bearer: &str, address: &str, body: &str) -> Answer {
    let length = body.len();
    let request = format!(
        "POST /v1/realtime/{path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nX-Forwarded-For: 192.0.2.99, {address}\r\n\
         Authorization: Bearer {bearer}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let retry_after = head.lines().find_map(|line| line.strip_prefix("retry-after: "));
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        retry_after: retry_after.map(|seconds| seconds.parse().unwrap()),
        body: serde_json::from_str(body).unwrap_or_default(),
    }
}

fn publishing_token(server: &Server, id: &str, subject: &str) -> String {
    let grant = room("1").grant(["said"]);
    server.hub.token(grant).for_publishing().id(id).subject(subject).mint().unwrap()
}

#[tokio::test]
async fn publishing_is_rate_limited_by_token_subject_and_address() {
    let server = server(|hub| hub.max_publish_rate(RARELY)).await;
    let publish = async |token: &str, address: &str| {
        post(&server, "publish?channel=room:1&topic=said", token, address, "\"x\"").await
    };
    let ada = publishing_token(&server, "login_1", "ada");
    for number in 0..3 {
        assert_eq!(publish(&ada, &format!("192.0.2.{number}")).await.status, 200);
    }
    publish(&ada, "192.0.2.4").await.assert_rate_limited();
    publish(&publishing_token(&server, "login_2", "ada"), "192.0.2.5").await.assert_rate_limited();
    for number in 0..3 {
        let name = format!("other_{number}");
        assert_eq!(publish(&publishing_token(&server, &name, &name), "2001:db8::1").await.status, 200);
    }
    let last = publishing_token(&server, "last", "last");
    publish(&last, "2001:db8::2").await.assert_rate_limited();
    assert_eq!(publish(&last, "2001:db8:0:1::2").await.status, 200, "a rejected request is not counted");
    for _ in 0..10 {
        assert_eq!(publish(KEY, "2001:db8::1").await.status, 200, "backends are not limited");
    }
}

#[tokio::test]
async fn signals_are_rate_limited_and_accepted_again_later() {
    let server = server(|hub| hub.max_signal_rate(Rate::per_second(2).burst(2))).await;
    let grant = room("1").grant_signals(["nod"]);
    let token = server.hub.token(grant).mint().unwrap();
    let send = async || post(&server, "signal?channel=room:1&name=nod", &token, "192.0.2.1", "null").await;
    let mut refused = None;
    for _ in 0..20 {
        let answer = send().await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("20 at once are too many");
    refused.assert_rate_limited();
    tokio::time::sleep(Duration::from_secs(refused.retry_after.unwrap())).await;
    assert_ne!(send().await.status, 429);
}

#[tokio::test]
async fn connecting_is_rate_limited_by_token_and_address() {
    let server = server(|hub| hub.max_connection_rate(RARELY)).await;
    let token = server.hub.token(room("1").grant(["said"])).id("login_1").mint().unwrap();
    for _ in 0..3 {
        drop(Client::connect(&server, &token, None).await.unwrap());
    }
    let refusal = server.refusal(&token).await;
    assert_eq!((refusal.status, &refusal.body["data"]["code"]), (429, &json!("rate_limited")));
    // On an open connection, the client receives an `error` frame.
    let mut client = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
    client.send(&json!({ "kind": "sub", "ref": "7", "data": token })).await;
    assert_eq!(client.error().await, ("rate_limited".into(), Some("7".into())));
    client.sub_as("7", &server.token(&room("1"), &["said"]), json!({})).await;
    for _ in 0..3 {
        assert_eq!(post(&server, "sse", "", "192.0.2.1", "no subs").await.status, 400);
    }
    let began = Instant::now();
    // The request is rejected before its body arrives.
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /v1/realtime/sse HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: 192.0.2.1\r\nContent-Length: 9\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 429");
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn invalid_tokens_are_rate_limited_by_address_and_valid_tokens_are_not() {
    let server = server(|hub| hub.max_auth_failure_rate(RARELY)).await;
    let publish = async |token: &str| {
        post(&server, "publish?channel=room:1&topic=said", token, "192.0.2.1", "\"x\"").await
    };
    for _ in 0..3 {
        assert_eq!(publish("a.b.c").await.status, 401);
    }
    publish("a.b.c").await.assert_rate_limited();
    post(&server, "revoke", "not the key", "192.0.2.1", "{}").await.assert_rate_limited();
    assert_eq!(publish(&publishing_token(&server, "login_1", "ada")).await.status, 200);
}

#[tokio::test]
async fn clients_without_a_known_address_are_limited_by_token_only() {
    let server = Server::start_with(|hub| hub.max_publish_rate(RARELY).max_auth_failure_rate(RARELY)).await;
    for number in 0..5 {
        let token = publishing_token(&server, &format!("login_{number}"), &format!("user_{number}"));
        let path = "publish?channel=room:1&topic=said";
        assert_eq!(http::post(server.address, path, Some(&token), b"\"x\"").await.status, 200);
        assert_eq!(http::post(server.address, path, Some("a.b.c"), b"1").await.status, 401);
    }
}

#[tokio::test]
async fn a_busy_page_never_exceeds_the_default_limits() {
    let server = server(|hub| hub).await;
    let token = server.token(&room("1"), &["said"]);
    let mut client = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
    for number in 0..300 {
        let reference = number.to_string();
        client.sub_as(&reference, &token, json!({})).await;
        client.send(&json!({ "kind": "unsub", "ref": reference })).await;
        assert!(matches!(client.frame().await, ServerFrame::Unsubscribed { .. }));
    }
    let publishing = publishing_token(&server, "login_1", "ada");
    for _ in 0..500 {
        let path = "publish?channel=room:1&topic=said";
        assert_eq!(post(&server, path, &publishing, "192.0.2.1", "\"x\"").await.status, 200);
    }
}

//! Logs never contain tokens or keys.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing::field::Field;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support::client::Client;
use crate::support::definition::room;
use crate::support::http;
use crate::support::jwt;
use crate::support::server::{KEY, Server};
use crate::support::sse::Events;

/// Captures logs of all levels, of this library and its dependencies.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<String>>);

impl Everything {
    fn add(&self, field: &Field, value: &dyn Debug) {
        use std::fmt::Write;
        let _ = write!(self.0.lock().unwrap(), "{field}={value:?} ");
    }
}

impl Subscriber for Everything {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("fanfare")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut |field: &Field, value: &dyn Debug| self.add(field, value));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut |field: &Field, value: &dyn Debug| self.add(field, value));
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut |field: &Field, value: &dyn Debug| self.add(field, value));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn tokens_and_keys_are_never_logged() {
    let log = Everything::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let server = Server::start().await;
    let valid = server.token(&room("1"), &["said"]);
    let mut claims = jwt::claims(&valid);
    claims["exp"] = json!(1);
    let tokens = [valid.clone(), jwt::sign("HS256", &claims, KEY), format!("{valid}x"), format!("{valid}.x")];
    // Twice: if a test on another thread reaches an event first, the event is disabled for all threads.
    for token in tokens.iter().chain(&tokens) {
        tracing::callsite::rebuild_interest_cache();
        let _ = Client::connect(&server, token, None).await;
        let _ = Client::open(&server, &format!("?token={token}"), None).await;
        let _ = Client::open(&server, &format!("?token={token}&since=x"), None).await;
        let _ = Events::get(&server, &format!("token={token}"), "").await;
        let _ = Events::get(&server, "", &format!("Authorization: Bearer {token}\r\n")).await;
        let _ = Events::post(&server, &json!([{ "kind": "sub", "ref": "1", "data": token }])).await;
        let _ =
            Events::post(&server, &json!([{ "kind": "sub", "ref": "1", "date": token, "data": 7 }])).await;
        let mut client = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
        client.send(&json!({ "kind": "sub", "ref": "1", "data": token })).await;
        client.frame().await;
        client.send(&json!({ "kind": "renew", "ref": "1", "data": token, "more": token })).await;
        client.frame().await;
        client.send(&json!({ "kind": token })).await;
        for path in ["publish?channel=room:1&topic=said", "signal?channel=room:1&name=nod", "token", "revoke"]
        {
            http::post(server.address, path, Some(token), b"[]").await;
            http::post(server.address, path, Some(KEY), b"[]").await;
        }
    }
    server.hub.shutdown().await;
    let log = log.0.lock().unwrap();
    assert!(log.contains("message=access denied") && log.contains("disconnected"), "{log}");
    assert!(!log.contains(KEY));
    for part in tokens.iter().flat_map(|token| token.split('.')).filter(|part| part.len() > 1) {
        assert!(!log.contains(part), "{part} is in {log}");
    }
}

//! Pages that were generated from another definition than the server.

use fanfare::wire::{ErrorCode, ServerFrame};
use fanfare::{Channel, Hub};
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::definition::released_room;
use crate::support::server::{KEY, Server};
use crate::support::sse::Events;
use crate::tokens::token_for;

async fn server(id: &str) -> (Server, Channel) {
    let (registry, channel) = released_room(id);
    (Server::serve(Hub::builder(registry).signing_key(KEY).build().unwrap()).await, channel)
}

/// Returns the drift of a `ready` frame, or `null`.
fn drift(frame: &ServerFrame) -> Value {
    match frame {
        ServerFrame::Ready { drift, fingerprint, .. } => {
            assert_eq!(fingerprint, "f1f2");
            json!(drift)
        }
        other => panic!("expected ready, got {other:?}"),
    }
}

fn breaking(changes: &[Value]) -> Value {
    json!({ "kind": "breaking", "changes": changes })
}

#[tokio::test]
async fn a_drift_lists_the_changes_that_break_what_the_page_subscribes_to() {
    let (server, channel) = server("1").await;
    let token = server.token(&channel, &["said", "status"]);
    let token_of_said = server.token(&channel, &["said"]);
    let status = json!({ "topic": "status", "message": "the status has changed" });
    let gone = json!({ "topic": "gone", "message": "it was removed" });
    let all = [
        json!({ "message": "the address has changed" }),
        json!({ "signal": "nod", "message": "the signal has changed" }),
        json!({ "message": "the result has changed" }),
    ];
    let every = [std::slice::from_ref(&status), &all].concat();
    let unknown = json!({ "kind": "unknown" });
    for (fingerprint, token, topics, expected) in [
        (json!("f1f2"), &token, json!(["status"]), Value::Null),
        (json!("compatible"), &token, json!(["status"]), Value::Null),
        (Value::Null, &token, json!(["status"]), Value::Null),
        (json!("topics"), &token, json!(["said"]), Value::Null),
        (json!("topics"), &token, json!(["said", "status"]), breaking(std::slice::from_ref(&status))),
        // Without a selection, a page also expects topics that no longer exist.
        (json!("topics"), &token, Value::Null, breaking(&[status, gone.clone()])),
        (json!("topics"), &token_of_said, Value::Null, breaking(&[gone])),
        (json!("all"), &token, json!(["said"]), breaking(&all)),
        (json!("all"), &token, json!(["status"]), breaking(&every)),
        (json!("never released"), &token, json!(["said"]), unknown.clone()),
        (json!(""), &token, Value::Null, unknown),
    ] {
        let case = format!("{fingerprint} {topics}");
        let mut sub = json!({ "kind": "sub", "ref": "1", "data": token, "channel": channel.name() });
        for (name, value) in [("fingerprint", fingerprint), ("topics", topics)] {
            if !value.is_null() {
                sub[name] = value;
            }
        }
        let mut client = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
        client.send(&sub).await;
        client.frame().await;
        assert_eq!(drift(&client.frame().await), expected, "{case}");
        let mut events = Events::post(&server, &json!([sub])).await;
        events.frame().await;
        assert_eq!(drift(&events.frame().await), expected, "{case}, as events");
    }
}

#[tokio::test]
async fn a_page_whose_topic_no_longer_exists_receives_the_drift_with_the_error() {
    let (server, channel) = server("4").await;
    let (gone, said) = (token_for("room:4", "gone"), server.token(&channel, &["said"]));
    let removed = breaking(&[json!({ "topic": "gone", "message": "it was removed" })]);
    for (token, topics, fingerprint, expected) in [
        (&gone, Value::Null, "topics", [json!("f1f2"), removed.clone()]),
        (&said, json!(["gone"]), "topics", [json!("f1f2"), removed]),
        (&gone, Value::Null, "never released", [json!("f1f2"), json!({ "kind": "unknown" })]),
        (&gone, Value::Null, "f1f2", [json!("f1f2"), Value::Null]),
        // Another channel's token learns nothing.
        (&token_for("room:5", "gone"), Value::Null, "topics", [Value::Null, Value::Null]),
    ] {
        let mut sub = json!({
            "kind": "sub", "ref": "1", "data": token, "channel": channel.name(), "fingerprint": fingerprint,
        });
        if !topics.is_null() {
            sub["topics"] = topics;
        }
        let mut client = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
        client.send(&sub).await;
        let mut events = Events::post(&server, &json!([sub])).await;
        for frame in [client.frame().await, events.frame().await] {
            match frame {
                ServerFrame::Error { code, fingerprint, drift, .. } => {
                    assert_eq!(code, "unknown_topic");
                    assert_eq!([json!(fingerprint), json!(drift)], expected);
                }
                other => panic!("expected an error, got {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn the_query_of_a_connection_may_have_the_fingerprint() {
    let (server, channel) = server("2").await;
    let (_, other) = released_room("3");
    let grant = channel.grant(["said"]).and(other.grant(["said"]));
    let token = server.hub.token(grant).mint().unwrap();
    let query = "channel=room:2&fingerprint=never";
    let protocols = format!("fanfare.v1, bearer.{token}");
    let mut client = Client::open(&server, &format!("?{query}"), Some(&protocols)).await.unwrap();
    let mut events = Events::get(&server, &format!("token={token}&{query}"), "").await;
    // The fingerprint belongs to one channel, and the other one is subscribed as well.
    for expected in [json!({ "kind": "unknown" }), Value::Null] {
        assert_eq!(drift(&client.frame().await), expected);
        assert_eq!(drift(&events.frame().await), expected);
    }
    let long = format!("channel=room:2&fingerprint={}", "f".repeat(65));
    for (query, why) in [("fingerprint=never", "channel=<name>"), (long.as_str(), "64 characters")] {
        let refused =
            Client::open(&server, &format!("?{query}"), Some(&protocols)).await.map(|_| ()).unwrap_err();
        assert_eq!(refused.status, 400);
        assert!(refused.body["error"].as_str().unwrap().contains(why), "{}", refused.body);
        assert_eq!(Events::get(&server, &format!("token={token}&{query}"), "").await.status(), 400);
    }
}

#[tokio::test]
async fn a_bad_fingerprint_is_refused_and_subscribes_to_nothing() {
    let (server, channel) = server("4").await;
    let token = server.token(&channel, &["said"]);
    let mut client = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
    for fingerprint in [json!(7), Value::Null, json!("f".repeat(65))] {
        let sub = json!({ "kind": "sub", "ref": "1", "data": token, "channel": channel.name(), "fingerprint": fingerprint });
        client.send(&sub).await;
        assert_eq!(client.error().await, (ErrorCode::BadFrame.as_str().into(), Some("1".into())));
        assert_eq!(Events::post(&server, &json!([sub])).await.status(), 400);
    }
    client.send(&json!({ "kind": "unsub", "ref": "1" })).await;
    assert_eq!(client.error().await.0, "not_subscribed");
}

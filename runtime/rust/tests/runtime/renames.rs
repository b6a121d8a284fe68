//! Topics and signals that were renamed or removed.

use fanfare::wire::ServerFrame;
use fanfare::{Channel, Hub};
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::definition::renamed_room;
use crate::support::http;
use crate::support::server::{KEY, Server};
use crate::tokens::token_for;

async fn start() -> (Server, Channel) {
    let (registry, channel) = renamed_room("1");
    (Server::serve(Hub::builder(registry).signing_key(KEY).build().unwrap()).await, channel)
}

/// Sends a `sub`, and returns the code and the message of the error.
async fn refusal(client: &mut Client, frame: &Value) -> (String, String) {
    client.send(frame).await;
    match client.frame().await {
        ServerFrame::Error { code, message, .. } => (code, message),
        other => panic!("{frame} was answered with {other:?}"),
    }
}

#[tokio::test]
async fn a_sub_to_a_topic_that_is_not_defined_names_the_topic_and_its_new_name() {
    let (server, channel) = start().await;
    let mut client = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
    let renamed = r#"the channel "room:1" has no topic "journal"; it was renamed to "diary""#;
    let removed = r#"the channel "room:1" has no topic "diaries""#;
    let granted = server.token(&channel, &["diary", "count"]);
    let everything = json!({ "kind": "sub", "ref": "1", "data": token_for("room:1", "journal") });
    let topics = |topics: &[&str]| json!({ "kind": "sub", "ref": "1", "data": granted, "topics": topics });
    let one_channel =
        json!({ "kind": "sub", "ref": "1", "data": granted, "channel": "room:1", "topics": ["journal"] });
    for (frame, message) in [
        (everything, renamed),
        (topics(&["journal"]), renamed),
        (topics(&["count", "journal"]), renamed),
        (one_channel, renamed),
        (topics(&["diaries"]), removed),
    ] {
        assert_eq!(refusal(&mut client, &frame).await, ("unknown_topic".into(), message.into()), "{frame}");
    }
    assert_eq!(refusal(&mut client, &topics(&["flag"])).await.0, "not_granted");
    assert_eq!(refusal(&mut client, &topics(&["flag", "diaries"])).await.0, "not_granted");
    client.sub_as("1", &granted, json!({})).await;
}

#[tokio::test]
async fn requests_with_a_topic_or_signal_that_is_not_defined_get_its_code() {
    let (server, channel) = start().await;
    let refused = server.refusal(&token_for("room:1", "journal")).await;
    assert_eq!((refused.status, &refused.body["data"]["code"]), (404, &json!("unknown_topic")));
    let publisher = server.hub.token(channel.grant(["count"])).for_publishing().mint().unwrap();
    let grants = channel.grant(["count"]).and(channel.grant_signals(["verdict"]));
    let page = server.hub.token(grants).mint().unwrap();
    let reader = server.token(&channel, &["count"]);
    for (path, bearers, code, message) in [
        ("publish?channel=room:1&topic=journal", [KEY, &publisher], "unknown_topic", "renamed to \"diary\""),
        ("publish?channel=room:1&topic=gone", [KEY, &publisher], "unknown_topic", "no topic \"gone\""),
        ("signal?channel=room:1&name=nod", [KEY, &page], "unknown_signal", "renamed to \"gesture\""),
        ("signal?channel=room:1&name=gone", [&reader, &page], "unknown_signal", "no signal \"gone\""),
        ("publish?channel=rooms:1&topic=count", [KEY, KEY], "unknown_channel", "unknown channel"),
        ("signal?channel=rooms:1&name=nod", [KEY, KEY], "unknown_channel", "unknown channel"),
    ] {
        for bearer in bearers {
            let answer = http::post(server.address, path, Some(bearer), b"1").await;
            assert_eq!((answer.status, &answer.body["data"]["code"]), (404, &json!(code)), "{path}");
            assert!(answer.error().contains(message), "{path}: {}", answer.error());
        }
    }
    for (name, kind, code) in [("journal", "run", "unknown_topic"), ("nod", "signal", "unknown_signal")] {
        let entry = json!([{ "channel": "room:1", "name": name, "kind": kind }]);
        let answer = server.ask_for_token(Some(KEY), &entry).await;
        assert_eq!((answer.status, &answer.body["data"]["code"]), (404, &json!(code)));
    }
    // Another channel's token learns nothing.
    let stranger = server.token(&Channel::new(channel.definition(), &[&"2"]).unwrap(), &["count"]);
    for path in ["publish?channel=room:1&topic=journal", "signal?channel=room:1&name=nod"] {
        let status = http::post(server.address, path, Some(&stranger), b"1").await.status;
        assert!([401, 403].contains(&status), "{path}: {status}");
    }
}

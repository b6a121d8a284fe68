//! Publishing from Rust and over HTTP.

use std::time::Duration;

use fanfare::PublishError;
use serde_json::json;

use crate::support::client::Client;
use crate::support::definition::{Status, room, said, status};
use crate::support::http;
use crate::support::server::{KEY, Server};

#[tokio::test]
async fn a_payload_is_delivered_verbatim() {
    let server = Server::start().await;
    let channel = room("1");
    let mut client = server.subscribe(&channel, &["status"]).await;
    client.ready().await;
    for (body, carried) in [
        (
            r#"{ "message": "h\u00e9", "progress":1.0, "x": 1e2 }"#,
            r#"{ "message": "h\u00e9", "progress":1.0, "x": 1e2 }"#,
        ),
        ("\n {\"message\":\"a\"}\t", "{\"message\":\"a\"}"),
        (r#"{"message":"a","message":"b","x":{"y":1,"y":2}}"#, r#"{"message":"b","x":{"y":2}}"#),
        (
            r#"{"message":"a","x":18446744073709551616,"__proto__":{}}"#,
            r#"{"message":"a","x":18446744073709551616,"__proto__":{}}"#,
        ),
    ] {
        let answer = server.publish("room:1", "status", body.as_bytes()).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        let text = client.text().await;
        assert!(text.contains(answer.body["id"].as_str().unwrap()));
        assert!(text.ends_with(&format!("\"data\":{carried}}}")), "{text}");
    }
}

#[tokio::test]
async fn an_unquoted_text_is_a_string_on_a_topic_of_strings() {
    let server = Server::start().await;
    let channel = room("1");
    let mut client = server.subscribe(&channel, &["said", "count"]).await;
    client.ready().await;
    for (topic, body, expected) in [
        ("said", "hello", "hello"),
        ("said", "\"hello\"", "hello"),
        ("said", "123", "123"),
        ("said", "{\"a\":", "{\"a\":"),
        ("said", " é ", " é "),
        ("said", "", ""),
        ("count", "9007199254740993", "9007199254740993"),
        ("count", "\"-5\"", "-5"),
    ] {
        assert_eq!(server.publish("room:1", topic, body.as_bytes()).await.status, 200, "{body}");
        assert_eq!(client.data().await, expected, "{body}");
    }
    for (topic, body, status) in
        [("count", "05", 422), ("count", "x", 422), ("flag", "yes", 400), ("flag", "1", 422)]
    {
        assert_eq!(server.publish("room:1", topic, body.as_bytes()).await.status, status, "{topic} {body}");
    }
    client.expect_silence().await;
}

#[tokio::test]
async fn an_invalid_payload_is_rejected_with_every_issue() {
    let server = Server::start().await;
    let mut client = server.subscribe(&room("1"), &["status"]).await;
    client.ready().await;
    let answer = server.publish("room:1", "status", br#"{"message":"","progress":101}"#).await;
    assert_eq!(answer.status, 422);
    let issues = answer.body["data"]["issues"].as_array().unwrap();
    let paths: Vec<_> = issues
        .iter()
        .map(|issue| (issue["path"].as_str().unwrap(), issue["rule"].as_str().unwrap()))
        .collect();
    assert_eq!(paths, [("/message", "minLength"), ("/progress", "maximum")]);
    assert!(issues[1]["message"].as_str().unwrap().contains("100"));
    let values: Vec<_> = issues.iter().map(|issue| issue["value"].as_str().unwrap()).collect();
    assert_eq!(values, [r#""""#, "101"]);
    assert!(answer.error().contains("/progress"));
    client.expect_silence().await;

    let channel = room("1");
    let payload = Status { message: String::new(), progress: Some(-1) };
    let error = server.hub.publish(status(&channel), &payload).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("/message") && text.contains("/progress") && text.contains("room:1"), "{text}");
    client.expect_silence().await;
}

#[tokio::test]
async fn a_payload_on_a_topic_of_text_streams_is_rejected_with_a_hint() {
    let server = Server::start().await;
    let channel = room("1");
    for body in ["Once upon", "\"Once upon\"", "{}", ""] {
        let answer = server.publish("room:1", "draft", body.as_bytes()).await;
        assert_eq!(answer.status, 415, "{body}");
        assert!(answer.error().contains("text/stream"), "{}", answer.error());
    }
    let refused = PublishError::ExpectedTextStream { channel: "room:1".into(), topic: "draft".into() };
    let by_name = server.hub.publish_json("room:1", "draft", b"\"Once upon\"").await;
    assert_eq!(by_name, Err(refused.clone()));
    let mistyped = channel.topic::<str>(channel.definition().topics.len() - 1);
    assert_eq!(server.hub.publish(mistyped, "Once upon").await, Err(refused));
}

#[tokio::test]
async fn every_publish_error_states_its_reason() {
    let server = Server::start().await;
    let not_utf8 = [b'"', 0xff, b'"'];
    let deep = "[".repeat(200) + &"]".repeat(200);
    for (path, body, status) in [
        ("publish?channel=room:1", &b"{}"[..], 400),
        ("publish?topic=status", b"{}", 400),
        ("publish", b"{}", 400),
        ("publish?channel=room:1&topic=status", b"{\"message\":", 400),
        ("publish?channel=room:1&topic=status", b"{\"message\":\"a\"} x", 400),
        ("publish?channel=room:1&topic=status", b"", 400),
        ("publish?channel=room:1&topic=status", &not_utf8, 400),
        ("publish?channel=room:1&topic=status", deep.as_bytes(), 400),
        ("publish?channel=room:1&topic=status", br#"{"message":"\ud800"}"#, 400),
        ("publish?channel=room:1&topic=status&run_id=", br#"{"message":"a"}"#, 400),
        ("publish?channel=room:1&topic=nothing", b"{}", 404),
        ("publish?channel=room:1&topic=$run", b"{}", 404),
        ("publish?channel=room:&topic=status", b"{}", 404),
        ("publish?channel=room:a/b&topic=status", b"{}", 404),
        ("publish?channel=nowhere&topic=status", b"{}", 404),
        ("publish?channel=room:1&topic=status&topic=nothing", br#"{"message":"a"}"#, 200),
    ] {
        let answer = http::post(server.address, path, Some(KEY), body).await;
        assert_eq!(answer.status, status, "{path} {:?}", answer.body);
        if status != 200 {
            assert!(answer.error().len() > 10);
        }
    }
}

#[tokio::test]
async fn a_payload_is_never_truncated() {
    let server = Server::start().await;
    let channel = room("1");
    let mut client = server.subscribe(&channel, &["said"]).await;
    client.ready().await;
    let limit = 1024 * 1024;
    let largest = "x".repeat(limit - 2);
    let quoted = format!("\"{largest}\"");
    assert_eq!(server.publish("room:1", "said", quoted.as_bytes()).await.status, 200);
    assert_eq!(client.data().await, json!(largest));
    assert_eq!(server.publish("room:1", "said", format!(" {quoted}").as_bytes()).await.status, 413);
    assert_eq!(server.publish("room:1", "said", "x".repeat(3 * limit).as_bytes()).await.status, 413);
    server.hub.publish(said(&channel), &largest).await.unwrap();
    client.data().await;
    let error = server.hub.publish(said(&channel), &format!("{largest}x")).await;
    assert_eq!(error, Err(PublishError::TooLarge { bytes: limit + 1 }));
    client.expect_silence().await;
}

#[tokio::test]
async fn only_the_signing_key_or_a_token_for_publishing_may_publish() {
    let server = Server::start().await;
    let (one, two) = (room("1"), room("2"));
    let publisher =
        server.hub.token(one.grant(["said"]).and(two.grant(["status"]))).for_publishing().mint().unwrap();
    let subscriber = server.token(&one, &["said"]);
    let publish = |path: &'static str, bearer: Option<&str>| {
        let (address, bearer) = (server.address, bearer.map(str::to_owned));
        async move { http::post(address, &format!("publish?{path}"), bearer.as_deref(), b"hi").await }
    };
    assert_eq!(publish("channel=room:1&topic=said", Some(&publisher)).await.status, 200);
    let refused = publish("channel=room:1&topic=said", None).await;
    assert_eq!(refused.status, 401);
    for (path, bearer) in [
        ("channel=room:1&topic=said", Some(subscriber.as_str())),
        ("channel=room:1&topic=said", Some("x")),
        ("channel=room:1&topic=status", Some(&publisher)),
        ("channel=room:2&topic=said", Some(&publisher)),
        ("channel=room:3&topic=said", Some(&publisher)),
        ("channel=nowhere&topic=said", Some(&publisher)),
        ("channel=nowhere&topic=said", None),
        ("", Some(&publisher)),
    ] {
        assert_eq!(publish(path, bearer).await, refused, "{path} {bearer:?}");
    }
    assert_eq!(Client::connect(&server, &publisher, None).await.map(|_| ()).unwrap_err().status, 401);
}

#[tokio::test]
async fn idempotency_keys_are_kept_when_memory_runs_short() {
    let server = Server::start_with(|builder| builder.max_history_bytes(100_000).max_idle_channels(0)).await;
    let publish =
        async || server.hub.publish(said(&room("keyed")), "once").idempotency_key("k").await.unwrap();
    let first = publish().await;
    let long = "x".repeat(10_000);
    // Longer than the cleanup interval, with less memory than all channels need.
    for number in 0..80 {
        server.hub.publish(said(&room(&number.to_string())), &long).await.unwrap();
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    assert_eq!(publish().await, first);
}

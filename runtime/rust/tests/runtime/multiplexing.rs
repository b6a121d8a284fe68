//! Many subscriptions on one connection, each with its own ref, cursor and token.

use fanfare::wire::ServerFrame;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::definition::{Status, room, said, small, status};
use crate::support::server::Server;

async fn refused(client: &mut Client, frame: &Value, code: &str) {
    let subscription_id = frame["ref"].as_str().map(str::to_owned);
    client.send(frame).await;
    assert_eq!(client.error().await, (code.to_owned(), subscription_id), "{frame}");
}

#[tokio::test]
async fn a_connection_may_open_without_a_token_and_subscribe_later() {
    let server = Server::start().await;
    let channel = room("1");
    let mut client = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
    client.sub_as("7", &server.token(&channel, &["said"]), json!({})).await;
    server.hub.publish(said(&channel), "a").await.unwrap();
    assert_eq!(client.marked_data().await, (Some("7".into()), json!("a")));
    client.expect_silence().await;
}

#[tokio::test]
async fn subscribers_of_one_channel_receive_only_the_messages_they_asked_for() {
    let server = Server::start().await;
    let channel = room("1");
    let mut all = server.subscribe(&channel, &["said", "status"]).await;
    all.ready().await;
    let mut some = server.subscribe(&channel, &["said"]).await;
    some.ready().await;
    let mut guest = server.guest(&channel, &["said", "status"]).await;
    let mut marked = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
    marked.sub_as("7", &server.token(&channel, &["said", "status"]), json!({})).await;
    for round in 0..20 {
        // Several at a time, so that they are read together.
        for number in 0..4 {
            let text = format!("{round}.{number}");
            server.hub.publish(said(&channel), text.as_str()).await.unwrap();
            server.hub.publish(status(&channel), &Status::new(&text)).await.unwrap();
        }
        for number in 0..4 {
            let text = json!(format!("{round}.{number}"));
            let status = json!({ "message": text });
            for client in [&mut all, &mut guest] {
                assert_eq!(client.data().await, text);
                assert_eq!(client.data().await, status);
            }
            assert_eq!(some.data().await, text);
            assert_eq!(marked.marked_data().await, (Some("7".into()), text));
            assert_eq!(marked.marked_data().await, (Some("7".into()), status));
        }
    }
    some.expect_silence().await;
}

#[tokio::test]
async fn two_subscriptions_to_one_channel_each_receive_everything_from_their_own_cursor() {
    let server = Server::start().await;
    let channel = room("1");
    for text in ["a", "b"] {
        server.hub.publish(said(&channel), text).await.unwrap();
    }
    let token = server.token(&channel, &["said"]);
    let mut client = Client::connect(&server, &token, None).await.unwrap();
    client.ready().await;
    client.sub_as("new", &token, json!({})).await;
    client.sub_as("old", &token, json!({ "room:1": "start" })).await;
    assert_eq!(client.marked_data().await, (Some("old".into()), json!("a")));
    assert_eq!(client.marked_data().await, (Some("old".into()), json!("b")));
    server.hub.publish(said(&channel), "c").await.unwrap();
    let mut received = Vec::new();
    for _ in 0..3 {
        received.push(client.marked_data().await);
    }
    received.sort_by_key(|(subscription_id, _)| subscription_id.clone());
    let expected = [None, Some("new".into()), Some("old".into())]
        .map(|subscription_id: Option<String>| (subscription_id, json!("c")));
    assert_eq!(received, expected);

    client.send(&json!({ "kind": "unsub", "ref": "new" })).await;
    let channels = vec!["room:1".to_owned()];
    let ended = ServerFrame::Unsubscribed { subscription_id: Some("new".into()), channels, code: None };
    assert_eq!(client.frame().await, ended);
    client.send(&json!({ "kind": "unsub", "channel": "room:1" })).await;
    assert!(matches!(client.frame().await, ServerFrame::Unsubscribed { subscription_id: None, .. }));
    server.hub.publish(said(&channel), "d").await.unwrap();
    assert_eq!(client.marked_data().await, (Some("old".into()), json!("d")));
    client.expect_silence().await;
}

#[tokio::test]
async fn a_sub_may_be_narrowed_to_a_channel_and_to_topics() {
    let server = Server::start().await;
    let (first, second) = (room("1"), room("2"));
    let grant = first.grant(["said", "status"]).and(second.grant(["said"]));
    let token = server.hub.token(grant).mint().unwrap();
    let mut client = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
    let sub = |subscription_id: &str, more: Value| {
        let mut frame = json!({ "kind": "sub", "ref": subscription_id, "data": token });
        frame.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        frame
    };
    for (subscription_id, more, channels) in [
        ("one", json!({ "channel": "room:1", "topics": ["status"] }), vec!["room:1"]),
        ("both", json!({ "topics": ["said"] }), vec!["room:1", "room:2"]),
    ] {
        client.send(&sub(subscription_id, more)).await;
        let expected = channels.iter().copied().map(String::from).collect();
        let subscribed =
            ServerFrame::Subscribed { subscription_id: Some(subscription_id.into()), channels: expected };
        assert_eq!(client.frame().await, subscribed);
        for _ in channels {
            client.ready().await;
        }
    }
    server.hub.publish(said(&first), "said").await.unwrap();
    assert_eq!(client.marked_data().await, (Some("both".into()), json!("said")));
    server.hub.publish(status(&first), &Status::new("s")).await.unwrap();
    assert_eq!(client.marked_data().await, (Some("one".into()), json!({ "message": "s" })));

    refused(&mut client, &sub("x", json!({ "channel": "room:3" })), "not_granted").await;
    refused(&mut client, &sub("x", json!({ "channel": "room:2", "topics": ["status"] })), "not_granted")
        .await;
    refused(&mut client, &sub("x", json!({ "topics": ["said", "journal"] })), "not_granted").await;
    refused(&mut client, &sub("one", json!({})), "ref_in_use").await;
    refused(&mut client, &json!({ "kind": "unsub", "ref": "x" }), "not_subscribed").await;
    refused(&mut client, &json!({ "kind": "sub", "ref": "x", "data": "a.b.c" }), "unauthorized").await;
    client.expect_silence().await;
}

#[tokio::test]
async fn a_gap_names_its_subscription_and_reaches_no_other() {
    let server = Server::start().await;
    let channel = small("1");
    let first = server.hub.publish(said(&channel), "0").await.unwrap();
    for number in 1..10 {
        server.hub.publish(said(&channel), &number.to_string()).await.unwrap();
    }
    let token = server.token(&channel, &["said"]);
    let mut client = Client::connect(&server, &token, None).await.unwrap();
    client.ready().await;
    client.sub_as("7", &token, json!({ "small:1": first })).await;
    match client.frame().await {
        ServerFrame::Gap { subscription_id, after, .. } => {
            assert_eq!((subscription_id, after), (Some("7".into()), first))
        }
        other => panic!("{other:?}"),
    }
    for number in 5..10 {
        assert_eq!(client.marked_data().await, (Some("7".into()), json!(number.to_string())));
    }
    client.expect_silence().await;
}

#[tokio::test]
async fn a_batch_of_a_subscription_is_one_array_with_its_ref() {
    let server = Server::start().await;
    let channel = room("1");
    for number in 0..1000 {
        server.hub.publish(said(&channel), &number.to_string()).await.unwrap();
    }
    let mut client = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
    client.sub_as("a \"quoted\" ref", &server.token(&channel, &["said"]), json!({ "room:1": "start" })).await;
    for number in 0..1000 {
        let received = client.marked_data().await;
        assert_eq!(received, (Some("a \"quoted\" ref".into()), json!(number.to_string())));
    }
    assert!(client.batches.iter().any(|frames| *frames > 10), "{:?}", client.batches);
}

#[tokio::test]
async fn a_connection_has_at_most_a_thousand_subscriptions() {
    let server = Server::start().await;
    let channel = room("1");
    let token = server.token(&channel, &["said"]);
    let mut client = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
    for number in 0..1000 {
        client.sub_as(&number.to_string(), &token, json!({})).await;
    }
    let sub = json!({ "kind": "sub", "ref": "x", "data": token });
    refused(&mut client, &sub, "too_many_channels").await;
    server.hub.publish(said(&channel), "all").await.unwrap();
    let mut received = Vec::new();
    for _ in 0..1000 {
        received.push(client.marked_data().await.0.unwrap().parse::<u32>().unwrap());
    }
    received.sort_unstable();
    assert!(received.into_iter().eq(0..1000));
    client.send(&json!({ "kind": "unsub", "ref": "500" })).await;
    client.frame().await;
    client.sub_as("x", &token, json!({})).await;
}

#[tokio::test]
async fn alive_is_answered_at_once() {
    let server = Server::start().await;
    let mut client = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
    client.send(&json!({ "kind": "alive" })).await;
    assert_eq!(client.frame().await, ServerFrame::Alive { next_in: 15_000 });
}

#[tokio::test]
async fn messages_of_many_channels_are_written_together_and_fairly() {
    let server = Server::start().await;
    let mut client = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
    let channels: Vec<_> = (0..100).map(|number| room(&number.to_string())).collect();
    for (number, channel) in channels.iter().enumerate() {
        client.sub_as(&number.to_string(), &server.token(channel, &["said"]), json!({})).await;
    }
    // More of the first than fits one write.
    let large = "x".repeat(10_000);
    for _ in 0..50 {
        server.hub.publish(said(&channels[0]), &large).await.unwrap();
    }
    for channel in &channels[1..] {
        server.hub.publish(said(channel), "small").await.unwrap();
    }
    let (mut large, mut small) = (0, 0);
    while large < 50 || small < 99 {
        match client.marked_data().await.0.as_deref() {
            Some("0") => large += 1,
            _ => small += 1,
        }
    }
    client.expect_silence().await;
}

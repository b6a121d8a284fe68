//! Adding and removing subscriptions on an open connection.

use fanfare::wire::ServerFrame;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::definition::{Status, room, said, status};
use crate::support::server::Server;

async fn subscribed(client: &mut Client) -> Vec<String> {
    match client.frame().await {
        ServerFrame::Subscribed { subscription_id, channels } => {
            assert_eq!(subscription_id, None);
            channels
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn sub_and_unsub_are_acknowledged() {
    let server = Server::start().await;
    let (first, second) = (room("1"), room("2"));
    let mut client = server.subscribe(&first, &["said"]).await;
    client.ready().await;
    client.sub(&server.token(&second, &["said"]), json!({})).await;
    assert_eq!(subscribed(&mut client).await, ["room:2"]);
    client.ready().await;
    server.hub.publish(said(&second), "two").await.unwrap();
    assert_eq!(client.data().await, "two");

    client.send(&json!({ "kind": "unsub", "channel": "room:2" })).await;
    let channels = vec!["room:2".to_owned()];
    assert_eq!(
        client.frame().await,
        ServerFrame::Unsubscribed { subscription_id: None, channels, code: None }
    );
    server.hub.publish(said(&second), "no").await.unwrap();
    server.hub.publish(said(&first), "one").await.unwrap();
    assert_eq!(client.data().await, "one");
    client.expect_silence().await;

    client.send(&json!({ "kind": "unsub", "channel": "room:2" })).await;
    assert_eq!(client.error().await, ("not_subscribed".into(), None));
}

#[tokio::test]
async fn sub_resumes_from_its_since() {
    let server = Server::start().await;
    let (first, second) = (room("1"), room("2"));
    let id = server.hub.publish(said(&second), "a").await.unwrap();
    server.hub.publish(said(&second), "b").await.unwrap();
    let mut client = server.subscribe(&first, &["said"]).await;
    client.ready().await;
    client.sub(&server.token(&second, &["said"]), json!({ "room:2": id })).await;
    subscribed(&mut client).await;
    assert_eq!(client.ready().await, id.to_string());
    assert_eq!(client.data().await, "b");
}

#[tokio::test]
async fn a_repeated_sub_repeats_no_message_unless_asked_to() {
    let server = Server::start().await;
    let channel = room("1");
    server.hub.publish(status(&channel), &Status::new("s")).await.unwrap();
    let mut client = server.subscribe(&channel, &["said", "status"]).await;
    client.ready().await;
    client.data().await;
    let last = server.hub.publish(said(&channel), "a").await.unwrap().to_string();
    assert_eq!(client.data().await, "a");

    let token = server.token(&channel, &["said", "status"]);
    client.sub(&token, json!({})).await;
    subscribed(&mut client).await;
    assert_eq!(client.ready().await, last, "the position is what was sent");
    client.expect_silence().await;

    // A second subscription on the connection starts as a new subscriber.
    client.sub(&server.token(&channel, &["status"]), json!({ "room:1": "now" })).await;
    subscribed(&mut client).await;
    assert!(client.ready().await.contains('~'));
    assert_eq!(client.data().await, json!({ "message": "s" }));
    client.expect_silence().await;

    // A topic that is added starts as for a new subscriber; the others continue.
    server.hub.publish(fanfare::Channel::topic::<str>(&channel, 2), "j").await.unwrap();
    client.sub(&server.token(&channel, &["journal"]), json!({})).await;
    subscribed(&mut client).await;
    client.ready().await;
    assert_eq!(client.data().await, "j");
    client.expect_silence().await;
    server.hub.publish(said(&channel), "b").await.unwrap();
    assert_eq!(client.data().await, "b");
    client.expect_silence().await;
}

#[tokio::test]
async fn a_rejected_sub_changes_nothing() {
    let server = Server::start().await;
    let channel = room("1");
    let mut client = server.subscribe(&channel, &["said"]).await;
    client.ready().await;
    client.sub("a.b.c", json!({})).await;
    assert_eq!(client.error().await, ("unauthorized".into(), None));
    let publisher = server.hub.token(channel.grant(["said"])).for_publishing().mint().unwrap();
    client.sub(&publisher, json!({})).await;
    assert_eq!(client.error().await, ("unauthorized".into(), None));
    client.sub(&crate::tokens::token_for("room:", "said"), json!({})).await;
    assert_eq!(client.error().await, ("unknown_channel".into(), None));
    server.hub.publish(said(&channel), "still").await.unwrap();
    assert_eq!(client.data().await, "still");
}

#[tokio::test]
async fn a_connection_has_at_most_a_thousand_channels() {
    let server = Server::start().await;
    let mut client = server.subscribe(&room("x"), &["said"]).await;
    client.ready().await;
    for batch in 0..16 {
        let channels: Vec<Value> = (0..64)
            .map(|number| json!({ "kind": "run", "channel": format!("room:{batch}-{number}"), "name": "said" }))
            .collect();
        let answer = server.ask_for_token(Some(crate::support::server::KEY), &json!(channels)).await;
        client.sub(answer.body["jwt"].as_str().unwrap(), json!({})).await;
        if batch == 15 {
            assert_eq!(client.error().await.0, "too_many_channels");
            break;
        }
        assert_eq!(subscribed(&mut client).await.len(), 64);
        for _ in 0..64 {
            client.ready().await;
        }
    }
    for name in ["7-7", "14-63", "0-0"] {
        server.hub.publish(said(&room(name)), name).await.unwrap();
        assert_eq!(client.data().await, name);
    }
}

#[tokio::test]
async fn bad_frames_get_errors_until_there_are_too_many() {
    let server = Server::start().await;
    let mut client = server.subscribe(&room("1"), &["said"]).await;
    client.ready().await;
    for number in 0..15 {
        let subscription_id = number.to_string();
        client.send(&json!({ "kind": "sub", "ref": subscription_id, "data": number })).await;
        assert_eq!(client.error().await, ("bad_frame".into(), Some(subscription_id)));
    }
    client.send_text("{").await;
    assert_eq!(client.close_code().await, 4400);
}

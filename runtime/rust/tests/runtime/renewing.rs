//! Renewing and revoking tokens.

use std::time::Duration;

use fanfare::wire::ServerFrame;
use fanfare::{Channel, RevokeError};
use serde_json::json;

use crate::support::client::Client;
use crate::support::definition::{room, said};
use crate::support::http;
use crate::support::server::{KEY, Server};

fn token(server: &Server, channel: &Channel, seconds: u64, id: &str) -> String {
    let token = server.hub.token(channel.grant(["said"])).expires_in(Duration::from_secs(seconds));
    token.id(id).subject("user_1").mint().unwrap()
}

async fn open(server: &Server) -> Client {
    let mut client = Client::open(server, "", Some("fanfare.v1")).await.unwrap();
    client.sees_expiring = true;
    client
}

async fn expiring(client: &mut Client) -> Option<String> {
    match client.frame().await {
        ServerFrame::Expiring { subscription_id, r#in } => {
            assert!(r#in <= 2000);
            subscription_id
        }
        other => panic!("expected expiring, got {other:?}"),
    }
}

async fn ended(client: &mut Client, expected: &str, code: &str) {
    match client.frame().await {
        ServerFrame::Unsubscribed { subscription_id, channels, code: found } => {
            assert_eq!((subscription_id.as_deref(), found.as_deref()), (Some(expected), Some(code)));
            assert_eq!(channels.len(), 1);
        }
        other => panic!("expected unsubscribed, got {other:?}"),
    }
}

#[tokio::test]
async fn a_subscription_that_is_renewed_before_its_token_expires_continues() {
    let server = Server::start().await;
    let channel = room("1");
    let mut client = open(&server).await;
    client.sub_as("7", &token(&server, &channel, 8, "a"), json!({})).await;
    assert_eq!(expiring(&mut client).await.as_deref(), Some("7"));
    client.send(&json!({ "kind": "renew", "ref": "7", "data": token(&server, &channel, 60, "b") })).await;
    match client.frame().await {
        ServerFrame::Renewed { subscription_id, expires_in } => {
            assert_eq!(subscription_id.as_deref(), Some("7"));
            assert!((50_000..=60_000).contains(&expires_in));
        }
        other => panic!("{other:?}"),
    }
    tokio::time::sleep(Duration::from_millis(2500)).await;
    server.hub.publish(said(&channel), "after").await.unwrap();
    assert_eq!(client.data().await, "after");
    // An expired token that is no longer used ends no subscription.
    server.hub.revoke("a").await.unwrap();
    client.expect_silence().await;
}

#[tokio::test]
async fn a_subscription_that_is_not_renewed_ends_and_others_continue() {
    let server = Server::start().await;
    let (first, second) = (room("1"), room("2"));
    let mut client = open(&server).await;
    client.sub_as("long", &token(&server, &second, 60, "b"), json!({})).await;
    client.sub_as("brief", &token(&server, &first, 4, "a"), json!({})).await;
    assert_eq!(expiring(&mut client).await.as_deref(), Some("brief"));
    ended(&mut client, "brief", "expired").await;
    server.hub.publish(said(&first), "no").await.unwrap();
    server.hub.publish(said(&second), "yes").await.unwrap();
    assert_eq!(client.marked_data().await, (Some("long".into()), json!("yes")));
    client.expect_silence().await;
}

#[tokio::test]
async fn a_subscription_without_a_ref_can_be_renewed() {
    let server = Server::start().await;
    let channel = room("1");
    let mut client = Client::connect(&server, &token(&server, &channel, 8, "a"), None).await.unwrap();
    client.sees_expiring = true;
    client.ready().await;
    assert_eq!(expiring(&mut client).await, None);
    client.send(&json!({ "kind": "renew", "data": token(&server, &channel, 60, "a") })).await;
    assert!(matches!(client.frame().await, ServerFrame::Renewed { subscription_id: None, .. }));
    tokio::time::sleep(Duration::from_millis(2500)).await;
    server.hub.publish(said(&channel), "after").await.unwrap();
    assert_eq!(client.data().await, "after");
}

#[tokio::test]
async fn a_token_that_grants_less_or_is_invalid_renews_nothing() {
    let server = Server::start().await;
    let (first, second) = (room("1"), room("2"));
    let mut client = open(&server).await;
    let both = server.hub.token(first.grant(["said"]).and(second.grant(["said"]))).mint().unwrap();
    client.sub_as("7", &both, json!({})).await;
    let publishing = server.hub.token(first.grant(["said"])).for_publishing().mint().unwrap();
    for (subscription_id, token, code) in [
        ("7", server.token(&first, &["said"]), "not_granted"),
        ("7", server.token(&room("3"), &["said"]), "not_granted"),
        ("7", "a.b.c".to_owned(), "unauthorized"),
        ("7", publishing, "unauthorized"),
        ("8", both.clone(), "not_subscribed"),
    ] {
        client.send(&json!({ "kind": "renew", "ref": subscription_id, "data": token })).await;
        assert_eq!(client.error().await, (code.to_owned(), Some(subscription_id.to_owned())));
    }
    client.send(&json!({ "kind": "renew", "data": both })).await;
    assert_eq!(client.error().await, ("not_subscribed".to_owned(), None));
    server.hub.publish(said(&first), "still").await.unwrap();
    assert_eq!(client.data().await, "still");
}

#[tokio::test]
async fn a_revoked_token_ends_its_subscriptions_at_once_and_opens_no_more() {
    let server = Server::start().await;
    let channel = room("1");
    let stolen = token(&server, &channel, 600, "login_17");
    let mut own = Client::connect(&server, &stolen, None).await.unwrap();
    own.ready().await;
    let mut guest = Client::connect_guest(&server, &stolen).await.unwrap();
    let mut client = open(&server).await;
    client.sub_as("theirs", &stolen, json!({})).await;
    client.sub_as("ours", &token(&server, &channel, 600, "login_18"), json!({})).await;

    let body = br#"{"jti":"login_17"}"#;
    assert_eq!(http::post(server.address, "revoke", Some(KEY), body).await.status, 204);
    ended(&mut client, "theirs", "revoked").await;
    assert_eq!(own.close_code().await, 4403);
    assert_eq!(guest.close_code().await, 4403);
    server.hub.publish(said(&channel), "secret").await.unwrap();
    assert_eq!(client.marked_data().await, (Some("ours".into()), json!("secret")));
    client.expect_silence().await;

    assert_eq!(server.refusal(&stolen).await.status, 401);
    for frame in [
        json!({ "kind": "sub", "ref": "x", "data": stolen }),
        json!({ "kind": "renew", "ref": "ours", "data": stolen }),
    ] {
        client.send(&frame).await;
        assert_eq!(client.error().await.0, "unauthorized");
    }
    let later = token(&server, &channel, 600, "login_17");
    assert_eq!(server.refusal(&later).await.status, 401, "every token with the id");
}

#[tokio::test]
async fn revoking_requires_the_signing_key_and_an_id() {
    let server = Server::start().await;
    let long = format!(r#"{{"jti":"{}"}}"#, "x".repeat(257));
    let token = server.token(&room("1"), &["said"]);
    for (bearer, body, status) in [
        (None, r#"{"jti":"a"}"#, 401),
        (Some(token.as_str()), r#"{"jti":"a"}"#, 401),
        (Some(KEY), r#"{"jti":""}"#, 400),
        (Some(KEY), r#"{"jti":7}"#, 400),
        (Some(KEY), r#"["a"]"#, 400),
        (Some(KEY), "a", 400),
        (Some(KEY), &long, 400),
        (Some(KEY), r#"{"jti":"nobody's"}"#, 204),
    ] {
        let answer = http::post(server.address, "revoke", bearer, body.as_bytes()).await;
        assert_eq!(answer.status, status, "{body}");
    }
    assert_eq!(server.hub.revoke("").await, Err(RevokeError::InvalidId));
}

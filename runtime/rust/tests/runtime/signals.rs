//! Signals: their Rust types, and the tokens that grant them.

use fanfare::{ResolveError, TokenError, TypedChannel};
use serde_json::json;

use crate::support::client::Client;
use crate::support::definition::{Outcome, REGISTRY, Room, room, small};
use crate::support::jwt::claims;
use crate::support::server::{KEY, Server};

#[test]
fn a_signal_has_its_channel_its_definition_and_its_index() {
    let room = Room(room("1"));
    let nod = room.nod();
    assert_eq!(nod.channel(), room.channel());
    assert_eq!((nod.definition().name, nod.index()), ("nod", 1));
    assert_eq!(format!("{nod:?}"), "Signal(room:1, nod)");
    let refused = fanfare::schema::check(nod.definition().schema, &7).unwrap_err();
    assert_eq!(refused[0].message, "must be a string");
}

#[test]
fn a_channel_converts_to_its_own_type_only() {
    let named = REGISTRY.resolve("room:1").unwrap();
    let room = Room::from_channel(named).unwrap();
    assert_eq!(room.channel().name(), "room:1");
    assert_eq!(Room::from_channel(small("1")), None);
    let result = <Room as TypedChannel>::DEFINITION.result.unwrap();
    assert!(fanfare::schema::check(result, &Outcome { message: "Done".into() }).is_ok());
    assert!(fanfare::schema::check(result, &Outcome { message: String::new() }).is_err());
}

#[tokio::test]
async fn a_token_grants_signals_and_topics() {
    let server = Server::start().await;
    let channel = room("1");
    let grant = channel.grant(["said"]).and(channel.grant_signals(["approve", "nod"]));
    let token = server.hub.token(grant).subject("user_1").mint().unwrap();
    let claims = claims(&token);
    assert_eq!(claims["topics"], json!([{ "kind": "run", "channel": "room:1", "name": "said" }]));
    let signals = json!([{ "channel": "room:1", "name": "approve" }, { "channel": "room:1", "name": "nod" }]);
    assert_eq!(claims["signals"], signals);
    Client::connect(&server, &token, None).await.unwrap().ready().await;
}

#[tokio::test]
async fn a_token_without_signals_has_no_signals_claim() {
    let server = Server::start().await;
    let claims = claims(&server.token(&room("1"), &["said"]));
    assert_eq!(claims.get("signals"), None);
}

#[tokio::test]
async fn a_token_for_signals_only_is_valid_and_subscribes_to_nothing() {
    let server = Server::start().await;
    let channel = room("1");
    let token = server.hub.token(channel.grant_signals(["approve"])).mint().unwrap();
    assert_eq!(claims(&token)["topics"], json!([]));
    let refusal = server.refusal(&token).await;
    assert_eq!(refusal.status, 401);

    let mut client = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
    client.send(&json!({ "kind": "sub", "ref": "7", "data": token })).await;
    assert_eq!(client.error().await, ("not_granted".to_owned(), Some("7".to_owned())));
    client.sub_as("7", &server.token(&channel, &["said"]), json!({})).await;
}

#[tokio::test]
async fn a_token_for_signals_does_not_publish() {
    let server = Server::start().await;
    let token = server.hub.token(room("1").grant_signals(["approve"])).for_publishing().mint().unwrap();
    let path = "publish?channel=room:1&topic=said";
    let answer = crate::support::http::post(server.address, path, Some(&token), br#""Hello""#).await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn a_backend_requests_signals_and_topics_in_one_list() {
    let server = Server::start().await;
    let entry = |kind: &str, name: &str| json!({ "channel": "room:1", "name": name, "kind": kind });
    let asked = json!([entry("run", "said"), entry("signal", "approve")]);
    let answer = server.ask_for_token(Some(KEY), &asked).await;
    assert_eq!(answer.status, 201);
    let claims = claims(answer.body["jwt"].as_str().unwrap());
    assert_eq!(claims["topics"], json!([{ "kind": "run", "channel": "room:1", "name": "said" }]));
    assert_eq!(claims["signals"], json!([{ "channel": "room:1", "name": "approve" }]));

    let alone = server.ask_for_token(Some(KEY), &json!([entry("signal", "approve")])).await;
    assert_eq!(alone.status, 201);
    for (status, body) in [
        (404, json!([entry("signal", "said")])),
        (404, json!([entry("run", "approve")])),
        (404, json!([{ "channel": "hall:1", "name": "approve", "kind": "signal" }])),
        (400, json!([entry("signals", "approve")])),
        (400, json!([entry("run", "said"), { "kind": "signal", "name": "approve" }])),
    ] {
        assert_eq!(server.ask_for_token(Some(KEY), &body).await.status, status, "{body}");
    }
}

#[tokio::test]
async fn a_token_for_unknown_or_too_many_signals_is_rejected() {
    let server = Server::start().await;
    let channel = room("1");
    let unknown = server.hub.token(channel.grant_signals(["applaud"])).mint().unwrap_err();
    assert!(matches!(unknown, TokenError::Unknown(ResolveError::Signal { .. })));
    assert_eq!(unknown.to_string(), r#"the channel "room:1" has no signal "applaud""#);
    assert_eq!(server.hub.token(channel.grant_signals([])).mint(), Err(TokenError::EmptyGrant));
    let many = |count: u32| {
        let rooms = (0..count).map(|id| room(&id.to_string()).grant_signals(["approve"]));
        rooms.fold(channel.grant(["said"]), fanfare::Grant::and)
    };
    assert!(server.hub.token(many(63)).mint().is_ok());
    assert_eq!(server.hub.token(many(64)).mint(), Err(TokenError::GrantTooLarge(65)));
}

//! Access to the admin routes.

use std::time::Duration;

use fanfare::Hub;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::definition::{REGISTRY, room};
use crate::support::http::{admin, get_with, post};
use crate::support::jwt;
use crate::support::server::{KEY, Server};

const READS: &[&str] = &[
    "server",
    "definitions",
    "metrics",
    "connections",
    "channels",
    "history?channel=room:1",
    "runs",
    "run?run_id=1",
    "calls?run_id=1",
    "signals?run_id=1",
];
const ACTIONS: &[&str] = &["cancel?run_id=1", "retry?run_id=1", "wake?run_id=1", "rerun?run_id=1&call=0"];

async fn start() -> Server {
    Server::start_with(|builder| builder.admin_routes(true)).await
}

#[tokio::test]
async fn there_are_no_admin_routes_unless_they_are_enabled() {
    let server = Server::start().await;
    for path in READS {
        assert_eq!(admin(server.address, path, Some(KEY)).await.status, 404, "{path}");
    }
    for path in ACTIONS {
        assert_eq!(
            post(server.address, &format!("admin/{path}"), Some(KEY), b"").await.status,
            404,
            "{path}"
        );
    }
}

#[tokio::test]
async fn only_the_signing_key_and_admin_tokens_are_accepted() {
    let server = start().await;
    let grant = || room("1").grant(["said"]);
    let subscribing = server.hub.token(grant()).mint().unwrap();
    let publishing = server.hub.token(grant()).for_publishing().mint().unwrap();
    let signalling = server.hub.token(room("1").grant_signals(["nod"])).mint().unwrap();
    let minted = server
        .ask_for_token(Some(KEY), &json!([{ "channel": "room:1", "name": "said", "kind": "run" }]))
        .await;
    let foreign =
        Hub::builder(&REGISTRY).signing_key("signkey-test-ffffffffffffffffffffffffffffffff").build().unwrap();
    let foreign = foreign.admin().token().mint().unwrap();
    let expected = admin(server.address, "server", None).await;
    assert_eq!(
        (expected.status, expected.error()),
        (401, "Not authenticated: send a valid signing key or token")
    );
    let wrong_key = "signkey-test-00112233445566778899aabbccddeefe";
    let mut bearers = vec![wrong_key, "", &subscribing, &publishing, &signalling, &foreign];
    bearers.push(minted.body["jwt"].as_str().unwrap());
    for bearer in bearers {
        for path in READS {
            assert_eq!(admin(server.address, path, Some(bearer)).await, expected, "{path} {bearer}");
        }
        for path in ACTIONS {
            let path = format!("admin/{path}");
            assert_eq!(post(server.address, &path, Some(bearer), b"").await, expected, "{path} {bearer}");
        }
    }
    let token = server.hub.admin().token().subject("operator").mint().unwrap();
    for bearer in [KEY, &token] {
        assert_eq!(admin(server.address, "server", Some(bearer)).await.status, 200);
    }
}

#[tokio::test]
async fn an_admin_token_grants_nothing_else_and_can_be_revoked() {
    let server = start().await;
    let token = server.hub.admin().token().id("login_1").expires_in(Duration::from_secs(60)).mint().unwrap();
    assert_eq!(Client::connect(&server, &token, None).await.map(|_| ()).unwrap_err().status, 401);
    for path in ["publish?channel=room:1&topic=said", "signal?channel=room:1&name=nod", "token", "revoke"] {
        assert_eq!(post(server.address, path, Some(&token), b"\"x\"").await.status, 401, "{path}");
    }
    assert_eq!(admin(server.address, "server", Some(&token)).await.status, 200);
    server.hub.revoke("login_1").await.unwrap();
    assert_eq!(admin(server.address, "server", Some(&token)).await.status, 401);
}

#[tokio::test]
async fn a_token_that_is_for_admins_and_for_something_else_is_refused() {
    let server = start().await;
    let valid = jwt::claims(&server.hub.admin().token().mint().unwrap());
    let claims = |topics: Value, extra: Value| {
        let mut claims = valid.clone();
        claims["topics"] = topics;
        for (name, value) in extra.as_object().unwrap() {
            claims[name] = value.clone();
        }
        jwt::sign("HS256", &claims, KEY)
    };
    let topic = json!([{ "kind": "run", "channel": "room:1", "name": "said" }]);
    let alone = claims(json!([]), json!({ "admin": true }));
    assert_eq!(admin(server.address, "server", Some(&alone)).await.status, 200);
    for token in [
        claims(topic.clone(), json!({ "admin": true })),
        claims(json!([]), json!({ "admin": true, "publish": true })),
        claims(json!([]), json!({ "admin": "true" })),
        claims(json!([]), json!({ "admin": false })),
        claims(topic, json!({ "admin": false })),
    ] {
        assert_eq!(admin(server.address, "server", Some(&token)).await.status, 401);
    }
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_and_so_is_everything_after_a_shutdown() {
    let server =
        Server::start_with(|builder| builder.admin_routes(true).allowed_origins(["https://example.com"]))
            .await;
    let get = async |origin: &str| {
        let headers = format!("Authorization: Bearer {KEY}\r\nOrigin: {origin}\r\n");
        get_with(server.address, "/v1/realtime/admin/server", &headers).await.status
    };
    assert_eq!((get("https://example.com").await, get("https://example.org").await), (200, 403));
    server.hub.shutdown().await;
    assert_eq!(admin(server.address, "server", Some(KEY)).await.status, 503);
}

#[tokio::test]
async fn parameters_are_checked() {
    let server = start().await;
    for (path, error) in [
        ("history", "missing parameter channel: add channel=…"),
        ("channels?limit=0", "limit must be a whole number from 1 to 500"),
        ("channels?limit=501", "limit must be a whole number from 1 to 500"),
        (
            "runs?state=waiting",
            "unknown state \"waiting\": use one of running, halted, completed, failed, cancelled",
        ),
        (
            "runs?activity=running",
            "unknown activity \"running\": use one of executing, due, waiting, retrying, sleeping",
        ),
        ("runs?created_after=today", "created_after must be a time such as 2026-01-31T12:00:00.000Z"),
        ("history?channel=room:1&order=up", "order must be newest or oldest"),
        (
            "history?channel=room:1&cursor=x",
            "invalid cursor: pass the `next` of a page with the same parameters",
        ),
        ("connections?cursor=x", "invalid cursor: pass the `next` of a page with the same parameters"),
    ] {
        let answer = admin(server.address, path, Some(KEY)).await;
        assert_eq!((answer.status, answer.error()), (400, error), "{path}");
    }
}

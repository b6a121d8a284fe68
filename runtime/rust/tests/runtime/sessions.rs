//! Pages that use a session of the embedding server in place of a token.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use fanfare::wire::{EndCode, ServerFrame};
use fanfare::{Action, AuthorizeError, HubBuilder, Rate, SessionGrant};
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::definition::{room, said};
use crate::support::server::Server;
use crate::support::sse::Events;

/// The origin of the pages of the server itself: tests send `Host: test`.
const OWN: &str = "http://test";

/// Ada may read, write and wave in her own room.
fn with_sessions(hub: HubBuilder) -> HubBuilder {
    hub.authorize(|request| async move {
        let cookie = request.headers().get("cookie").and_then(|cookie| cookie.to_str().ok());
        match (cookie, request.channel()) {
            (Some("session=ada"), None | Some("room:ada")) => {}
            (Some("session=broken"), _) => return Err(AuthorizeError::Unavailable),
            _ => return Err(AuthorizeError::Refused),
        }
        let room = room("ada");
        let grant = room.grant(["said", "status"]).and(room.grant_signals(["nod"]));
        Ok(SessionGrant::new(grant).allow_publishing(room.grant(["said"])).subject("ada").id("session_1"))
    })
}

fn sub(channel: &str) -> Value {
    json!({ "kind": "sub", "ref": "1", "channel": channel })
}

async fn subscribe(client: &mut Client) {
    client.send(&sub("room:ada")).await;
    assert!(matches!(client.frame().await, ServerFrame::Subscribed { .. }));
    client.ready_of("room:ada").await;
}

#[tokio::test]
async fn a_page_subscribes_with_its_session() {
    let server = Server::start_with(with_sessions).await;
    let mut client = Client::open_page(&server, OWN, "session=ada").await.unwrap();
    subscribe(&mut client).await;
    server.hub.publish(said(&room("ada")), "hello").await.unwrap();
    assert_eq!(client.marked_data().await.1, json!("hello"));
    client.send(&json!({ "kind": "renew", "ref": "1" })).await;
    assert!(matches!(client.frame().await, ServerFrame::Renewed { expires_in: 290_000.., .. }));
    // Actions that the session does not allow are rejected, and existing subscriptions stay.
    client.send(&json!({ "kind": "sub", "ref": "2", "channel": "room:bob" })).await;
    assert_eq!(client.error().await, ("unauthorized".into(), Some("2".into())));
    for (topic, code) in [("journal", "not_granted"), ("nothing", "unknown_topic")] {
        client.send(&json!({ "kind": "sub", "ref": "3", "channel": "room:ada", "topics": [topic] })).await;
        assert_eq!(client.error().await.0, code);
    }
    server.hub.revoke("session_1").await.unwrap();
    let ended = client.frame().await;
    let revoked = EndCode::Revoked.as_str();
    assert!(matches!(ended, ServerFrame::Unsubscribed { code: Some(code), .. } if code == revoked));
    client.send(&sub("room:ada")).await;
    assert_eq!(client.error().await.0, "unauthorized");
}

#[tokio::test]
async fn a_session_that_is_refused_or_unavailable_subscribes_to_nothing() {
    let server = Server::start_with(with_sessions).await;
    for (cookie, code) in
        [("session=bob", "unauthorized"), ("x=1", "unauthorized"), ("session=broken", "unavailable")]
    {
        let mut client = Client::open_page(&server, OWN, cookie).await.unwrap();
        client.send(&sub("room:ada")).await;
        assert_eq!(client.error().await.0, code, "{cookie}");
    }
    // A hub without a hook accepts no sessions.
    let server = Server::start().await;
    let mut client = Client::open_page(&server, OWN, "session=ada").await.unwrap();
    client.send(&sub("room:ada")).await;
    assert_eq!(client.error().await.0, "unauthorized");
}

#[tokio::test]
async fn a_token_takes_precedence_over_the_session() {
    let server = Server::start_with(with_sessions).await;
    let mut client = Client::open_page(&server, OWN, "session=ada").await.unwrap();
    let mut of_token = sub("room:ada");
    of_token["data"] = json!("not.a.token");
    client.send(&of_token).await;
    assert_eq!(client.error().await.0, "unauthorized");
    of_token["data"] = json!(server.token(&room("1"), &["said"]));
    of_token["channel"] = json!("room:1");
    client.send(&of_token).await;
    assert!(matches!(client.frame().await, ServerFrame::Subscribed { .. }));
    // An empty token is an invalid token, not a missing one.
    let refused = Events::get(&server, "token=", "Origin: http://test\r\nCookie: session=ada\r\n").await;
    assert_eq!(refused.status(), 401);
}

/// Returns the status of each route for a page of an origin, with Ada's cookie.
async fn statuses(server: &Server, origin: &str) -> [Value; 5] {
    let mut client = Client::open_page(server, origin, "session=ada").await.unwrap();
    client.send(&sub("room:ada")).await;
    let socket = match client.frame().await {
        ServerFrame::Subscribed { .. } => json!("subscribed"),
        ServerFrame::Error { code, .. } => json!(code),
        other => panic!("{other:?}"),
    };
    let headers = format!("Origin: {origin}\r\nCookie: session=ada\r\n");
    let subs = json!([sub("room:ada")]).to_string();
    let mut stream = Events::ask(server, "POST", "sse", &headers, &subs).await;
    let stream = match stream.frame().await {
        ServerFrame::Subscribed { .. } => json!("subscribed"),
        ServerFrame::Error { code, .. } => json!(code),
        other => panic!("{other:?}"),
    };
    let get = Events::get(server, "channel=room:ada", &headers).await.status();
    let path = "publish?channel=room:ada&topic=said";
    let publish = Events::ask(server, "POST", path, &headers, "\"hi\"").await.status();
    let path = "signal?channel=room:ada&name=nod";
    let signal = Events::ask(server, "POST", path, &headers, "\"hi\"").await.status();
    [socket, stream, json!(get), json!(publish), json!(signal)]
}

#[tokio::test]
async fn a_page_of_another_origin_cannot_use_the_session() {
    let server = Server::start_with(with_sessions).await;
    // The channel has no run. Only clients that may send the signal learn this.
    let allowed = [json!("subscribed"), json!("subscribed"), json!(200), json!(200), json!(404)];
    let refused = [json!("unauthorized"), json!("unauthorized"), json!(401), json!(401), json!(401)];
    assert_eq!(statuses(&server, OWN).await, allowed);
    for origin in [
        "http://evil.example",
        "http://test.evil.example",
        "http://eviltest",
        "http://test:81",
        "null",
        "test",
        "",
    ] {
        assert_eq!(statuses(&server, origin).await, refused, "{origin}");
    }
    let named = Server::start_with(|hub| with_sessions(hub).allowed_origins(["https://app.example"])).await;
    assert_eq!(statuses(&named, "https://app.example").await, allowed);
    let headers = "Origin: http://test\r\nCookie: session=ada\r\n";
    assert_eq!(Events::get(&named, "channel=room:ada", headers).await.status(), 403);
}

#[tokio::test]
async fn a_request_without_an_origin_uses_the_session_if_the_browser_marks_it_same_origin() {
    let server = Server::start_with(with_sessions).await;
    for (site, status) in [
        ("", 401),
        ("Sec-Fetch-Site: same-origin\r\n", 200),
        ("Sec-Fetch-Site: same-site\r\n", 401),
        ("Sec-Fetch-Site: cross-site\r\n", 401),
        ("Sec-Fetch-Site: none\r\n", 401),
    ] {
        let headers = format!("{site}Cookie: session=ada\r\n");
        assert_eq!(Events::get(&server, "", &headers).await.status(), status, "{site}");
        let path = "publish?channel=room:ada&topic=said";
        assert_eq!(Events::ask(&server, "POST", path, &headers, "\"hi\"").await.status(), status, "{site}");
    }
}

#[tokio::test]
async fn a_cross_site_page_cannot_use_the_session_whatever_its_host() {
    let server = Server::start_with(with_sessions).await;
    // The page was loaded without TLS, so anyone on the network may have changed it.
    let headers = "Origin: http://test\r\nSec-Fetch-Site: cross-site\r\nCookie: session=ada\r\n";
    assert_eq!(Events::get(&server, "", headers).await.status(), 401);
    let headers = "Origin: https://test\r\nSec-Fetch-Site: same-origin\r\nCookie: session=ada\r\n";
    assert_eq!(Events::get(&server, "", headers).await.status(), 200);
}

#[tokio::test]
async fn the_hook_is_not_called_without_limit_for_an_address_without_a_session() {
    let asked = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&asked);
    let server = Server::start_with(|hub| {
        let hub = hub.client_address_header("X-Real-IP").max_auth_failure_rate(Rate::per_minute(1).burst(3));
        hub.authorize(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            std::future::ready(Err(AuthorizeError::Refused))
        })
    })
    .await;
    let headers = "Origin: http://test\r\nX-Real-IP: 192.0.2.1\r\n";
    let subs: Vec<Value> = (0..100).map(|_| sub("room:ada")).collect();
    Events::ask(&server, "POST", "sse", headers, &json!(subs).to_string()).await;
    let paths = ["publish?channel=room:ada&topic=said", "signal?channel=room:ada&name=nod"];
    for path in paths {
        assert_eq!(Events::ask(&server, "POST", path, headers, "\"hi\"").await.status(), 429, "{path}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn only_pages_of_allowed_origins_may_send_cookies_across_origins() {
    let headers = "Origin: https://app.example\r\n";
    let allows = |events: &Events| events.head.contains("access-control-allow-credentials: true");
    let named = Server::start_with(|hub| with_sessions(hub).allowed_origins(["https://app.example"])).await;
    assert!(allows(&Events::get(&named, "", headers).await));
    for server in [
        Server::start_with(with_sessions).await,
        Server::start_with(|hub| hub.allowed_origins(["https://app.example"])).await,
        Server::start().await,
    ] {
        assert!(!allows(&Events::get(&server, "", headers).await));
    }
}

#[tokio::test]
async fn the_hook_is_called_again_and_subscriptions_end_with_their_session() {
    let (asked, is_over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let (count, over) = (Arc::clone(&asked), Arc::clone(&is_over));
    let server = Server::start_with(|hub| {
        hub.authorize(move |request| {
            assert_eq!((request.action(), request.channel()), (Action::Subscribe, Some("room:ada")));
            count.fetch_add(1, Ordering::Relaxed);
            let is_over = over.load(Ordering::Relaxed);
            async move {
                let grant = SessionGrant::new(room("ada").grant(["said"])).expires_in(Duration::from_secs(6));
                if is_over { Err(AuthorizeError::Refused) } else { Ok(grant) }
            }
        })
    })
    .await;
    let mut client = Client::open_page(&server, OWN, "session=ada").await.unwrap();
    client.sees_expiring = true;
    subscribe(&mut client).await;
    assert!(matches!(client.frame().await, ServerFrame::Expiring { .. }));
    client.send(&json!({ "kind": "renew", "ref": "1" })).await;
    assert!(matches!(client.frame().await, ServerFrame::Renewed { .. }));
    is_over.store(true, Ordering::Relaxed);
    assert!(matches!(client.frame().await, ServerFrame::Expiring { .. }));
    client.send(&json!({ "kind": "renew", "ref": "1" })).await;
    assert_eq!(client.error().await.0, "unauthorized");
    let ended = client.frame().await;
    let expired = EndCode::Expired.as_str();
    assert!(matches!(ended, ServerFrame::Unsubscribed { code: Some(code), .. } if code == expired));
    server.hub.publish(said(&room("ada")), "secret").await.unwrap();
    client.expect_silence().await;
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

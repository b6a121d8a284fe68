//! Tokens of other issuers.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fanfare::{Hub, Jwks};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::support::client::Client;
use crate::support::definition::{REGISTRY, room};
use crate::support::jwt::base64;
use crate::support::server::{KEY, Server};
use crate::tokens::{claims, now, with};

const ISSUER: &str = "https://auth.example.com";

struct Issuer(Ed25519KeyPair);

impl Issuer {
    fn new() -> Self {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self(Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap())
    }

    fn keys(&self) -> String {
        let x = URL_SAFE_NO_PAD.encode(self.0.public_key());
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "1", "x": x }] })
            .to_string()
    }

    fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": "EdDSA", "kid": "1" }).to_string();
        let message = format!("{}.{}", base64(&header), base64(&claims.to_string()));
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(self.0.sign(message.as_bytes())))
    }
}

#[tokio::test]
async fn a_token_of_another_issuer_is_checked_like_our_own() {
    let (issuer, stranger) = (Issuer::new(), Issuer::new());
    let server = Server::start_with(|hub| hub.jwks(Jwks::from_json(ISSUER, issuer.keys()))).await;
    let good = with(&claims("room:1", "said"), "iss", json!(ISSUER));
    Client::connect(&server, &issuer.sign(&good), None).await.unwrap().ready().await;
    server.subscribe(&room("1"), &["said"]).await.ready().await;
    for token in [
        stranger.sign(&good),
        issuer.sign(&claims("room:1", "said")),
        issuer.sign(&with(&good, "iss", json!("https://other.example.com"))),
        issuer.sign(&with(&good, "exp", json!(now() + 90_000))),
        issuer.sign(&with(&good, "exp", json!(u64::MAX))),
        issuer.sign(&with(&good, "iat", json!(now() + 60))),
        issuer.sign(&with(&good, "aud", json!("https://other.example.com"))),
        // Tokens that the hub signs have the hub's issuer.
        crate::support::jwt::sign("HS256", &good, KEY),
    ] {
        assert_eq!(server.refusal(&token).await.status, 401, "{token}");
    }
    server.hub.revoke("1").await.unwrap();
    assert_eq!(server.refusal(&issuer.sign(&good)).await.status, 401);
}

#[tokio::test]
async fn keys_are_fetched_when_a_token_needs_them() {
    let issuer = Issuer::new();
    let keys = issuer.keys();
    let fetch = move || {
        let keys = keys.clone();
        async move { Ok(keys) }
    };
    let server = Server::start_with(|hub| hub.jwks(Jwks::from_fn(ISSUER, fetch))).await;
    let token = issuer.sign(&with(&claims("room:1", "said"), "iss", json!(ISSUER)));
    Client::connect(&server, &token, None).await.unwrap().ready().await;
}

#[tokio::test]
async fn a_fetch_of_keys_completes_even_if_its_client_disconnects() {
    let issuer = Issuer::new();
    let (keys, asked) = (issuer.keys(), Arc::<Notify>::default());
    let notify = Arc::clone(&asked);
    let fetch = move || {
        let (keys, notify) = (keys.clone(), Arc::clone(&notify));
        async move {
            notify.notify_one();
            tokio::time::sleep(Duration::from_millis(300)).await;
            Ok(keys)
        }
    };
    let server = Server::start_with(|hub| hub.jwks(Jwks::from_fn(ISSUER, fetch))).await;
    let token = issuer.sign(&with(&claims("room:1", "said"), "iss", json!(ISSUER)));
    let mut hasty = TcpStream::connect(server.address).await.unwrap();
    let request = format!("GET /v1/realtime/sse?token={token} HTTP/1.1\r\nHost: test\r\n\r\n");
    hasty.write_all(request.as_bytes()).await.unwrap();
    asked.notified().await;
    drop(hasty);
    tokio::time::sleep(Duration::from_millis(50)).await;
    // The keys were fetched for the first request, and are not fetched again so soon.
    Client::connect(&server, &token, None).await.unwrap().ready().await;
}

#[test]
fn a_hub_with_an_invalid_key_set_is_not_built() {
    let keys = r#"{"keys":[{"kty":"RSA","kid":"7","n":"AQAB","e":"AQAB"}]}"#;
    let hub = Hub::builder(&REGISTRY).signing_key(KEY).jwks(Jwks::from_json(ISSUER, keys));
    assert_eq!(
        hub.build().unwrap_err().to_string(),
        "invalid key set of issuer \"https://auth.example.com\": key \"7\": missing `alg`: use EdDSA, ES256 or RS256"
    );
}

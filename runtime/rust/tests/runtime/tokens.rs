//! Access with tokens, and the responses without access.

use std::time::{Duration, SystemTime};

use fanfare::{Hub, TokenError};
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::definition::{REGISTRY, room, said};
use crate::support::http;
use crate::support::jwt::{self, base64, sign, sign_with};
use crate::support::server::{KEY, Server};

/// The id of [`KEY`]: `printf 'kid:signkey-test-00112233445566778899aabbccddeeff' | sha256sum`
const ISSUER: &str = "fanfare:f1c112f0077bee55";

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn claims(channel: &str, topic: &str) -> Value {
    let topics = json!([{ "kind": "run", "channel": channel, "name": topic }]);
    json!({ "iss": ISSUER, "iat": now(), "exp": now() + 60, "jti": "1", "topics": topics, "publish": false })
}

pub(crate) fn token_for(channel: &str, topic: &str) -> String {
    sign("HS256", &claims(channel, topic), KEY)
}

fn without(claims: &Value, name: &str) -> Value {
    let mut claims = claims.clone();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

pub(crate) fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

#[tokio::test]
async fn every_invalid_token_gets_the_same_response() {
    let server = Server::start().await;
    let good = claims("room:1", "said");
    let valid = sign("HS256", &good, KEY);
    let parts: Vec<&str> = valid.split('.').collect();
    let other_payload = base64(&with(&good, "exp", json!(now() + 9999)).to_string());
    let none = base64(r#"{"alg":"none","typ":"JWT"}"#);
    let mut flipped = valid.clone();
    let last = flipped.pop().unwrap();
    flipped.push(if last == 'A' { 'B' } else { 'A' });
    let attacks = [
        String::new(),
        "x".into(),
        "a.b.c".into(),
        KEY.into(),
        sign("HS256", &good, "signkey-test-ffeeddccbbaa99887766554433221100"),
        sign("HS384", &good, KEY),
        sign("HS512", &good, KEY),
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        format!("{none}.{}", parts[1]),
        format!("{}.{other_payload}.{}", parts[0], parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        sign("HS256", &with(&good, "exp", json!(now() - 1)), KEY),
        sign("HS256", &with(&good, "exp", json!(now())), KEY),
        sign("HS256", &with(&good, "exp", json!("9999999999")), KEY),
        sign("HS256", &with(&good, "exp", json!(-1)), KEY),
        sign("HS256", &without(&good, "exp"), KEY),
        sign("HS256", &with(&good, "exp", json!(now() + 86_401)), KEY),
        sign("HS256", &with(&good, "exp", json!(u64::MAX)), KEY),
        sign("HS256", &with(&good, "exp", json!(1e300)), KEY),
        sign("HS256", &with(&good, "iat", json!(now() - 86_400)), KEY),
        sign("HS256", &with(&good, "iat", json!(0)), KEY),
        sign("HS256", &with(&good, "iat", json!(now() + 40)), KEY),
        sign(
            "HS256",
            &with(&with(&good, "iat", json!(now() + 86_400)), "exp", json!(now() + 2 * 86_400)),
            KEY,
        ),
        sign("HS256", &with(&with(&good, "iat", json!(u64::MAX)), "exp", json!(u64::MAX)), KEY),
        sign("HS256", &without(&good, "iat"), KEY),
        sign("HS256", &with(&good, "nbf", json!(now() + 60)), KEY),
        sign("HS256", &with(&good, "iss", json!("rt.inngest.com")), KEY),
        sign("HS256", &with(&good, "aud", json!("https://example.com")), KEY),
        sign("HS256", &with(&good, "aud", json!([])), KEY),
        sign("HS256", &with(&good, "iss", json!("example.com")), KEY),
        sign("HS256", &with(&good, "iss", json!([ISSUER])), KEY),
        sign("HS256", &without(&good, "iss"), KEY),
        sign("HS256", &without(&good, "topics"), KEY),
        sign("HS256", &with(&good, "topics", json!([])), KEY),
        sign("HS256", &with(&good, "topics", json!("room:1")), KEY),
        sign("HS256", &with(&good, "publish", json!(true)), KEY),
        sign("HS256", &without(&good, "jti"), KEY),
        sign("HS256", &with(&good, "jti", json!("")), KEY),
        sign("hs256", &good, KEY),
        sign("EdDSA", &good, KEY),
        sign("RS256", &good, KEY),
        format!("{valid}="),
        format!(" {valid}"),
        sign_with(&json!({ "kid": "f1c112f0077bee55" }), &good, KEY),
        sign_with(&json!({ "alg": ["HS256"] }), &good, KEY),
        sign_with(&json!("HS256"), &good, KEY),
        sign_with(&json!({ "alg": "HS256", "crit": ["exp"] }), &good, KEY),
        sign_with(&json!({ "alg": "HS256", "crit": null }), &good, KEY),
        sign_with(&json!({ "alg": "HS256", "crit": [] }), &good, KEY),
        sign_with(&json!({ "alg": "HS256", "kid": "0123456789abcdef" }), &good, KEY),
        "x".repeat(50_000),
    ];
    assert_ne!(flipped, valid);
    let mut bodies = Vec::new();
    for token in attacks.iter().chain([&flipped]) {
        // A header without a token counts as a missing header.
        let refusal = server.refusal(token).await;
        assert_eq!(refusal.status, 401, "{token}");
        bodies.push(refusal.body);
    }
    bodies.push(Client::open(&server, "", None).await.map(|_| ()).unwrap_err().body);
    bodies.push(Client::open(&server, "?token=", None).await.map(|_| ()).unwrap_err().body);
    let expected = json!({ "error": bodies[0]["error"], "data": null, "status": 401 });
    assert!(bodies.iter().all(|body| *body == expected), "{bodies:?}");
    Client::connect(&server, &valid, None).await.unwrap().ready().await;
}

#[tokio::test]
async fn a_token_opens_only_the_topics_it_grants() {
    let server = Server::start().await;
    let mut client = server.subscribe(&room("1"), &["said"]).await;
    client.ready().await;
    server.hub.publish(said(&room("2")), "secret").await.unwrap();
    client.expect_silence().await;
    for (channel, topic) in [
        ("room:1", "nothing"),
        ("room:", "said"),
        ("room", "said"),
        ("nowhere:1", "said"),
        ("room:a/b", "said"),
        ("room:%61", "said"),
        ("*", "*"),
        ("room:*", "said"),
        ("", ""),
    ] {
        let refusal = server.refusal(&token_for(channel, topic)).await;
        assert_eq!(refusal.status, 404, "{channel} {topic}");
        // The client learns only that one of its own names is not defined.
        let error = refusal.body["error"].as_str().unwrap();
        let expected = if topic == "nothing" {
            format!("the channel {channel:?} has no topic {topic:?}")
        } else {
            format!("unknown channel {channel:?}")
        };
        assert_eq!(error, expected);
    }
}

#[tokio::test]
async fn a_token_sent_as_a_subprotocol_is_not_echoed() {
    let server = Server::start().await;
    let client = server.subscribe(&room("1"), &["said"]).await;
    assert_eq!(client.subprotocol.as_deref(), Some("fanfare.v1"));
    let token = server.token(&room("1"), &["said"]);
    let client = Client::open(&server, "", Some(&format!("bearer.{token}, fanfare.v1"))).await.unwrap();
    assert_eq!(client.subprotocol.as_deref(), Some("fanfare.v1"));
    let client = Client::open(&server, &format!("?token={token}"), Some("fanfare.v1")).await.unwrap();
    assert_eq!(client.subprotocol.as_deref(), Some("fanfare.v1"));
}

#[tokio::test]
async fn only_the_signing_key_mints_tokens() {
    let server = Server::start().await;
    let body = json!([{ "channel": "room:1", "name": "said", "kind": "run" }, { "channel": "room:2", "name": "status", "kind": "run" }]);
    let hashed = "signkey-test-a8faed6abbf35c12a4b26e40f6feb19d736d90045c83b9f9a31f638d323e6811";
    for bearer in [KEY, hashed] {
        let answer = server.ask_for_token(Some(bearer), &body).await;
        assert_eq!(answer.status, 201);
        let mut client = Client::connect(&server, answer.body["jwt"].as_str().unwrap(), None).await.unwrap();
        client.ready().await;
        client.ready().await;
    }
    let sha256_of_nothing = "signkey-test-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let a_token = server.token(&room("1"), &["said"]);
    for bearer in
        [None, Some(""), Some("x"), Some(&KEY[..KEY.len() - 1]), Some(sha256_of_nothing), Some(&a_token)]
    {
        let answer = server.ask_for_token(bearer, &body).await;
        assert_eq!(answer.status, 401, "{bearer:?}");
        assert!(answer.error().starts_with("Not authenticated"));
    }
    for (body, status) in [
        (json!([]), 400),
        (json!({}), 400),
        (json!([{ "channel": "room:1", "name": "said" }]), 400),
        (json!([{ "channel": "room:1", "name": "said", "kind": "walk" }]), 400),
        (json!(vec![body[0].clone(); 65]), 400),
        (json!([{ "channel": "room:1", "name": "shouted", "kind": "run" }]), 404),
        (json!([{ "channel": "rooms:1", "name": "said", "kind": "run" }]), 404),
    ] {
        let answer = server.ask_for_token(Some(KEY), &body).await;
        assert_eq!(answer.status, status, "{body}");
        assert!(!answer.error().is_empty());
    }
    for (lifetime, status) in
        [("1", 201), ("86400", 201), ("0", 400), ("86401", 400), ("-1", 400), ("soon", 400)]
    {
        let path = format!("token?expires_in={lifetime}");
        let answer = http::post(server.address, &path, Some(KEY), body.to_string().as_bytes()).await;
        assert_eq!(answer.status, status, "{lifetime}");
    }
}

#[tokio::test]
async fn a_connection_ends_with_its_token() {
    let server = Server::start().await;
    let channel = room("1");
    let brief = |topics: [&'static str; 1]| {
        server.hub.token(channel.grant(topics)).expires_in(Duration::from_secs(3)).mint().unwrap()
    };
    let token = brief(["said"]);
    let mut client = Client::connect(&server, &token, None).await.unwrap();
    let mut refreshed = Client::connect(&server, &token, None).await.unwrap();
    refreshed.ready().await;
    refreshed.sub(&server.token(&channel, &["said"]), json!({})).await;
    client.ready().await;
    assert_eq!(client.close_code().await, 4401);
    refreshed.frame().await;
    refreshed.ready().await;
    refreshed.expect_silence().await;
    assert_eq!(server.refusal(&token).await.status, 401);

    // Each subscription ends with its own token. One that was ended before has no end.
    refreshed.sub(&brief(["status"]), json!({})).await;
    refreshed.frame().await;
    refreshed.ready().await;
    refreshed.send(&json!({ "kind": "unsub", "channel": "room:1" })).await;
    refreshed.frame().await;
    tokio::time::sleep(Duration::from_millis(3100)).await;
    refreshed.expect_silence().await;
    refreshed.sub(&brief(["status"]), json!({})).await;
    refreshed.frame().await;
    refreshed.ready().await;
    assert_eq!(refreshed.close_code().await, 4401);
}

#[tokio::test]
async fn keys_can_be_rotated_in_two_steps() {
    const NEW: &str = "signkey-test-ffeeddccbbaa99887766554433221100";
    let server = Server::start_with(|hub| hub.signing_key(NEW).accepted_signing_key(KEY)).await;
    Client::connect(&server, &token_for("room:1", "said"), None).await.unwrap().ready().await;
    server.subscribe(&room("1"), &["said"]).await.ready().await;
    let of_another_key = sign("HS256", &claims("room:1", "said"), NEW);
    assert_eq!(server.refusal(&of_another_key).await.status, 401, "another issuer");
    for key in [KEY, NEW] {
        assert_eq!(
            server
                .ask_for_token(Some(key), &json!([{ "channel": "room:1", "name": "said", "kind": "run" }]))
                .await
                .status,
            201
        );
    }
}

#[tokio::test]
async fn a_configured_issuer_applies_to_all_keys() {
    const NEW: &str = "signkey-test-ffeeddccbbaa99887766554433221100";
    let server =
        Server::start_with(|hub| hub.signing_key(NEW).accepted_signing_key(KEY).issuer("rt.inngest.com"))
            .await;
    let old = with(&claims("room:1", "said"), "iss", json!("rt.inngest.com"));
    for key in [KEY, NEW] {
        Client::connect(&server, &sign("HS256", &old, key), None).await.unwrap().ready().await;
    }
    assert_eq!(jwt::claims(&server.token(&room("1"), &["said"]))["iss"], "rt.inngest.com");
    assert_eq!(server.refusal(&token_for("room:1", "said")).await.status, 401, "the issuer of the key");
}

#[tokio::test]
async fn a_token_must_have_the_configured_audience() {
    let server = Server::start_with(|hub| hub.audience("https://rt.example.com")).await;
    let minted = server.token(&room("1"), &["said"]);
    assert_eq!(jwt::claims(&minted)["aud"], "https://rt.example.com");
    let claims = claims("room:1", "said");
    let of = |audience: Value| sign("HS256", &with(&claims, "aud", audience), KEY);
    for token in [minted, of(json!(["https://other.example.com", "https://rt.example.com"]))] {
        Client::connect(&server, &token, None).await.unwrap().ready().await;
    }
    let wrong = [json!("https://rt.example.com/"), json!(["x"]), json!([]), json!(7), Value::Null];
    for token in wrong.map(of).iter().chain([&sign("HS256", &claims, KEY)]) {
        assert_eq!(server.refusal(token).await.status, 401);
    }
}

#[tokio::test]
async fn no_token_lasts_longer_than_the_hub_allows() {
    let allowed = Duration::from_secs(600);
    let server = Server::start_with(|hub| hub.max_token_lifetime(allowed)).await;
    let grant = || room("1").grant(["said"]);
    assert!(server.hub.token(grant()).expires_in(allowed).mint().is_ok());
    let long = allowed + Duration::from_secs(1);
    assert_eq!(server.hub.token(grant()).expires_in(long).mint(), Err(TokenError::InvalidLifetime(long)));
    let lasting =
        |seconds: u64| sign("HS256", &with(&claims("room:1", "said"), "exp", json!(now() + seconds)), KEY);
    assert_eq!(server.refusal(&lasting(660)).await.status, 401);
    Client::connect(&server, &lasting(590), None).await.unwrap().ready().await;
    let brief = Server::start_with(|hub| hub.max_token_lifetime(Duration::from_secs(30))).await;
    assert!(brief.hub.token(grant()).mint().is_ok());
    // Clocks differ slightly.
    let ahead = with(&with(&claims("room:1", "said"), "iat", json!(now() + 20)), "nbf", json!(now() + 20));
    Client::connect(&server, &sign("HS256", &ahead, KEY), None).await.unwrap().ready().await;
}

#[test]
fn a_grant_is_checked_when_its_token_is_minted() {
    let hub = Hub::builder(&REGISTRY).signing_key(KEY).build().unwrap();
    let channel = room("1");
    let mint = |grant| hub.token(grant).mint();
    assert_eq!(mint(channel.grant([])), Err(TokenError::EmptyGrant));
    let unknown = mint(channel.grant(["said"]).and(channel.grant(["sayd"]))).unwrap_err();
    assert_eq!(unknown.to_string(), r#"the channel "room:1" has no topic "sayd"; did you mean "said"?"#);
    let lifetime = Duration::from_millis(900);
    let short = hub.token(channel.grant(["said"])).expires_in(lifetime).mint();
    assert_eq!(short, Err(TokenError::InvalidLifetime(lifetime)));
    for key in ["", "short"] {
        let error = Hub::builder(&REGISTRY).signing_key(key).build().unwrap_err();
        assert!(error.to_string().contains("openssl rand -hex 32"));
    }
}

#[tokio::test]
async fn a_token_names_its_key_its_subject_and_its_id() {
    let server = Server::start().await;
    let body = json!([{ "channel": "room:1", "name": "said", "kind": "run" }]).to_string();
    let path = "token?subject=user%201&id=login_17";
    let answer = http::post(server.address, path, Some(KEY), body.as_bytes()).await;
    let over_http = answer.body["jwt"].as_str().unwrap().to_owned();
    let token = server.hub.token(room("1").grant(["said"])).subject("user 1").id("login_17");
    for token in [over_http, token.mint().unwrap()] {
        assert_eq!(jwt::header(&token), json!({ "typ": "JWT", "alg": "HS256", "kid": "f1c112f0077bee55" }));
        let claims = jwt::claims(&token);
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!(ISSUER), &json!("user 1")));
        assert_eq!((&claims["jti"], claims.get("aud")), (&json!("login_17"), None));
    }
    let long = "x".repeat(257);
    for query in ["subject=", "id=", &format!("subject={long}"), &format!("id={long}")] {
        let answer = http::post(server.address, &format!("token?{query}"), Some(KEY), body.as_bytes()).await;
        assert_eq!(answer.status, 400, "{query}");
    }
    let grant = || room("1").grant(["said"]);
    assert_eq!(server.hub.token(grant()).id("").mint(), Err(TokenError::InvalidId));
    assert_eq!(server.hub.token(grant()).subject(long).mint(), Err(TokenError::InvalidSubject));
}

#[tokio::test]
async fn several_signing_keys_can_be_accepted() {
    let keys = ["a", "b", "c"].map(|letter| format!("signkey-test-{}", letter.repeat(32)));
    let [first, second, third] = &keys;
    let servers = [
        Server::start_with(|hub| hub.signing_key(first)).await,
        Server::start_with(|hub| hub.signing_key(second)).await,
        Server::start_with(|hub| hub.signing_key(third)).await,
    ];
    let all = Server::start_with(|hub| {
        hub.signing_key(first).accepted_signing_key(second).accepted_signing_key(third)
    })
    .await;
    for server in &servers {
        let token = server.token(&room("1"), &["said"]);
        Client::connect(&all, &token, None).await.unwrap().ready().await;
    }
    assert_eq!(servers[0].refusal(&servers[1].token(&room("1"), &["said"])).await.status, 401);
    // Tokens that others sign may have no `kid`.
    let issuer = jwt::claims(&servers[2].token(&room("1"), &["said"]))["iss"].clone();
    let unnamed = sign("HS256", &with(&claims("room:1", "said"), "iss", issuer), third);
    Client::connect(&all, &unnamed, None).await.unwrap().ready().await;
}

#[tokio::test]
async fn backends_receive_suggestions_for_misspelled_names_and_clients_do_not() {
    let server = Server::start().await;
    for (path, hint) in [
        ("publish?channel=room:1&topic=Status", "; did you mean \"status\"?"),
        ("publish?channel=rom:1&topic=status", "; did you mean \"room:{id}\"?"),
        ("publish?channel=room:%2561&topic=status", "; did you mean \"room:a\"?"),
        ("signal?channel=room:1&name=aprove", "; did you mean \"approve\"?"),
    ] {
        let answer = http::post(server.address, path, Some(KEY), b"{}").await;
        assert_eq!(answer.status, 404);
        assert!(answer.error().ends_with(hint), "{}", answer.error());
    }
    let asked = json!([{ "channel": "room:1", "name": "sayd", "kind": "run" }]);
    let answer = server.ask_for_token(Some(KEY), &asked).await;
    assert!(answer.error().ends_with("; did you mean \"said\"?"), "{}", answer.error());
    // Such a token may be older than the definition.
    let claims = with(&claims("room:1", "sayd"), "publish", json!(true));
    let token = sign("HS256", &claims, KEY);
    let answer = http::post(server.address, "publish?channel=room:1&topic=sayd", Some(&token), b"{}").await;
    assert_eq!((answer.status, answer.error()), (404, r#"the channel "room:1" has no topic "sayd""#));
}

//! The client for other services, over real sockets.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fanfare::client::{Client, ClientError};
use fanfare::schema::Text;
use fanfare::{
    Carries, Channel, ChannelDefinition, Hub, ReceiveError, Retain, Schema, Topic, TopicDefinition,
};
use tokio::net::TcpSocket;
use tokio::time::{sleep, timeout};

use crate::support::definition::{
    REGISTRY, ROOM, journal, released_room, renamed_room, room, said, strict_room,
};
use crate::support::network::{PATIENCE, Proxy, client, client_with_tokens, expect_silence, receive};
use crate::support::server::{KEY, Server};

#[tokio::test]
async fn a_subscription_receives_retained_and_new_messages_with_their_envelope() {
    let server = Server::start().await;
    let channel = room("1");
    server.hub.publish(journal(&channel), "1").await.unwrap();
    let client = client(server.address);
    let mut there = client.subscribe(journal(&channel)).await.unwrap();
    let mut here = server.hub.subscribe(journal(&channel)).await.unwrap();
    client.publish(journal(&channel), "2").run_id("run_7").await.unwrap();
    for text in ["1", "2"] {
        let message = receive(&mut there).await.unwrap();
        assert_eq!(message.data, text);
        assert_eq!(message, receive(&mut here).await.unwrap());
    }
    assert_eq!(there.position(), here.position());
    let mut resumed = client.subscribe(journal(&channel)).since(there.position()).await.unwrap();
    let id = client.publish(journal(&channel), "3").await.unwrap();
    assert_eq!(receive(&mut resumed).await.unwrap().id, id);
    assert_eq!(receive(&mut there).await.unwrap().id, id);
    expect_silence(&mut there).await;
}

#[tokio::test]
async fn tokens_are_renewed_before_they_expire_and_replaced_after_they_are_revoked() {
    let server = Server::start().await;
    let channel = room("1");
    let (client, count) = client_with_tokens(&server, 2);
    let mut subscription = client.subscribe(said(&channel)).await.unwrap();
    let since = Instant::now();
    for number in 0..50 {
        client.publish(said(&channel), &number.to_string()).await.unwrap();
        assert_eq!(receive(&mut subscription).await.unwrap().data, number.to_string());
        sleep(Duration::from_millis(100)).await;
        if number == 30 {
            for id in 0..count.load(Ordering::SeqCst) {
                server.hub.revoke(&format!("token-{id}")).await.unwrap();
            }
        }
    }
    let minted = u64::from(count.load(Ordering::SeqCst));
    let at_most = 51 + 2 * since.elapsed().as_secs();
    assert!(
        (54..at_most).contains(&minted),
        "50 to publish, one to subscribe, about one each 1.5 seconds: {minted}, at most {at_most}"
    );
}

#[tokio::test]
async fn a_function_that_fails_to_return_a_token_is_called_again() {
    let server = Server::start().await;
    let channel = room("1");
    let token = server.token(&channel, &["said"]);
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let client = Client::new(format!("http://{}", server.address))
        .token(move |_| {
            let (token, call) = (token.clone(), counted.fetch_add(1, Ordering::SeqCst));
            async move { if call < 3 { Err("the login service is down") } else { Ok(token) } }
        })
        .reconnect_delay(Duration::from_millis(1), Duration::from_millis(5));
    let mut subscription = client.subscribe(said(&channel)).await.unwrap();
    server.hub.publish(said(&channel), "hello").await.unwrap();
    assert_eq!(receive(&mut subscription).await.unwrap().data, "hello");
    assert_eq!(calls.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_subscription_that_cannot_succeed_fails_and_says_why() {
    let server = Server::start().await;
    let url = format!("http://{}", server.address);
    let channel = room("1");
    let code = async |client: Client, topic: Topic<'_, str>| match timeout(PATIENCE, client.subscribe(topic))
        .await
        .unwrap()
    {
        Err(ClientError::Refused { status, code, .. }) => (status, code.unwrap_or_default()),
        other => panic!("{other:?}"),
    };
    let with_token = |token: String| {
        Client::new(&url).token(move |_| {
            let token = token.clone();
            async move { Ok::<_, String>(token) }
        })
    };
    assert_eq!(code(with_token("no token".into()), said(&channel)).await, (None, "unauthorized".into()));
    let other = server.token(&channel, &["status"]);
    assert_eq!(code(with_token(other), said(&channel)).await, (None, "not_granted".into()));
    let wrong_key = Client::new(&url).signing_key("signkey-test-ffffffffffffffffffffffffffffffff");
    assert_eq!(code(wrong_key, said(&channel)).await.0, Some(401));
    let (_, renamed) = renamed_room("1");
    assert_eq!(code(client(server.address), renamed.topic(0)).await, (Some(404), "unknown_topic".into()));
    let nowhere = Client::new(format!("{url}/nowhere")).signing_key(KEY);
    assert_eq!(code(nowhere, said(&channel)).await.0, Some(404));
    assert!(matches!(Client::new(&url).subscribe(said(&channel)).await, Err(ClientError::NoAccess)));
    assert!(matches!(
        Client::new("nonsense").subscribe(said(&channel)).await,
        Err(ClientError::InvalidUrl(_))
    ));
}

#[tokio::test]
async fn a_subscription_waits_for_a_server_that_starts_later() {
    // Until it listens, connections are refused.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let channel = room("1");
    let to = channel.clone();
    let subscribing = tokio::spawn(async move { client(address).subscribe(said(&to)).await });
    sleep(Duration::from_millis(100)).await;
    let hub = Hub::builder(&REGISTRY).signing_key(KEY).build().unwrap();
    let listener = socket.listen(128).unwrap();
    let app = fanfare::routes(hub.clone());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let mut subscription = timeout(PATIENCE, subscribing).await.unwrap().unwrap().unwrap();
    hub.publish(said(&channel), "hello").await.unwrap();
    assert_eq!(receive(&mut subscription).await.unwrap().data, "hello");
}

#[tokio::test]
async fn a_message_that_this_definition_rejects_is_an_error_of_its_own() {
    let server = Server::start().await;
    let (_, strict) = strict_room("1");
    let mut subscription = client(server.address).on_drift(|_, _| {}).subscribe(said(&strict)).await.unwrap();
    let id = server.hub.publish(said(&room("1")), "longer than ten characters").await.unwrap();
    server.hub.publish(said(&room("1")), "short").await.unwrap();
    let Err(ReceiveError::Invalid(invalid)) = receive(&mut subscription).await else { panic!("it is valid") };
    assert_eq!((invalid.id, invalid.topic.as_str(), invalid.issues[0].rule), (id, "said", "maxLength"));
    assert_eq!(receive(&mut subscription).await.unwrap().data, "short");
}

#[tokio::test]
async fn drift_is_reported_once_with_what_breaks() {
    static TOPICS: [TopicDefinition; 6] = {
        const TEXT: Carries = Carries::Payload(&Schema::Text(Text::ANY));
        [
            TopicDefinition::new("said", TEXT, Retain::None),
            TopicDefinition::new("status", TEXT, Retain::None),
            TopicDefinition::new("journal", TEXT, Retain::None),
            TopicDefinition::new("count", TEXT, Retain::None),
            TopicDefinition::new("flag", TEXT, Retain::None),
            TopicDefinition::new("draft", Carries::TextStream, Retain::None),
        ]
    };
    let (registry, _) = released_room("1");
    let server = Server::serve(Hub::builder(registry).signing_key(KEY).build().unwrap()).await;
    let proxy = Proxy::start(server.address).await;
    let page = |fingerprint: &'static str| {
        let of_release = ChannelDefinition { topics: &TOPICS, fingerprint, ..ROOM };
        Channel::new(Box::leak(Box::new(of_release)), &[&"1"]).unwrap()
    };
    let drifts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&drifts);
    let client = client(proxy.address).on_drift(move |channel, drift| {
        let changes = drift.changes.iter().map(|change| change.message.clone()).collect::<Vec<_>>();
        seen.lock().unwrap().push((channel.to_owned(), drift.kind.clone(), changes));
    });
    for (fingerprint, topic, expected) in [
        ("f1f2", 1, None),
        ("compatible", 1, None),
        ("topics", 0, None),
        ("topics", 1, Some(("breaking", vec!["the status has changed".to_owned()]))),
        ("never released", 0, Some(("unknown", vec![]))),
    ] {
        let channel = page(fingerprint);
        let mut subscription = client.subscribe(channel.topic::<str>(topic)).await.unwrap();
        // The server reports it again on the next connection.
        proxy.cut();
        expect_silence(&mut subscription).await;
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(kind, changes)| ("room:1".to_owned(), kind.to_owned(), changes))
            .collect();
        assert_eq!(std::mem::take(&mut *drifts.lock().unwrap()), expected, "{fingerprint} {topic}");
    }
}

#[tokio::test]
async fn dropping_a_subscription_closes_its_connection() {
    let server = Server::start().await;
    let channel = room("1");
    let tokens = client_with_tokens(&server, 60).0;
    for _ in 0..150 {
        // The limit is 100 connections per token, and 2,000 per second: each drop must free one.
        drop(tokens.subscribe(said(&channel)).await.unwrap());
    }
    assert!(timeout(PATIENCE, server.hub.shutdown()).await.is_ok());
}

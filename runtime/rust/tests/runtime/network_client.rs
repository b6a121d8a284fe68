//! The client for other services, over real sockets.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fanfare::client::{Client, ClientError, TokenAccess, TokenRequest};
use fanfare::{Channel, Cursor, Hub, Publish, ReceiveError, Subscription, TextPart, Topic};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::support::definition::{REGISTRY, draft, journal, released_room, room, said, small, strict_room};
use crate::support::server::{KEY, Server};

const PATIENCE: Duration = Duration::from_secs(30);

/// A client that has the signing key and reconnects quickly.
fn client(address: SocketAddr) -> Client {
    let (first, max) = (Duration::from_millis(10), Duration::from_millis(100));
    Client::new(format!("http://{address}")).signing_key(KEY).reconnect_delay(first, max)
}

async fn receive<T>(subscription: &mut Subscription<T>) -> Result<fanfare::Message<T>, ReceiveError> {
    timeout(PATIENCE, subscription.recv()).await.expect("nothing came")
}

async fn expect_silence<T: std::fmt::Debug>(subscription: &mut Subscription<T>) {
    let received = timeout(Duration::from_millis(200), subscription.recv()).await;
    assert!(received.is_err(), "{received:?}");
}

/// Passes connections on to a server, until it is told otherwise.
struct Proxy {
    address: SocketAddr,
    target: Arc<Mutex<SocketAddr>>,
    /// Whether connections are cut at once, and whether nothing passes.
    cut: tokio::sync::watch::Sender<u32>,
    is_frozen: Arc<AtomicBool>,
    opened: Arc<AtomicU32>,
}

impl Proxy {
    async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cut, _) = tokio::sync::watch::channel(0);
        let proxy = Self {
            address,
            target: Arc::new(Mutex::new(target)),
            cut,
            is_frozen: Arc::default(),
            opened: Arc::default(),
        };
        let (target, cut) = (Arc::clone(&proxy.target), proxy.cut.clone());
        let (is_frozen, opened) = (Arc::clone(&proxy.is_frozen), Arc::clone(&proxy.opened));
        tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                opened.fetch_add(1, Ordering::SeqCst);
                let (target, mut cut) = (*target.lock().unwrap(), cut.subscribe());
                let is_frozen = Arc::clone(&is_frozen);
                connections.spawn(async move {
                    let Ok(mut server) = TcpStream::connect(target).await else { return };
                    let frozen = async {
                        while !is_frozen.load(Ordering::SeqCst) {
                            sleep(Duration::from_millis(5)).await;
                        }
                    };
                    tokio::select! {
                        _ = cut.changed() => return,
                        _ = copy_bidirectional(&mut client, &mut server) => return,
                        () = frozen => {}
                    }
                    // Holds both sockets, and passes nothing.
                    let _ = cut.changed().await;
                });
            }
        });
        proxy
    }

    fn cut(&self) {
        self.cut.send_modify(|count| *count += 1);
    }

    fn opened(&self) -> u32 {
        self.opened.load(Ordering::SeqCst)
    }
}

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_connections_lose_and_repeat_nothing() {
    const MESSAGES: usize = 5_000;
    let server = Server::start().await;
    let proxy = Proxy::start(server.address).await;
    let channel = room("1");
    let mut subscription = client(proxy.address).subscribe(said(&channel)).await.unwrap();
    let (hub, to) = (server.hub.clone(), channel.clone());
    let publisher = tokio::spawn(async move {
        for number in 0..MESSAGES {
            hub.publish(said(&to), &number.to_string()).await.unwrap();
            if number % 20 == 0 {
                sleep(Duration::from_millis(2)).await;
            }
        }
    });
    for number in 0..MESSAGES {
        assert_eq!(receive(&mut subscription).await.unwrap().data, number.to_string());
        if number % 400 == 7 {
            proxy.cut();
        }
    }
    publisher.await.unwrap();
    expect_silence(&mut subscription).await;
    assert!(proxy.opened() > 10, "{}", proxy.opened());
}

/// A server in a runtime of its own, which can be killed.
#[cfg(feature = "sqlite")]
struct Process {
    runtime: tokio::runtime::Runtime,
    hub: Option<Hub>,
    address: SocketAddr,
}

#[cfg(feature = "sqlite")]
impl Process {
    async fn start(build: impl FnOnce() -> Hub + Send + 'static) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().unwrap();
        let starting = runtime.spawn(async move {
            let hub = build();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let app = fanfare::routes(hub.clone());
            tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
            (hub, address)
        });
        let (hub, address) = starting.await.unwrap();
        Self { runtime, hub: Some(hub), address }
    }

    fn hub(&self) -> &Hub {
        self.hub.as_ref().unwrap()
    }

    /// Drops everything at its current `await`.
    fn kill(mut self) {
        self.hub = None;
        self.runtime.shutdown_background();
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_resumes_on_a_server_that_was_killed_and_restarted() {
    use crate::support::file::File;
    use fanfare::Sqlite;
    let file = File::new();
    let path = file.path();
    let start = async || {
        let path = path.clone();
        let build = move || {
            Hub::builder(&REGISTRY).signing_key(KEY).storage(Sqlite::open(path).unwrap()).build().unwrap()
        };
        Process::start(build).await
    };
    let channel = room("1");
    let mut process = start().await;
    let proxy = Proxy::start(process.address).await;
    let client = client(proxy.address);
    let mut lines = client.subscribe(said(&channel)).await.unwrap();
    let mut texts = client.subscribe(draft(&channel)).await.unwrap();
    let (mut published, mut received) = (0, 0);
    for round in 0..5 {
        let mut writer = process.hub().stream(draft(&channel)).await.unwrap();
        writer.write("cut").await.unwrap();
        for _ in 0..100 {
            process.hub().publish(said(&channel), &published.to_string()).await.unwrap();
            published += 1;
        }
        // Some are read before the server is killed, the others after.
        while received < round * 100 + 20 {
            assert_eq!(receive(&mut lines).await.unwrap().data, received.to_string());
            received += 1;
        }
        assert!(matches!(receive(&mut texts).await.unwrap().data, TextPart::Start { .. }));
        process.kill();
        // Its task is gone, so it ends nothing.
        drop(writer);
        proxy.cut();
        process = start().await;
        *proxy.target.lock().unwrap() = process.address;
        loop {
            match receive(&mut texts).await.unwrap().data {
                TextPart::Chunk { text, .. } => assert_eq!(text, "cut"),
                TextPart::Failed { .. } => break,
                other => panic!("{other:?}"),
            }
        }
    }
    while received < published {
        assert_eq!(receive(&mut lines).await.unwrap().data, received.to_string());
        received += 1;
    }
    expect_silence(&mut lines).await;
    process.kill();
}

#[tokio::test]
async fn a_server_that_lost_its_history_gives_a_gap_and_the_subscription_continues() {
    let (first, second) = (Server::start().await, Server::start().await);
    let proxy = Proxy::start(first.address).await;
    let channel = room("1");
    let mut subscription = client(proxy.address).subscribe(said(&channel)).await.unwrap();
    let id = first.hub.publish(said(&channel), "1").await.unwrap();
    assert_eq!(receive(&mut subscription).await.unwrap().id, id);
    second.hub.publish(said(&channel), "missed").await.unwrap();
    *proxy.target.lock().unwrap() = second.address;
    proxy.cut();
    let Err(ReceiveError::Gap(gap)) = receive(&mut subscription).await else { panic!("no gap") };
    assert_eq!(gap.after, id);
    assert_eq!(receive(&mut subscription).await.unwrap().data, "missed");
    second.hub.publish(said(&channel), "2").await.unwrap();
    assert_eq!(receive(&mut subscription).await.unwrap().data, "2");
}

#[tokio::test]
async fn a_slow_subscriber_receives_everything_in_order() {
    let server = Server::start().await;
    let proxy = Proxy::start(server.address).await;
    let channel = room("1");
    let mut slow = client(proxy.address).subscribe(said(&channel)).buffer(50).await.unwrap();
    for number in 0..2_000 {
        server.hub.publish(said(&channel), &number.to_string()).await.unwrap();
    }
    sleep(Duration::from_millis(300)).await;
    let before = proxy.opened();
    for number in 0..2_000 {
        assert_eq!(receive(&mut slow).await.unwrap().data, number.to_string());
    }
    expect_silence(&mut slow).await;
    assert!(proxy.opened() > before + 2, "it disconnected while its buffer was full");
}

#[tokio::test]
async fn a_slow_subscriber_of_a_short_history_receives_a_gap() {
    let server = Server::start().await;
    let channel = small("1");
    let mut slow = client(server.address).subscribe(said(&channel)).buffer(1).await.unwrap();
    let text = "x".repeat(300_000);
    for _ in 0..12 {
        server.hub.publish(said(&channel), &text).await.unwrap();
    }
    let (mut gaps, mut last) = (0, None);
    let end = server.hub.publish(said(&channel), "end").await.unwrap();
    while last != Some(end) {
        match receive(&mut slow).await {
            Ok(message) => {
                assert!(last < Some(message.id));
                last = Some(message.id);
            }
            Err(ReceiveError::Gap(_)) => gaps += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(gaps, 1);
}

/// Returns a client whose tokens are minted by the hub, with a lifetime in seconds, and counts them.
fn client_with_tokens(server: &Server, seconds: u64) -> (Client, Arc<AtomicU32>) {
    let (hub, count) = (server.hub.clone(), Arc::new(AtomicU32::new(0)));
    let minted = Arc::clone(&count);
    let client = Client::new(format!("http://{}", server.address)).token(move |request: TokenRequest| {
        let (hub, id) = (hub.clone(), minted.fetch_add(1, Ordering::SeqCst));
        async move {
            let channel = hub.registry().resolve(&request.channel).ok_or("unknown channel")?;
            let token = match request.access {
                TokenAccess::Subscribe { .. } => hub.token(channel.grant(["said"])),
                TokenAccess::Publish { .. } => hub.token(channel.grant(["said"])).for_publishing(),
                TokenAccess::Signal { .. } => hub.token(channel.grant_signals(["nod"])),
                _ => return Err("unknown access"),
            };
            let token = token.id(format!("token-{id}")).expires_in(Duration::from_secs(seconds));
            token.mint().map_err(|_| "no token")
        }
    });
    (client.reconnect_delay(Duration::from_millis(10), Duration::from_millis(100)), count)
}

#[tokio::test]
async fn tokens_are_renewed_before_they_expire_and_replaced_after_they_are_revoked() {
    let server = Server::start().await;
    let channel = room("1");
    let (client, count) = client_with_tokens(&server, 2);
    let mut subscription = client.subscribe(said(&channel)).await.unwrap();
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
    let minted = count.load(Ordering::SeqCst);
    assert!(
        (54..62).contains(&minted),
        "50 to publish, one to subscribe, about one each 1.5 seconds: {minted}"
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
    let (_, renamed) = crate::support::definition::renamed_room("1");
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
    let reserved = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = reserved.local_addr().unwrap();
    drop(reserved);
    let channel = room("1");
    let to = channel.clone();
    let subscribing = tokio::spawn(async move { client(address).subscribe(said(&to)).await });
    sleep(Duration::from_millis(100)).await;
    let hub = Hub::builder(&REGISTRY).signing_key(KEY).build().unwrap();
    let listener = TcpListener::bind(address).await.unwrap();
    let app = fanfare::routes(hub.clone());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let mut subscription = timeout(PATIENCE, subscribing).await.unwrap().unwrap().unwrap();
    hub.publish(said(&channel), "hello").await.unwrap();
    assert_eq!(receive(&mut subscription).await.unwrap().data, "hello");
}

#[tokio::test]
async fn a_subscription_moves_to_another_server_when_its_server_stops() {
    let (first, second) = (Server::start().await, Server::start().await);
    let proxy = Proxy::start(first.address).await;
    let channel = room("1");
    let mut subscription = client(proxy.address).subscribe(said(&channel)).await.unwrap();
    *proxy.target.lock().unwrap() = second.address;
    first.hub.publish(said(&channel), "the last of the first").await.unwrap();
    first.hub.shutdown().await;
    assert_eq!(receive(&mut subscription).await.unwrap().data, "the last of the first");
    assert!(matches!(receive(&mut subscription).await, Err(ReceiveError::Gap(_))));
    second.hub.publish(said(&channel), "the first of the second").await.unwrap();
    assert_eq!(receive(&mut subscription).await.unwrap().data, "the first of the second");
}

#[tokio::test]
async fn a_network_that_drops_everything_is_noticed() {
    let server = Server::start_with(|hub| hub.ping_interval(Duration::from_millis(200))).await;
    let proxy = Proxy::start(server.address).await;
    let channel = room("1");
    let mut subscription = client(proxy.address).subscribe(said(&channel)).await.unwrap();
    server.hub.publish(said(&channel), "1").await.unwrap();
    assert_eq!(receive(&mut subscription).await.unwrap().data, "1");
    // Long enough for heartbeats to arrive.
    sleep(Duration::from_millis(500)).await;
    proxy.is_frozen.store(true, Ordering::SeqCst);
    sleep(Duration::from_millis(50)).await;
    proxy.is_frozen.store(false, Ordering::SeqCst);
    server.hub.publish(said(&channel), "2").await.unwrap();
    let began = std::time::Instant::now();
    assert_eq!(receive(&mut subscription).await.unwrap().data, "2");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
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
    static TOPICS: [fanfare::TopicDefinition; 6] = {
        use fanfare::{Carries, Retain, TopicDefinition};
        const TEXT: Carries = Carries::Payload(&fanfare::Schema::Text(fanfare::schema::Text::ANY));
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
        let of_release =
            fanfare::ChannelDefinition { topics: &TOPICS, fingerprint, ..crate::support::definition::ROOM };
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
async fn a_text_stream_is_received_in_parts_or_as_a_whole() {
    let server = Server::start().await;
    let proxy = Proxy::start(server.address).await;
    let channel = room("1");
    let mut texts = client(proxy.address).subscribe(draft(&channel)).await.unwrap();
    let mut writer = server.hub.stream(draft(&channel)).await.unwrap();
    let expected = (0..50).map(|number| number.to_string()).collect::<Vec<_>>().join(" ");
    let reading = tokio::spawn(async move { (timeout(PATIENCE, texts.recv_text()).await, texts) });
    for number in 0..50 {
        let separator = if number == 0 { "" } else { " " };
        writer.write(&format!("{separator}{number}")).await.unwrap();
        if number % 20 == 10 {
            sleep(Duration::from_millis(20)).await;
            proxy.cut();
        }
    }
    writer.end().await.unwrap();
    let (text, mut texts) = reading.await.unwrap();
    assert_eq!(text.unwrap().unwrap(), expected, "across lost connections");
    server.hub.stream(draft(&channel)).await.unwrap().stop("enough").await.unwrap();
    let Err(ReceiveError::IncompleteText(error)) = texts.recv_text().await else { panic!("it was stopped") };
    assert_eq!(error.failure, fanfare::TextStreamFailure::Stopped);
}

#[tokio::test]
async fn a_publish_whose_response_is_lost_is_repeated_and_counts_once() {
    let server = Server::start().await;
    let channel = room("1");
    // Passes the request on, and cuts the connection before the response.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, target) = (listener.local_addr().unwrap(), server.address);
    let connections = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(target).await.unwrap();
            if counted.fetch_add(1, Ordering::SeqCst) < 2 {
                let mut request = vec![0; 4096];
                let length = client.read(&mut request).await.unwrap();
                server.write_all(&request[..length]).await.unwrap();
                let _ = server.read(&mut request).await;
            } else {
                tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
            }
        }
    });
    let id = client(address).publish(said(&channel), "once").await.unwrap();
    let mut all = server.hub.subscribe(said(&channel)).since(Cursor::Start).await.unwrap();
    let message = receive(&mut all).await.unwrap();
    assert_eq!((message.id, message.data.as_str()), (id, "once"));
    expect_silence(&mut all).await;
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_publish_is_refused_with_a_reason_and_not_repeated() {
    let server = Server::start().await;
    let channel = room("1");
    let strict = strict_room("1").1;
    let client = client(server.address);
    assert!(matches!(client.publish(said(&strict), "longer than ten").await, Err(ClientError::Invalid(_))));
    let (_, renamed) = crate::support::definition::renamed_room("1");
    let error = client.publish(renamed.topic::<str>(0), "x").await.unwrap_err();
    assert!(
        matches!(&error, ClientError::Refused { status: Some(404), code: Some(code), .. } if code == "unknown_topic"),
        "{error:?}"
    );
    client.publish(said(&channel), "a").idempotency_key("k").await.unwrap();
    let error = client.publish(said(&channel), "b").idempotency_key("k").await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { status: Some(422), .. }), "{error:?}");
    let hub: Publish<'_, str> = server.hub.publish(said(&channel), "the last");
    hub.await.unwrap();
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_signal_answers_a_run_once_and_the_loser_learns_why() {
    use crate::support::definition::Room;
    use crate::support::runs::{MINUTE, completed, done, ended, in_memory, runs, waits};
    use fanfare::{Run, SignalStatus};
    let server = in_memory().await;
    let channel = Room(room("1"));
    let (runs, job) = runs(&server, |run: Run<Room>, (): ()| async move {
        let answer = run.wait_for(run.channel().nod(), MINUTE).await?;
        Ok(done(answer.map(|answer| answer.payload).unwrap_or_default()))
    })
    .await;
    runs.start(&job, "run_1", &channel, &()).await.unwrap();
    waits(&runs, "run_1").await;
    let (with_tokens, _) = client_with_tokens(&server, 60);
    let receipt = with_tokens.signal(channel.nod(), "yes").await.unwrap();
    assert_eq!((receipt.run_id.as_str(), receipt.status), ("run_1", SignalStatus::Accepted));
    let late = client(server.address).signal(channel.nod(), "no").run_id("run_1").await.unwrap_err();
    let ClientError::Refused { status: Some(409), code: Some(code), .. } = late else { panic!("{late:?}") };
    assert!(["already_taken", "run_ended"].contains(&code.as_str()), "{code}");
    assert_eq!(ended(&runs, "run_1").await, completed("yes"));
}

#[tokio::test]
async fn a_server_whose_certificate_is_unknown_is_refused() {
    let server = Server::start().await;
    let client = Client::new(format!("https://{}", server.address)).signing_key(KEY).max_retries(0);
    let error = client.publish(said(&room("1")), "x").await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable(_)), "{error:?}");
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

//! Subscriptions over the network that lose their connection, or are slow.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fanfare::{Hub, ReceiveError, TextPart, TextStreamFailure};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

use crate::support::definition::{REGISTRY, draft, room, said, small};
use crate::support::network::{PATIENCE, Proxy, client, expect_silence, receive};
use crate::support::server::{KEY, Server};

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
            let opened = proxy.opened();
            proxy.cut();
            let reconnects = async {
                while proxy.opened() == opened {
                    sleep(Duration::from_millis(5)).await;
                }
            };
            timeout(PATIENCE, reconnects).await.unwrap();
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
    assert_eq!(error.failure, TextStreamFailure::Stopped);
}

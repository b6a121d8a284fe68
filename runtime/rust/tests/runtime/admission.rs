//! Clients without a token cannot keep other clients from connecting.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use fanfare::{Hub, HubBuilder, Serve};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::support::client::Client;
use crate::support::definition::{REGISTRY, room, said};
use crate::support::http;
use crate::support::server::{KEY, Server};

/// A client that waits longer counts as kept out. Attackers hold their connections for much longer.
const SOON: Duration = Duration::from_secs(8);

const RECONNECT_PAUSE: Duration = Duration::from_millis(10);

async fn server(hub: impl FnOnce(HubBuilder) -> HubBuilder, serve: impl FnOnce(Serve) -> Serve) -> Server {
    let hub = hub(Hub::builder(&REGISTRY).signing_key(KEY)).build().unwrap();
    Server::serve_ours(hub, Router::new(), serve).await
}

/// A connection on which a client keeps sending texts. It reconnects when it is closed.
fn attack(address: SocketAddr, texts: &'static [&'static str], pause: Duration) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let Ok(mut stream) = TcpStream::connect(address).await else { return };
            let mut answer = [0; 1024];
            'sending: for text in texts.iter().chain(std::iter::repeat(&texts[texts.len() - 1])) {
                if stream.write_all(text.as_bytes()).await.is_err() {
                    break;
                }
                let until = Instant::now() + pause;
                while let Some(left) = until.checked_duration_since(Instant::now()) {
                    match timeout(left, stream.read(&mut answer)).await {
                        Ok(Ok(1..)) | Err(_) => {}
                        Ok(_) => break 'sending,
                    }
                }
            }
            // Each new connection closes the one that has waited longest. On a busy machine, clients without a pause
            // would close those whose requests have not arrived yet.
            sleep(RECONNECT_PAUSE).await;
        }
    })
}

/// Connects one new client after another. All publish and subscribe.
async fn connect_new_clients(server: &Server, count: u32) {
    let channel = room("1");
    for number in 0..count {
        let admitted = async {
            let mut client = server.subscribe(&channel, &["said"]).await;
            client.ready().await;
            let published = server.publish("room:1", "said", number.to_string().as_bytes()).await;
            assert_eq!(published.status, 200);
            assert_eq!(client.data().await, number.to_string());
        };
        timeout(SOON, admitted).await.expect("a newcomer is kept out");
    }
}

#[tokio::test]
async fn idle_keep_alive_connections_are_closed_for_new_ones() {
    let server = server(|hub| hub, |serve| serve.max_connections(224)).await;
    let mut user = server.subscribe(&room("1"), &["said"]).await;
    user.ready().await;
    let request = &["GET /nothing HTTP/1.1\r\nHost: test\r\n\r\n"];
    let mut attackers = Vec::new();
    for _ in 0..246 {
        // A new connection whose request takes longer than this to arrive would be the one that has waited longest.
        attackers.push(attack(server.address, request, Duration::from_secs(5)));
        // More at once would overflow the system's queue of new connections.
        sleep(Duration::from_millis(2)).await;
    }
    connect_new_clients(&server, 50).await;
    // Connections that are being served are not affected.
    for number in 0..50 {
        assert_eq!(user.data().await, number.to_string());
    }
    attackers.iter().for_each(JoinHandle::abort);
}

/// Not a test: the server of the test below, in a process that may open only a few files.
#[tokio::test]
#[ignore = "it is started by another test"]
async fn serve_until_the_input_ends() {
    let server = server(|hub| hub, |serve| serve).await;
    println!("\nADDRESS {}", server.address);
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await.unwrap().unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn new_clients_connect_while_idle_connections_use_all_files() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    let test = "admission::serve_until_the_input_ends";
    let mut process = Command::new("sh")
        .args(["-c", "ulimit -n 256 && exec \"$0\" --ignored --nocapture --exact \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let address =
        lines.by_ref().map(Result::unwrap).find_map(|line| line.strip_prefix("ADDRESS ")?.parse().ok());
    let address = address.expect("it starts");
    let request = &["GET /nothing HTTP/1.1\r\nHost: test\r\n\r\n"];
    let mut attackers = Vec::new();
    for _ in 0..246 {
        attackers.push(attack(address, request, Duration::from_secs(20)));
        sleep(Duration::from_millis(2)).await;
    }
    let hub = Hub::builder(&REGISTRY).signing_key(KEY).build().unwrap();
    let token = hub.token(room("1").grant(["said"])).mint().unwrap();
    let mut newcomers = Vec::new();
    let mut times = Vec::new();
    for _ in 0..50 {
        let began = Instant::now();
        let admitted = async {
            let stream = TcpStream::connect(address).await.unwrap();
            let protocols = format!("fanfare.v1, bearer.{token}");
            let mut client = Client::open_on(stream, "", Some(&protocols)).await.unwrap();
            client.ready().await;
            newcomers.push(client);
        };
        timeout(SOON, admitted).await.expect("a newcomer is kept out");
        times.push(began.elapsed());
    }
    times.sort();
    println!("median {:?}, at most {:?}", times[25], times[49]);
    attackers.iter().for_each(JoinHandle::abort);
    drop(process.stdin.take());
    assert!(process.wait().unwrap().success());
}

#[tokio::test]
async fn clients_without_a_token_that_do_not_read_are_closed_for_new_ones() {
    let hub = Hub::builder(&REGISTRY).signing_key(KEY).build().unwrap();
    let large = "x".repeat(16 * 1024 * 1024);
    let app = Router::new().route("/large", get(async move || large.clone()));
    let server = Server::serve_ours(hub, app, |serve| serve.max_connections(10)).await;
    let mut stalled = Vec::new();
    for _ in 0..12 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"GET /large HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
        let mut start = [0; 12];
        stream.read_exact(&mut start).await.unwrap();
        stalled.push(stream);
        sleep(Duration::from_millis(20)).await;
    }
    connect_new_clients(&server, 5).await;
}

#[tokio::test]
async fn new_clients_connect_while_others_send_no_body_or_a_slow_one() {
    const HEAD: &str = "POST /v1/realtime/sse HTTP/1.1\r\nHost: test\r\nContent-Length: 200000\r\n\r\n";
    const NEVER: &[&str] = &[HEAD, ""];
    const TRICKLED: &[&str] = &[HEAD, " "];
    for texts in [NEVER, TRICKLED] {
        let server = server(|hub| hub, |serve| serve.max_connections(40)).await;
        let attackers: Vec<_> =
            (0..60).map(|_| attack(server.address, texts, Duration::from_millis(100))).collect();
        sleep(Duration::from_millis(300)).await;
        connect_new_clients(&server, 20).await;
        attackers.iter().for_each(JoinHandle::abort);
    }
}

#[tokio::test]
async fn bodies_of_clients_without_a_token_use_a_limited_share_of_connections() {
    let server = server(|hub| hub, |serve| serve.max_waiting_connections(10)).await;
    let mut bodies = Vec::new();
    for _ in 0..30 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let head = "POST /v1/realtime/sse HTTP/1.1\r\nHost: test\r\nContent-Length: 200000\r\n\r\n[";
        stream.write_all(head.as_bytes()).await.unwrap();
        bodies.push(stream);
    }
    for stream in &mut bodies[..20] {
        let ended = timeout(SOON, stream.read_to_end(&mut Vec::new())).await;
        assert!(ended.is_ok(), "the oldest connections are closed");
    }
    // The body of a request with the signing key may arrive slowly.
    let slow =
        http::post_slowly(server.address, "publish?channel=room:1&topic=said", Some(KEY), b"1", async {
            for _ in 0..30 {
                bodies.push(TcpStream::connect(server.address).await.unwrap());
            }
            sleep(Duration::from_millis(100)).await;
        });
    assert_eq!(slow.await.status, 200);
}

#[tokio::test]
async fn websockets_without_a_token_are_closed_before_the_hub_is_full() {
    let server = Server::start_with(|hub| hub.max_connections(20).max_unsubscribed_connections(5)).await;
    let open = || Client::open(&server, "", Some("fanfare.v1"));
    let mut crowd = Vec::new();
    for _ in 0..40 {
        crowd.push(open().await.unwrap());
    }
    let began = Instant::now();
    for client in &mut crowd[..35] {
        assert_eq!(client.close_code().await, 4408);
    }
    assert!(began.elapsed() < SOON);
    let channel = room("1");
    let mut users = Vec::new();
    for _ in 0..20 {
        let mut user = server.subscribe(&channel, &["said"]).await;
        user.ready().await;
        users.push(user);
    }
    // All connections have a subscription now, so a new one is rejected.
    let token = server.token(&channel, &["said"]);
    assert_eq!(server.refusal(&token).await.status, 429);
    users[0].send(&json!({ "kind": "unsub", "channel": "room:1" })).await;
    users[0].frame().await;
    let mut newcomer = Client::connect(&server, &token, None).await.unwrap();
    newcomer.ready().await;
    assert_eq!(users[0].close_code().await, 4408);
    server.hub.publish(said(&channel), "still there").await.unwrap();
    assert_eq!((users[1].data().await, newcomer.data().await), ("still there".into(), "still there".into()));
}

#[tokio::test]
async fn websockets_without_a_token_are_closed_for_new_connections() {
    let server = server(|hub| hub, |serve| serve.max_connections(20)).await;
    let mut user = server.subscribe(&room("1"), &["said"]).await;
    user.ready().await;
    let mut crowd = Vec::new();
    for _ in 0..40 {
        crowd.push(Client::open(&server, "", Some("fanfare.v1")).await.unwrap());
    }
    connect_new_clients(&server, 10).await;
    assert_eq!(user.data().await, "0");
}

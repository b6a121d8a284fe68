//! Opens connections that send nothing, or send slowly.

use super::raw::{End, Raw, handshake};
use crate::Result;
use crate::publisher;
use std::future::Future;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

const CONNECTIONS: usize = 500;
/// The server pings every second and drops a client that has not answered two pings.
const FROZEN_FOR: Duration = Duration::from_secs(6);
/// A connection without a subscription is closed after 10 seconds.
const IDLE_FOR: Duration = Duration::from_secs(12);
/// The head and the body of a request may take 30 seconds each. The rest is tolerance for slow machines.
const SLOW_FOR: Duration = Duration::from_secs(60);

/// Half-open sockets: subscribes and then stays silent. The server drops the connections.
pub(super) async fn frozen(port: u16) -> Result<String> {
    let mut tokens = Vec::new();
    for _ in 0..CONNECTIONS.div_ceil(50) {
        tokens.push(publisher::mint_token(port, &[("wide:hostile".into(), "left")]).await?);
    }
    let dropped = count(|index| {
        let token = tokens[index / 50].clone();
        async move {
            let socket = Raw::connect(port, Some(&token)).await?;
            sleep(FROZEN_FOR).await;
            Ok(timeout(Duration::from_secs(1), socket.end()).await.is_ok())
        }
    });
    require_all("half-open sockets", "dropped", dropped.await?)
}

/// Answers pings but subscribes to nothing. The server closes the connections.
pub(super) async fn idle(port: u16) -> Result<String> {
    let closed = count(|_| async move {
        let socket = Raw::connect(port, None).await?;
        Ok(timeout(IDLE_FOR, socket.end_with_pongs())
            .await
            .is_ok_and(|end| matches!(end, Ok(End::Closed(4408)))))
    });
    require_all("connections without a subscription", "closed with 4408", closed.await?)
}

/// Slowloris: sends the head or the body of requests byte by byte. The server ends the connections.
pub(super) async fn slow(port: u16) -> Result<String> {
    let end = Instant::now() + SLOW_FOR;
    let head = handshake("", &format!("X-Padding: {}\r\n", "x".repeat(500)));
    let start = format!(
        "POST /v1/realtime/publish?channel=wide:hostile&topic=left HTTP/1.1\r\nHost: 127.0.0.1\r\n\
         Authorization: Bearer {}\r\nContent-Length: 1000\r\n\r\n",
        crate::SIGNING_KEY
    );
    let ended = count(|index| {
        let (at_once, slowly) =
            if index % 2 == 0 { (String::new(), head.clone()) } else { (start.clone(), " ".repeat(999)) };
        async move { drip(port, &at_once, &slowly, end).await }
    });
    require_all(
        "slow requests, half of them in the head, half in the body",
        "ended by the server",
        ended.await?,
    )
}

/// Sends some text at once and the rest byte by byte. Returns `true` if the server ended the connection.
async fn drip(port: u16, at_once: &str, slowly: &str, end: Instant) -> Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(at_once.as_bytes()).await?;
    let mut answer = Vec::new();
    for byte in slowly.bytes() {
        let pause = timeout(Duration::from_millis(200), stream.read_buf(&mut answer)).await;
        if matches!(pause, Ok(Ok(0) | Err(_)))
            || !answer.is_empty()
            || stream.write_all(&[byte]).await.is_err()
        {
            return Ok(true);
        }
        if Instant::now() > end {
            break;
        }
    }
    Ok(false)
}

/// Returns the number of connections that return `true`.
async fn count<F>(connection: impl Fn(usize) -> F) -> Result<usize>
where
    F: Future<Output = Result<bool>> + Send + 'static,
{
    let mut connections: JoinSet<Result<bool>> = (0..CONNECTIONS).map(connection).collect();
    let mut count = 0;
    while let Some(holds) = connections.join_next().await {
        count += usize::from(holds??);
    }
    Ok(count)
}

fn require_all(what: &str, became: &str, count: usize) -> Result<String> {
    let text = format!("{CONNECTIONS} {what}: {count} {became}");
    if count == CONNECTIONS { Ok(text) } else { Err(text.into()) }
}

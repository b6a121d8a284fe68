//! Exhausts connections: opens many without a token and keeps them, to keep others out.

use super::raw::{End, Raw};
use crate::Result;
use crate::http;
use std::future::Future;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

const CONNECTIONS: usize = 500;
const DURATION: Duration = Duration::from_secs(12);
const BETWEEN_REQUESTS: Duration = Duration::from_secs(2);
/// The pause before a closed connection is opened again.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);

/// Requests a path that does not exist from time to time, and keeps the connections alive.
pub(super) async fn kept_alive(port: u16) -> Result<String> {
    let asked = all(|end| async move {
        let mut asked = 0;
        // Spread the requests: the attack is on connections, not on CPU time.
        sleep(BETWEEN_REQUESTS.mul_f64(fastrand::f64())).await;
        while Instant::now() < end {
            let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
            let request = b"GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
            while Instant::now() < end {
                http::count_sent(request);
                let mut answer = [0; 1024];
                let written = stream.write_all(request).await;
                let read = timeout(BETWEEN_REQUESTS, stream.read(&mut answer)).await;
                if written.is_err() || !matches!(read, Ok(Ok(1..))) {
                    break;
                }
                asked += 1;
                sleep(BETWEEN_REQUESTS).await;
            }
            sleep(BETWEEN_ATTEMPTS).await;
        }
        asked
    });
    Ok(format!("{CONNECTIONS} keep-alive connections, {} requests", asked.await?))
}

/// Announces the body of a request and never sends it.
pub(super) async fn bodies(port: u16) -> Result<String> {
    let sent = all(|end| async move {
        let mut sent = 0;
        while Instant::now() < end {
            let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
            let head = b"POST /v1/realtime/sse HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n";
            http::count_sent(head);
            let _ = stream.write_all(head).await;
            sent += 1;
            let _ = timeout(end - Instant::now(), stream.read(&mut [0; 1024])).await;
            sleep(BETWEEN_ATTEMPTS).await;
        }
        sent
    });
    Ok(format!("{CONNECTIONS} connections that never send a body, {} requests", sent.await?))
}

/// Opens `WebSocket`s and never sends a token.
pub(super) async fn sockets(port: u16) -> Result<String> {
    let opened = all(|end| async move {
        let mut opened = 0;
        while Instant::now() < end {
            if let Ok(socket) = Raw::connect(port, None).await {
                opened += 1;
                let _: std::result::Result<Result<End>, _> =
                    timeout(end - Instant::now(), socket.end_with_pongs()).await;
            }
            sleep(BETWEEN_ATTEMPTS).await;
        }
        opened
    });
    Ok(format!("{CONNECTIONS} clients that opened {} WebSockets without a token", opened.await?))
}

/// Runs all connections until the end, and returns the sum of their counts.
async fn all<F: Future<Output = u64> + Send + 'static>(connection: impl Fn(Instant) -> F) -> Result<u64> {
    let end = Instant::now() + DURATION;
    let mut connections: JoinSet<u64> = (0..CONNECTIONS).map(|_| connection(end)).collect();
    let mut sum = 0;
    while let Some(count) = connections.join_next().await {
        sum += count?;
    }
    Ok(sum)
}

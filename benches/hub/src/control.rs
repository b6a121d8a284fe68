//! How the load client makes a server publish in-process.
//!
//! Over a TCP connection of its own the client sends lines. `go <bytes>` starts with payloads of that
//! size, `to <n>` lets the server publish until n messages are published, `stop` ends it at once and
//! `finish` when all are that it was let; the server answers with how many that were. So the client alone decides how far publishing may run
//! ahead of what was delivered, and all servers are paced alike.

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How often publishing gives way to what else the server has to do.
const TURN: u64 = 64;

/// What publishes in-process.
pub trait Publish {
    /// Publishes the message with a number and a filling.
    fn publish(&self, sequence: u64, filling: &str) -> impl Future<Output = ()> + Send;
}

/// Serves one client after the other.
pub async fn serve(listener: TcpListener, publisher: impl Publish) {
    loop {
        let Ok((client, _)) = listener.accept().await else { return };
        let (read, mut write) = client.into_split();
        let mut lines = BufReader::new(read).lines();
        let Ok(Some(line)) = lines.next_line().await else { continue };
        let Some(size) = line.strip_prefix("go ").and_then(|size| size.parse().ok()) else { continue };
        let filling = crate::message::filling(size);
        let (allow, allowed) = watch::channel(0);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await
                && line != "finish"
            {
                let most = line.strip_prefix("to ").and_then(|most| most.parse().ok());
                allow.send_replace(most.unwrap_or(0));
                if most.is_none() {
                    break;
                }
            }
        });
        let published = publish_while_allowed(allowed, &filling, &publisher).await;
        let _ = write.write_all(format!("{published}\n").as_bytes()).await;
    }
}

/// Publishes until nobody can allow more.
async fn publish_while_allowed(
    mut allowed: watch::Receiver<u64>,
    filling: &str,
    publisher: &impl Publish,
) -> u64 {
    let mut published = 0;
    loop {
        if published < *allowed.borrow() {
            publisher.publish(published, filling).await;
            published += 1;
            if published.is_multiple_of(TURN) {
                tokio::task::yield_now().await;
            }
        } else if allowed.changed().await.is_err() {
            return published;
        }
    }
}

/// The load client's side.
pub struct Remote {
    write: OwnedWriteHalf,
    lines: Lines<BufReader<OwnedReadHalf>>,
}

impl Remote {
    /// Starts publishing; nothing is allowed yet.
    ///
    /// # Errors
    /// When the server is not there.
    pub async fn start(address: &str, size: u64) -> std::io::Result<Self> {
        let connection = TcpStream::connect(address).await?;
        connection.set_nodelay(true)?;
        let (read, mut write) = connection.into_split();
        write.write_all(format!("go {size}\n").as_bytes()).await?;
        Ok(Self { write, lines: BufReader::new(read).lines() })
    }

    /// Lets the server publish until `most` messages are published.
    ///
    /// # Errors
    /// When the server is gone.
    pub async fn allow(&mut self, most: u64) -> std::io::Result<()> {
        self.write.write_all(format!("to {most}\n").as_bytes()).await
    }

    /// Ends it at once and tells how many messages were published.
    ///
    /// # Errors
    /// When the server is gone.
    pub async fn stop(self) -> std::io::Result<u64> {
        self.end("stop\n").await
    }

    /// Waits until all that is allowed is published.
    ///
    /// # Errors
    /// When the server is gone.
    pub async fn finish(self) -> std::io::Result<u64> {
        self.end("finish\n").await
    }

    async fn end(mut self, line: &str) -> std::io::Result<u64> {
        self.write.write_all(line.as_bytes()).await?;
        let count = self.lines.next_line().await?;
        count.and_then(|count| count.parse().ok()).ok_or_else(|| std::io::Error::other("no count"))
    }
}

//! Lets the load client make a server publish in-process.
//!
//! The client sends lines over a separate TCP connection:
//!
//! - `go <bytes> <channels> <first>` starts publishing payloads of this size. They go to this number of channels in turn,
//!   from the channel `<first>` on.
//! - `to <n>` allows n messages in total.
//! - `stop` ends publishing at once, and `finish` once all allowed messages are published. The server answers with the
//!   number of published messages.
//!
//! So only the client decides how far publishing runs ahead of delivery, and all servers are paced alike.

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The number of messages after which publishing yields to other work of the server.
const TURN: u64 = 64;

/// Publishes in-process.
pub trait Publish {
    /// Publishes a message with a sequence number and a filling. Servers that have only one channel ignore the channel.
    fn publish(&self, channel: u64, sequence: u64, filling: &str) -> impl Future<Output = ()> + Send;
}

/// Serves one client after another.
pub async fn serve(listener: TcpListener, publisher: impl Publish) {
    loop {
        let Ok((client, _)) = listener.accept().await else { return };
        let (read, mut write) = client.into_split();
        let mut lines = BufReader::new(read).lines();
        let Ok(Some(line)) = lines.next_line().await else { continue };
        let mut numbers = line.strip_prefix("go ").into_iter().flat_map(|rest| rest.split(' '));
        let Some(size) = numbers.next().and_then(|size| size.parse().ok()) else { continue };
        let channels = numbers.next().and_then(|channels| channels.parse().ok()).unwrap_or(1);
        let first = numbers.next().and_then(|first| first.parse().ok()).unwrap_or(0);
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
        let published = publish_while_allowed(allowed, first, channels, &filling, &publisher).await;
        let _ = write.write_all(format!("{published}\n").as_bytes()).await;
    }
}

/// Publishes until the sender of `allowed` is dropped.
async fn publish_while_allowed(
    mut allowed: watch::Receiver<u64>,
    first: u64,
    channels: u64,
    filling: &str,
    publisher: &impl Publish,
) -> u64 {
    let mut published = 0;
    loop {
        if published < *allowed.borrow() {
            publisher.publish(first + published % channels, published, filling).await;
            published += 1;
            if published.is_multiple_of(TURN) {
                tokio::task::yield_now().await;
            }
        } else if allowed.changed().await.is_err() {
            return published;
        }
    }
}

/// The client side.
pub struct Remote {
    write: OwnedWriteHalf,
    lines: Lines<BufReader<OwnedReadHalf>>,
}

impl Remote {
    /// Starts publishing, with no messages allowed yet.
    ///
    /// # Errors
    /// Returns an error if the connection fails.
    pub async fn start(address: &str, size: u64, channels: u64, first: u64) -> std::io::Result<Self> {
        let connection = TcpStream::connect(address).await?;
        connection.set_nodelay(true)?;
        let (read, mut write) = connection.into_split();
        write.write_all(format!("go {size} {channels} {first}\n").as_bytes()).await?;
        Ok(Self { write, lines: BufReader::new(read).lines() })
    }

    /// Allows `most` messages in total.
    ///
    /// # Errors
    /// Returns an error if the connection is closed.
    pub async fn allow(&mut self, most: u64) -> std::io::Result<()> {
        self.write.write_all(format!("to {most}\n").as_bytes()).await
    }

    /// Stops publishing at once and returns the number of published messages.
    ///
    /// # Errors
    /// Returns an error if the connection is closed.
    pub async fn stop(self) -> std::io::Result<u64> {
        self.end("stop\n").await
    }

    /// Waits until all allowed messages are published and returns their number.
    ///
    /// # Errors
    /// Returns an error if the connection is closed.
    pub async fn finish(self) -> std::io::Result<u64> {
        self.end("finish\n").await
    }

    async fn end(mut self, line: &str) -> std::io::Result<u64> {
        self.write.write_all(line.as_bytes()).await?;
        let count = self.lines.next_line().await?;
        count
            .and_then(|count| count.parse().ok())
            .ok_or_else(|| std::io::Error::other("the server sent no count"))
    }
}

//! The socket of a connection, with timeouts for clients that are gone or do not read.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::open_connections::OpenConnection;

/// When the system starts to probe a connection without traffic, and how often.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// After writing this many bytes, a connection yields to others. Copying them takes less than 0.1 ms.
const MAX_BURST: usize = 128 * 1024;

/// A socket that fails if the client reads nothing for the write timeout, or if the connection must close to make room
/// for others.
///
/// Only Linux has a timeout for this, and handlers cannot see how much of a response was written.
pub(super) struct Socket {
    stream: TcpStream,
    write_timeout: Duration,
    /// Set while data waits to be written.
    timer: Option<Pin<Box<Sleep>>>,
    /// How many bytes were written since the last yield.
    burst: usize,
    connection: Arc<OpenConnection>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, write_timeout: Duration, connection: Arc<OpenConnection>) -> Self {
        configure(&stream, write_timeout);
        Self { stream, write_timeout, timer: None, burst: 0, connection }
    }

    /// Returns `true` if the connection must yield. The task is woken after the others.
    fn must_yield(&mut self, context: &Context<'_>) -> bool {
        let is_due = self.burst >= MAX_BURST;
        if is_due {
            self.burst = 0;
            context.waker().wake_by_ref();
        }
        is_due
    }

    /// Records the result of a write, and fails if a pending one has timed out or the connection must close.
    fn check_write(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = &written {
            self.burst += result.as_ref().copied().unwrap_or(0);
            if self.timer.take().is_some() {
                self.connection.set_stalled(false);
            }
            return written;
        }
        if self.timer.is_none() {
            self.connection.set_stalled(true);
        }
        if self.connection.poll_write_close(context) {
            return Poll::Ready(Err(closed_for_others()));
        }
        let write_timeout = self.write_timeout;
        ready!(self.timer.get_or_insert_with(|| Box::pin(sleep(write_timeout))).as_mut().poll(context));
        self.timer = None;
        // Discard the data that the system has buffered, which it would otherwise retransmit for minutes.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client stopped reading")))
    }
}

fn closed_for_others() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "connection closed to make room for a newer one")
}

/// Sets the options of a socket. Options that the system does not support are skipped.
fn configure(stream: &TcpStream, write_timeout: Duration) {
    let socket = SockRef::from(stream);
    // Send small messages at once.
    let _ = socket.set_tcp_nodelay(true);
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
    #[cfg(any(target_os = "android", target_os = "linux", target_os = "macos", windows))]
    let keepalive = keepalive.with_interval(KEEPALIVE_INTERVAL);
    let _ = socket.set_tcp_keepalive(&keepalive);
    // A client that vanished does not acknowledge data.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let _ = socket.set_tcp_user_timeout(Some(write_timeout));
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.connection.must_close() {
            return Poll::Ready(Err(closed_for_others()));
        }
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_pending() && self.connection.poll_read_close(context) {
            return Poll::Ready(Err(closed_for_others()));
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.must_yield(context) {
            return Poll::Pending;
        }
        let bytes = &bytes[..bytes.len().min(MAX_BURST)];
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.check_write(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.must_yield(context) {
            return Poll::Pending;
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.check_write(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::super::open_connections::OpenConnections;
    use super::*;

    #[tokio::test]
    async fn a_socket_sends_at_once_and_times_out_if_its_client_is_gone() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let connection = OpenConnections::new(1, 1).add().unwrap();
        let socket = Socket::new(listener.accept().await.unwrap().0, Duration::from_secs(60), connection);
        assert!(socket.stream.nodelay().unwrap());
        let options = SockRef::from(&socket.stream);
        assert!(options.keepalive().unwrap());
        #[cfg(target_os = "linux")]
        assert_eq!(options.tcp_user_timeout().unwrap(), Some(Duration::from_secs(60)));
    }
}

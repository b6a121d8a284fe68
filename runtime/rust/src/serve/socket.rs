//! The socket of a connection, which does not wait for ever for who is not there.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::places::Place;

/// When the system begins to ask a connection without traffic whether it is there, and how often.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// After this many bytes without a pause, other connections come first. Copying them takes less than 0.1 ms.
const MAX_BURST: usize = 128 * 1024;

/// A socket that breaks when nothing of what is written is taken for some time, or when its place is needed.
///
/// The system has a limit for this on Linux only, and what HTTP waits for is not the routes' to see.
pub(super) struct Socket {
    stream: TcpStream,
    patience: Duration,
    /// Runs while something waits to be written.
    stuck: Option<Pin<Box<Sleep>>>,
    /// How many bytes were written since other connections came first.
    burst: usize,
    place: Arc<Place>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, patience: Duration, place: Arc<Place>) -> Self {
        set_up(&stream, patience);
        Self { stream, patience, stuck: None, burst: 0, place }
    }

    /// Returns `true` if other connections come first. The task is woken after them.
    fn takes_turns(&mut self, context: &Context<'_>) -> bool {
        let is_due = self.burst >= MAX_BURST;
        if is_due {
            self.burst = 0;
            context.waker().wake_by_ref();
        }
        is_due
    }

    fn bounded(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = &written {
            self.burst += result.as_ref().copied().unwrap_or(0);
            if self.stuck.take().is_some() {
                self.place.set_stalled(false);
            }
            return written;
        }
        if self.stuck.is_none() {
            self.place.set_stalled(true);
        }
        if self.place.poll_write_end(context) {
            return Poll::Ready(Err(gives_way()));
        }
        let patience = self.patience;
        ready!(self.stuck.get_or_insert_with(|| Box::pin(sleep(patience))).as_mut().poll(context));
        self.stuck = None;
        // What the system holds for the client goes with the socket, instead of being offered for minutes.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client stopped reading")))
    }
}

fn gives_way() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "connection closed to make room for a newer one")
}

/// A system that cannot do one of this serves without.
fn set_up(stream: &TcpStream, patience: Duration) {
    let socket = SockRef::from(stream);
    // Small messages go out at once instead of waiting for more.
    let _ = socket.set_tcp_nodelay(true);
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
    #[cfg(any(target_os = "android", target_os = "linux", target_os = "macos", windows))]
    let keepalive = keepalive.with_interval(KEEPALIVE_INTERVAL);
    let _ = socket.set_tcp_keepalive(&keepalive);
    // Who is gone without a word confirms nothing of what was sent.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let _ = socket.set_tcp_user_timeout(Some(patience));
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.place.has_ended() {
            return Poll::Ready(Err(gives_way()));
        }
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_pending() && self.place.poll_read_end(context) {
            return Poll::Ready(Err(gives_way()));
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
        if self.takes_turns(context) {
            return Poll::Pending;
        }
        let bytes = &bytes[..bytes.len().min(MAX_BURST)];
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bounded(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.takes_turns(context) {
            return Poll::Pending;
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.bounded(written, context)
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

    use super::super::places::Places;
    use super::*;

    #[tokio::test]
    async fn a_socket_sends_at_once_and_does_not_wait_for_who_is_gone() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let place = Places::new(1, 1).enter().unwrap();
        let socket = Socket::new(listener.accept().await.unwrap().0, Duration::from_secs(60), place);
        assert!(socket.stream.nodelay().unwrap());
        let options = SockRef::from(&socket.stream);
        assert!(options.keepalive().unwrap());
        #[cfg(target_os = "linux")]
        assert_eq!(options.tcp_user_timeout().unwrap(), Some(Duration::from_secs(60)));
    }
}

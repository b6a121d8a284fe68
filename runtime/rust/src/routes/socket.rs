//! A connection over a WebSocket, from its 101 to its close.

use std::future::poll_fn;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::poll;
use hyper::upgrade::OnUpgrade;
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::connection::{CloseReason, Connection, TOO_SLOW, Turn, encode};
use crate::hub::{Phase, WriteReservation};
use crate::wire::{FRAME_BURST, FRAMES_PER_SECOND, SharedText, close};

mod close_reason;
mod frame;
mod read_signal;
mod web_socket;

use close_reason::close_reason;
use frame::Frame;
use read_signal::ReadSignal;
use web_socket::WebSocket;

/// The maximum number of unanswered pings when the next one is due.
const MAX_UNANSWERED: u32 = 2;

/// How long a client may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long to wait before closing a connection whose frames cannot be read, so that the client receives the reason.
const CLOSE_DELAY: Duration = Duration::from_millis(250);

/// The time between a client's frames at the steady rate.
const FRAME_COST: Duration = Duration::from_nanos(1_000_000_000 / FRAMES_PER_SECOND as u64);

/// The next event on a connection.
enum Next {
    Frame(Option<Result<Message, Error>>),
    Turn(Turn),
}

/// A connection's task stays in memory as long as the connection is open. Rare work is boxed, so that idle connections
/// reserve no memory for it.
pub(super) struct Socket {
    connection: Box<Connection>,
    transport: WebSocket,
    phase: watch::Receiver<Phase>,
    client_kind: encode::ClientKind,
    unanswered: u32,
    /// When the frames that were read would have arrived at the steady rate.
    frames_until: Instant,
    /// When to read again from a client that sent too many frames.
    reads_at: Option<Instant>,
    read_signal: Arc<ReadSignal>,
}

impl Socket {
    fn new(connection: Box<Connection>, transport: WebSocket) -> Self {
        let phase = connection.hub().phase();
        let client_kind = if connection.is_guest() {
            encode::ClientKind::Guest { streams: connection.hub().settings().text_streams_for_guests }
        } else {
            encode::ClientKind::Fanfare
        };
        Self {
            connection,
            transport,
            phase,
            client_kind,
            unanswered: 0,
            frames_until: Instant::now(),
            reads_at: None,
            read_signal: Arc::default(),
        }
    }

    /// Waits until the client's connection is upgraded, and serves it until it closes. Sends `greeting` first.
    pub(super) async fn serve_upgraded(
        connection: Box<Connection>,
        upgraded: Option<OnUpgrade>,
        greeting: Vec<SharedText>,
    ) {
        let Some(upgraded) = upgraded else { return };
        // If the upgrade fails, the client is gone.
        let Ok(upgraded) = upgraded.await else { return };
        Self::new(connection, WebSocket::new(upgraded).await).run(greeting).await;
    }

    async fn run(&mut self, greeting: Vec<SharedText>) {
        let reason = match self.write(greeting).await {
            Ok(()) => self.serve().await,
            Err(reason) => reason,
        };
        self.connection.record_close(&reason);
        if let Some(code) = reason.code {
            Box::pin(self.close(code, reason.reason)).await;
        }
    }

    async fn serve(&mut self) -> CloseReason {
        loop {
            let done = match self.next().await {
                Next::Turn(turn) => self.take_turn(turn).await,
                Next::Frame(frame) => self.take_frame(frame).await,
            };
            if let Err(reason) = done {
                return reason;
            }
        }
    }

    /// Waits for a frame of the client or a turn of the connection.
    async fn next(&mut self) -> Next {
        let Self { connection, transport, reads_at, read_signal, .. } = self;
        let reads = !connection.is_draining();
        if reads_at.is_some() {
            // The timer below is new, so it must be polled.
            read_signal.set();
        }
        let mut frame = pin!(async {
            if let Some(reads_at) = *reads_at {
                sleep_until(reads_at).await;
            }
            transport.next().await
        });
        // The first poll follows a turn: it looks for a frame first, so that a busy channel cannot starve the client.
        // Later polls look for a turn first, because that is usually why the task was woken.
        let mut was_polled = false;
        poll_fn(|context| {
            let is_turn_first = mem::replace(&mut was_polled, true);
            if is_turn_first && let Poll::Ready(turn) = connection.poll_next(context) {
                return Poll::Ready(Next::Turn(turn));
            }
            if reads
                && let Poll::Ready(frame) = read_signal.poll(context, |context| frame.as_mut().poll(context))
            {
                return Poll::Ready(Next::Frame(frame));
            }
            if is_turn_first { Poll::Pending } else { connection.poll_next(context).map(Next::Turn) }
        })
        .await
    }

    async fn take_turn(&mut self, turn: Turn) -> Result<(), CloseReason> {
        match turn {
            Turn::Events(events) => {
                let reservation = self.connection.reserve(&events, &mut self.phase).await?;
                let frames = encode::events(events, self.client_kind, Frame::encode_batch);
                self.send(frames, Some(reservation)).await
            }
            Turn::Frames(frames) => self.write(frames).await,
            Turn::Ping => self.ping().await,
            Turn::Close(reason) => Err(reason),
        }
    }

    async fn take_frame(&mut self, frame: Option<Result<Message, Error>>) -> Result<(), CloseReason> {
        let message = match frame {
            None => return Err(CloseReason::without_code("left", "the client disconnected")),
            Some(Err(error)) => return Err(close_reason(&error)),
            Some(Ok(message)) => message,
        };
        self.unanswered = 0;
        let now = Instant::now();
        self.frames_until = self.frames_until.max(now) + FRAME_COST;
        // Only a client that sends too many frames is read later.
        let reads_at = self.frames_until.checked_sub(FRAME_COST * FRAME_BURST);
        self.reads_at = reads_at.filter(|reads_at| *reads_at > now);
        match message {
            Message::Text(text) => {
                let answer = Box::pin(self.connection.handle_frame(&text)).await?;
                self.write(answer).await?;
                // A client that sends many frames at once takes turns with other connections.
                yield_now().await;
                Ok(())
            }
            Message::Binary(_) => {
                Err(CloseReason::with_code(close::BINARY, "binary", "binary frame: frames must be text"))
            }
            // The WebSocket layer answers pings and close frames.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => Ok(()),
        }
    }

    async fn ping(&mut self) -> Result<(), CloseReason> {
        if self.unanswered >= MAX_UNANSWERED {
            return Err(CloseReason::without_code("silent", "the client does not answer pings"));
        }
        self.unanswered += 1;
        let mut frames = vec![Frame::ping()];
        if !self.connection.is_guest() {
            // Pages do not see pings, and must distinguish a quiet channel from a dead network.
            frames.push(self.connection.alive_frame().into());
        }
        self.send(frames, None).await
    }

    async fn write(&mut self, frames: Vec<SharedText>) -> Result<(), CloseReason> {
        if frames.is_empty() {
            return Ok(());
        }
        self.send(frames.into_iter().map(Frame::from).collect(), None).await
    }

    /// Writes frames, as many per system call as fit. A client that does not read blocks only its own connection, and
    /// only for the write timeout.
    async fn send(
        &mut self,
        frames: Vec<Frame>,
        reservation: Option<WriteReservation>,
    ) -> Result<(), CloseReason> {
        let Self { transport, phase, connection, .. } = self;
        let mut sending = pin!(transport.write(&frames));
        // Usually the socket accepts everything at once.
        let result = match poll!(&mut sending) {
            Poll::Ready(result) => result,
            Poll::Pending => {
                let guard = connection.guard();
                let cut = guard.slow_client_signal();
                let _pending = reservation.map(|reservation| guard.track_pending(reservation));
                let waiting = async {
                    tokio::select! {
                        biased;
                        result = timeout(connection.hub().settings().write_timeout, sending) => {
                            let unread = CloseReason::without_code("unread", "the client stopped reading");
                            result.map_err(|_| unread)
                        }
                        () = cut.wait() => Err(TOO_SLOW),
                        reason = Connection::wait_for_shutdown(phase) => Err(reason),
                    }
                };
                Box::pin(waiting).await?
            }
        };
        result.map_err(|_| CloseReason::without_code("broken", "the connection failed"))
    }

    /// Sends the close frame, and waits for the client's. If data arrived at a socket that is already closed, the
    /// client's system would discard what it has not read.
    async fn close(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        let handshake = async {
            if self.transport.close(frame).await.is_err() {
                return;
            }
            while let Some(Ok(_)) = self.transport.next().await {}
            if self.transport.has_failed() {
                sleep(CLOSE_DELAY).await;
            }
        };
        let _ = timeout(CLOSE_TIMEOUT, handshake).await;
    }
}

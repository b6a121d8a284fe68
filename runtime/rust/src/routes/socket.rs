//! A connection over a WebSocket, from its 101 to its close.

use std::future::poll_fn;
use std::mem;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::{SinkExt, StreamExt, poll};
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::session::{End, Session, TOO_SLOW, Turn, encode};
use crate::hub::{Phase, Room};
use crate::wire::{FRAME_BURST, FRAMES_PER_SECOND, SharedText, close};

mod fault;

use fault::close_code;

/// How many pings may be unanswered when the next one is due.
const MAX_UNANSWERED: u32 = 2;

/// How long a client may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A client whose frames cannot be read any more is given this long to read why.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// What each frame of a client costs of the time that it has for them.
const FRAME_COST: Duration = Duration::from_nanos(1_000_000_000 / FRAMES_PER_SECOND as u64);

/// What a connection does next.
enum Next {
    Frame(Option<Result<Message, axum::Error>>),
    Turn(Turn),
}

pub(super) struct Socket {
    session: Session,
    transport: WebSocket,
    phase: watch::Receiver<Phase>,
    audience: encode::Audience,
    unanswered: u32,
    /// Until when the frames that were read would have taken at the steady rate.
    frames_until: Instant,
    /// When a client that said too much is heard again.
    hears_at: Option<Instant>,
}

impl Socket {
    pub(super) fn new(session: Session, transport: WebSocket) -> Self {
        let phase = session.hub().phase();
        let audience = if session.is_guest() {
            encode::Audience::Guest { streams: session.hub().settings().inngest_streams }
        } else {
            encode::Audience::Ours
        };
        Self {
            session,
            transport,
            phase,
            audience,
            unanswered: 0,
            frames_until: Instant::now(),
            hears_at: None,
        }
    }

    /// Serves the connection to its end. `greeting` is what it is told first.
    pub(super) async fn run(mut self, greeting: Vec<SharedText>) {
        let end = match self.write(greeting).await {
            Ok(()) => self.serve().await,
            Err(end) => end,
        };
        self.session.ended(&end);
        if let Some(code) = end.code {
            self.close(code, end.reason).await;
        }
    }

    async fn serve(&mut self) -> End {
        loop {
            let done = match self.next().await {
                Next::Turn(turn) => self.take_turn(turn).await,
                Next::Frame(frame) => self.take_frame(frame).await,
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    /// Waits for a frame of the client or a turn of the connection.
    async fn next(&mut self) -> Next {
        let Self { session, transport, hears_at, .. } = self;
        let hears = !session.is_draining();
        let mut frame = pin!(async {
            if let Some(hears_at) = *hears_at {
                sleep_until(hears_at).await;
            }
            transport.next().await
        });
        // The client is heard after every turn. What wakes a connection mostly is its next one,
        // though, and then there is no need to look for a frame.
        let mut is_woken = false;
        poll_fn(|context| {
            let is_turn_first = mem::replace(&mut is_woken, true);
            if is_turn_first && let Poll::Ready(turn) = session.poll_next(context) {
                return Poll::Ready(Next::Turn(turn));
            }
            if hears && let Poll::Ready(frame) = frame.as_mut().poll(context) {
                return Poll::Ready(Next::Frame(frame));
            }
            if is_turn_first { Poll::Pending } else { session.poll_next(context).map(Next::Turn) }
        })
        .await
    }

    async fn take_turn(&mut self, turn: Turn) -> Result<(), End> {
        match turn {
            Turn::Events(events) => {
                let room = self.session.reserve(&events, &mut self.phase).await?;
                let frames = encode::events(events, self.audience);
                self.send(frames.into_iter().map(Message::Text), Some(room)).await
            }
            Turn::Frames(frames) => self.write(frames).await,
            Turn::Ping => self.ping().await,
            Turn::End(end) => Err(end),
        }
    }

    async fn take_frame(&mut self, frame: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        let message = match frame {
            None => return Err(End::gone("left", "the client disconnected")),
            Some(Err(error)) => return Err(close_code(error)),
            Some(Ok(message)) => message,
        };
        self.unanswered = 0;
        let now = Instant::now();
        self.frames_until = self.frames_until.max(now) + FRAME_COST;
        // Who says too much is heard later, and everybody else at once.
        let hears_at = self.frames_until.checked_sub(FRAME_COST * FRAME_BURST);
        self.hears_at = hears_at.filter(|hears_at| *hears_at > now);
        match message {
            Message::Text(text) => {
                let answer = self.session.answer(&text).await?;
                self.write(answer).await?;
                // A client that sends many frames at once takes turns with all other connections.
                yield_now().await;
                Ok(())
            }
            Message::Binary(_) => {
                Err(End::close(close::BINARY, "binary", "binary frame: frames must be text"))
            }
            // The WebSocket layer answers pings and close frames.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => Ok(()),
        }
    }

    async fn ping(&mut self) -> Result<(), End> {
        if self.unanswered >= MAX_UNANSWERED {
            return Err(End::gone("silent", "the client does not answer pings"));
        }
        self.unanswered += 1;
        let mut messages = vec![Message::Ping(axum::body::Bytes::new())];
        if !self.session.is_guest() {
            // Pages do not see pings, and must be able to tell a quiet channel from a dead network.
            messages.push(Message::Text(self.session.alive()));
        }
        self.send(messages, None).await
    }

    async fn write(&mut self, frames: Vec<SharedText>) -> Result<(), End> {
        if frames.is_empty() {
            return Ok(());
        }
        self.send(frames.into_iter().map(Message::Text), None).await
    }

    /// Writes frames, as many a system call as fit. A client that does not take them holds up
    /// only its own connection, and that not for ever.
    async fn send(
        &mut self,
        frames: impl IntoIterator<Item = Message>,
        room: Option<Room>,
    ) -> Result<(), End> {
        let Self { transport, phase, session, .. } = self;
        let mut sending = pin!(async {
            for frame in frames {
                transport.feed(frame).await?;
            }
            transport.flush().await
        });
        // Mostly the socket takes it all, and there is nothing to wait for.
        let result = match poll!(&mut sending) {
            Poll::Ready(result) => result,
            Poll::Pending => {
                let connected = session.connected();
                let cut = connected.cut();
                let _pending = room.map(|room| connected.pending(room));
                tokio::select! {
                    biased;
                    result = timeout(session.hub().settings().write_timeout, sending) => match result {
                        Ok(result) => result,
                        Err(_) => return Err(End::gone("unread", "the client stopped reading")),
                    },
                    () = cut.wait() => return Err(TOO_SLOW),
                    end = Session::cut(phase) => return Err(end),
                }
            }
        };
        result.map_err(|_| End::gone("broken", "the connection failed"))
    }

    /// Says why, and waits for the client to have heard: data that arrives at a socket
    /// already closed would make the client's system throw away what it has not read yet.
    async fn close(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame { code, reason: reason.into() };
        let farewell = async {
            if self.transport.send(Message::Close(Some(frame))).await.is_err() {
                return;
            }
            while let Some(frame) = self.transport.next().await {
                if frame.is_err() {
                    sleep(LAST_WORDS).await;
                    return;
                }
            }
        };
        let _ = timeout(CLOSE_TIMEOUT, farewell).await;
    }
}

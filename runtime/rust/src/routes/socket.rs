//! One WebSocket connection, from its 101 to its close.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until, timeout};

use crate::hub::{Event, Hub, Phase, Reader, Ready};
use crate::token;
use crate::wire::{MAX_BAD_FRAMES, ServerFrame, SharedText, close};

mod answer;
mod encode;
mod fault;

use fault::close_code;

/// How many pings may be unanswered when the next one is due.
const MAX_UNANSWERED: u32 = 2;

/// How long a client may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A client whose frames cannot be read any more is given this long to read why.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// A connection and all that it subscribes to.
pub(super) struct Socket {
    hub: Hub,
    transport: WebSocket,
    reader: Reader,
    phase: watch::Receiver<Phase>,
    /// A client that did not offer the subprotocol understands only a few kinds of frames.
    guest: bool,
    bad_frames: u32,
    unanswered: u32,
}

/// Why a connection ends.
enum End {
    /// With a close frame.
    Close { code: u16, reason: &'static str },
    /// Without: it is gone already, or does not take anything.
    Gone(&'static str),
}

/// What a connection wakes up for.
enum Wake {
    Frame(Option<Result<Message, axum::Error>>),
    Events,
    Ping,
    Expired,
    Closing,
}

impl Socket {
    pub(super) fn new(hub: Hub, transport: WebSocket, reader: Reader, guest: bool) -> Self {
        let phase = hub.phase();
        Self { hub, transport, reader, phase, guest, bad_frames: 0, unanswered: 0 }
    }

    pub(super) async fn run(mut self, ready: Vec<Ready>) {
        tracing::debug!(guest = self.guest, channels = ready.len(), "connected");
        let Err(end) = self.serve(ready).await;
        match end {
            End::Close { code, reason } => {
                tracing::debug!(code, reason, "closed");
                self.close(code, reason).await;
            }
            End::Gone(reason) => tracing::debug!(reason, "gone"),
        }
    }

    async fn serve(&mut self, ready: Vec<Ready>) -> Result<std::convert::Infallible, End> {
        let greeting = self.ready(ready);
        self.write(greeting).await?;
        let period = self.hub.settings().ping_interval;
        let mut pings = interval_at(Instant::now() + period, period);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut expires = self.reader.expires();
        let end = sleep_until(instant(expires));
        tokio::pin!(end);
        let mut events = Vec::new();
        loop {
            // What is due comes before what is waiting, which under load never ends.
            let wake = tokio::select! {
                biased;
                _ = self.phase.wait_for(|phase| *phase >= Phase::Closing) => Wake::Closing,
                () = &mut end => Wake::Expired,
                frame = self.transport.next() => Wake::Frame(frame),
                _ = pings.tick() => Wake::Ping,
                () = self.reader.read(&mut events) => Wake::Events,
            };
            match wake {
                Wake::Closing => return Err(self.drain().await),
                Wake::Expired => {
                    self.check_permits()?;
                    end.as_mut().reset(instant(expires));
                }
                Wake::Ping => self.ping().await?,
                Wake::Events => self.write_events(&mut events).await?,
                Wake::Frame(frame) => {
                    self.take_frame(frame).await?;
                    if self.reader.expires() != expires {
                        expires = self.reader.expires();
                        end.as_mut().reset(instant(expires));
                    }
                }
            }
        }
    }

    async fn take_frame(&mut self, frame: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        let message = match frame {
            None => return Err(End::Gone("the client left")),
            Some(Err(error)) => return Err(close_code(error)),
            Some(Ok(message)) => message,
        };
        self.unanswered = 0;
        match message {
            Message::Text(text) => {
                let answer = self.answer(&text);
                if self.bad_frames >= MAX_BAD_FRAMES {
                    return Err(End::Close { code: close::BAD_FRAMES, reason: "too many bad frames" });
                }
                self.write(answer).await
            }
            Message::Binary(_) => {
                Err(End::Close { code: close::BINARY, reason: "a binary frame: frames are text" })
            }
            // The WebSocket layer answers pings and close frames.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => Ok(()),
        }
    }

    async fn ping(&mut self) -> Result<(), End> {
        if self.unanswered >= MAX_UNANSWERED {
            return Err(End::Gone("the client does not answer pings"));
        }
        self.unanswered += 1;
        let mut messages = vec![Message::Ping(axum::body::Bytes::new())];
        if !self.guest {
            // Pages do not see pings, and must be able to tell a quiet channel from a dead network.
            let next_in = self.hub.settings().ping_interval.as_millis();
            let alive = ServerFrame::Alive { next_in: u64::try_from(next_in).unwrap_or(u64::MAX) };
            messages.push(Message::Text(encode::frame(&alive)));
        }
        self.send(messages).await
    }

    fn check_permits(&self) -> Result<(), End> {
        if self.reader.expires().is_none_or(|expires| expires > token::now()) {
            return Ok(());
        }
        Err(End::Close { code: close::EXPIRED, reason: "a token expired: reconnect with a new one" })
    }

    /// Sends what is waiting, and no more than that.
    async fn drain(&mut self) -> End {
        let mut events = Vec::new();
        if let Err(end) = self.write(vec![encode::frame(&ServerFrame::Closing)]).await {
            return end;
        }
        while self.reader.read_waiting(&mut events) {
            if let Err(end) = self.write_events(&mut events).await {
                return end;
            }
        }
        End::Close { code: close::GOING_AWAY, reason: "the server is going away" }
    }

    async fn write_events(&mut self, events: &mut Vec<Event>) -> Result<(), End> {
        let frames = encode::events(events, self.guest);
        self.write(frames).await
    }

    async fn write(&mut self, frames: Vec<SharedText>) -> Result<(), End> {
        self.send(frames.into_iter().map(Message::Text)).await
    }

    /// Writes frames, as many a system call as fit. A client that does not take them holds up
    /// only its own connection, and that not for ever.
    async fn send(&mut self, frames: impl IntoIterator<Item = Message>) -> Result<(), End> {
        let Self { transport, phase, hub, .. } = self;
        let sending = async {
            for frame in frames {
                transport.feed(frame).await?;
            }
            transport.flush().await
        };
        tokio::select! {
            biased;
            result = timeout(hub.settings().write_timeout, sending) => match result {
                Ok(result) => result.map_err(|_| End::Gone("the connection broke")),
                Err(_) => Err(End::Gone("the client does not read")),
            },
            _ = phase.wait_for(|phase| *phase == Phase::Closed) => Err(End::Gone("cut by shutdown")),
        }
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

/// When a number of seconds since 1970 is reached, or a day from now, to look again.
fn instant(seconds: Option<u64>) -> Instant {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let until =
        seconds.map_or(token::MAX_LIFETIME, |seconds| Duration::from_secs(seconds).saturating_sub(now));
    Instant::now() + until.min(token::MAX_LIFETIME)
}

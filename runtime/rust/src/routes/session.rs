//! One connection, whatever carries it: what it subscribes to, what is due, and what it says.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::request::Parts;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::hub::{Connected, Event, Hub, Notice, Phase, Reader, Room};
use crate::metrics;
use crate::token;
use crate::wire::{EndCode, ServerFrame, SharedText, close};

mod answer;
pub(super) mod encode;
mod subscribe;

pub(super) use subscribe::{NotSubscribed, Wish};

/// How long a connection may have nothing subscribed.
const MAX_IDLE: Duration = Duration::from_secs(10);

/// A connection and all that it subscribes to.
pub(super) struct Session {
    hub: Hub,
    reader: Reader,
    /// A client that did not offer the subprotocol understands only a few kinds of frames.
    guest: bool,
    bad_frames: u32,
    next_ping: Instant,
    /// Since when nothing is subscribed.
    idle_since: Option<Instant>,
    /// One for all that is due at some time.
    timer: Pin<Box<Sleep>>,
    /// The client was told that the server is closing, and gets what is waiting.
    draining: bool,
    events: Vec<Event>,
    connected: Connected,
    /// The request that opened it, if the session in its headers may count.
    head: Option<Arc<Parts>>,
}

/// What a connection is to do next.
pub(super) enum Turn {
    Events(Vec<Event>),
    Frames(Vec<SharedText>),
    Ping,
    End(End),
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// What to close it with. Without, it is gone already, or does not take anything.
    pub(super) code: Option<u16>,
    /// One word, to count by.
    pub(super) cause: &'static str,
    pub(super) reason: &'static str,
}

impl End {
    pub(super) const fn close(code: u16, cause: &'static str, reason: &'static str) -> Self {
        Self { code: Some(code), cause, reason }
    }

    pub(super) const fn gone(cause: &'static str, reason: &'static str) -> Self {
        Self { code: None, cause, reason }
    }
}

/// The end of a connection that reads a channel whose history was replaced.
const REPLACED: End =
    End::close(close::INTERNAL, "replaced", "the history of a channel was replaced: reconnect");

/// The end of a connection that has nothing subscribed, because there are too many.
const GAVE_WAY: End =
    End::close(close::IDLE, "gave_way", "nothing was subscribed, and another connection needs the slot");

/// The end of a connection that does not read while others wait for room.
pub(super) const TOO_SLOW: End =
    End::gone("slow", "the client reads too slowly, and other connections are waiting to write");

impl Session {
    pub(super) fn new(hub: Hub, guest: bool, connected: Connected, head: Option<Arc<Parts>>) -> Self {
        let now = Instant::now();
        let mut session = Self {
            next_ping: now + hub.settings().ping_interval,
            hub,
            reader: Reader::new(connected.inbox()),
            guest,
            bad_frames: 0,
            idle_since: Some(now),
            timer: Box::pin(sleep_until(now)),
            draining: false,
            events: Vec::new(),
            connected,
            head,
        };
        session.set_timer();
        session
    }

    /// What all that happens on the connection is logged in.
    pub(super) fn span(&self) -> tracing::Span {
        let span =
            tracing::debug_span!("connection", transport = self.connected.transport(), guest = self.guest);
        span.in_scope(|| tracing::debug!("connected"));
        span
    }

    /// To be called once, when the connection is over.
    pub(super) fn ended(&self, end: &End) {
        let transport = self.connected.transport();
        metrics::ended(transport, end.cause);
        tracing::debug!(code = end.code, cause = end.cause, reason = end.reason, "disconnected");
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.hub
    }

    pub(super) fn connected(&self) -> &Connected {
        &self.connected
    }

    pub(super) fn is_guest(&self) -> bool {
        self.guest
    }

    /// Whether the client is only sent what is waiting, and not heard any more.
    pub(super) fn is_draining(&self) -> bool {
        self.draining
    }

    /// Whether nothing is subscribed.
    pub(super) fn is_idle(&self) -> bool {
        self.reader.is_empty()
    }

    /// Waits for what there is to do next. Nothing is lost when it is cancelled.
    pub(super) async fn next(&mut self) -> Turn {
        poll_fn(|context| self.poll_next(context)).await
    }

    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Turn> {
        if self.draining {
            return Poll::Ready(self.drain());
        }
        loop {
            let alarmed = self.reader.take_turns();
            if alarmed || self.reader.has_turns() {
                // What is due comes before what is waiting, which under load never ends.
                let is_due = alarmed || self.timer.deadline() <= Instant::now();
                if is_due && let Some(turn) = self.what_is_due() {
                    return Poll::Ready(turn);
                }
                let has_read = self.reader.read(&mut self.events);
                if self.reader.has_retired() {
                    return Poll::Ready(Turn::End(REPLACED));
                }
                if has_read {
                    return Poll::Ready(self.take_events());
                }
            }
            if self.reader.poll_turns(context).is_pending() {
                ready!(self.timer.as_mut().poll(context));
                if let Some(turn) = self.what_is_due() {
                    return Poll::Ready(turn);
                }
            }
        }
    }

    /// Waits until the messages of events may be written to the connection.
    pub(super) async fn reserve(
        &self,
        events: &[Event],
        phase: &mut watch::Receiver<Phase>,
    ) -> Result<Room, End> {
        let bytes = events.iter().map(|event| match event {
            Event::Messages { messages, .. } => messages.bytes(),
            Event::Gap { .. } => 0,
        });
        tokio::select! {
            biased;
            room = self.connected.reserve(bytes.sum()) => Ok(room),
            end = Self::cut(phase) => Err(end),
        }
    }

    /// Waits until nothing is written any more.
    pub(super) async fn cut(phase: &mut watch::Receiver<Phase>) -> End {
        let _ = phase.wait_for(|phase| *phase == Phase::Closed).await;
        End::gone("shutdown", "closed by shutdown")
    }

    /// The frame that tells that the server is there.
    pub(super) fn alive(&self) -> SharedText {
        let next_in = self.hub.settings().ping_interval.as_millis();
        encode::frame(&ServerFrame::Alive { next_in: u64::try_from(next_in).unwrap_or(u64::MAX) })
    }

    /// Sends what is waiting, and no more than that.
    fn drain(&mut self) -> Turn {
        // What ends meanwhile is read no further.
        let notices = self.reader.check_leases(token::now_in_milliseconds());
        if !notices.is_empty() {
            return self.tell(notices);
        }
        self.reader.take_turns();
        if self.reader.read(&mut self.events) {
            return self.take_events();
        }
        Turn::End(End::close(close::GOING_AWAY, "shutdown", "the server is going away"))
    }

    fn take_events(&mut self) -> Turn {
        let messages = self.events.iter().map(|event| match event {
            Event::Messages { messages, .. } => messages.messages().len(),
            Event::Gap { .. } => 0,
        });
        metrics::delivered(self.connected.transport(), messages.sum());
        Turn::Events(std::mem::take(&mut self.events))
    }

    fn what_is_due(&mut self) -> Option<Turn> {
        if self.hub.is_at_least(Phase::Closing) {
            self.draining = true;
            let reconnect_in = if self.guest { None } else { Some(self.hub.reconnect_in()) };
            return Some(Turn::Frames(vec![encode::frame(&ServerFrame::Closing { reconnect_in })]));
        }
        let turn = self.check();
        self.set_timer();
        turn
    }

    fn check(&mut self) -> Option<Turn> {
        let notices = self.reader.check_leases(token::now_in_milliseconds());
        if !notices.is_empty() {
            return Some(self.tell(notices));
        }
        if self.idle_since.is_some() && self.connected.gives_way() {
            return Some(Turn::End(GAVE_WAY));
        }
        let now = Instant::now();
        if self.idle_since.is_some_and(|since| now >= since + MAX_IDLE) {
            let reason = "nothing was subscribed for 10 seconds";
            return Some(Turn::End(End::close(close::IDLE, "idle", reason)));
        }
        if now >= self.next_ping {
            self.next_ping = now + self.hub.settings().ping_interval;
            return Some(Turn::Ping);
        }
        None
    }

    fn tell(&mut self, notices: Vec<Notice>) -> Turn {
        let mut frames = Vec::with_capacity(notices.len());
        for notice in notices {
            match notice {
                Notice::Expiring { reference, milliseconds } => frames
                    .push(ServerFrame::Expiring { reference: encode::owned(&reference), r#in: milliseconds }),
                Notice::Ended { reference: None, code: EndCode::Revoked, .. } => {
                    return Turn::End(End::close(close::REVOKED, "revoked", "a token was revoked"));
                }
                Notice::Ended { reference: None, .. } => {
                    let reason = "a token expired: reconnect with a new one";
                    return Turn::End(End::close(close::EXPIRED, "expired", reason));
                }
                Notice::Ended { reference, channels, code } => {
                    let (reference, code) = (encode::owned(&reference), Some(code.as_str().to_owned()));
                    frames.push(ServerFrame::Unsubscribed { reference, channels, code });
                }
            }
        }
        Turn::Frames(if self.guest { Vec::new() } else { frames.iter().map(encode::frame).collect() })
    }

    /// To be called whenever what is subscribed, or by which right, may have changed.
    fn set_timer(&mut self) {
        if self.reader.is_empty() {
            self.idle_since.get_or_insert_with(Instant::now);
        } else {
            self.idle_since = None;
        }
        self.connected.set_subscribed(self.idle_since.is_none());
        let mut due = self.next_ping;
        if let Some(since) = self.idle_since {
            due = due.min(since + MAX_IDLE);
        }
        if let Some(lease) = self.reader.due_at() {
            let wait = Duration::from_millis(lease.saturating_sub(token::now_in_milliseconds()));
            // Looked at again in a day at the latest: the clock may have been set.
            due = due.min(Instant::now() + wait.min(token::MAX_LIFETIME));
        }
        self.timer.as_mut().reset(due);
    }
}

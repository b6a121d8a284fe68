//! One connection, independent of its transport: its subscriptions, its timers and its frames.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::request::Parts;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::hub::{ConnectionGuard, Event, Hub, Notice, Phase, Reader, WriteReservation};
use crate::metrics;
use crate::token;
use crate::wire::{EndCode, ServerFrame, SharedText, close};

mod answer;
pub(super) mod encode;
mod subscribe;

pub(super) use subscribe::SubscribeRequest;

/// How long a connection may have no subscription.
const MAX_IDLE: Duration = Duration::from_secs(10);

/// A connection and its subscriptions.
pub(super) struct Connection {
    hub: Hub,
    reader: Reader,
    /// The client did not offer the subprotocol, so it understands only a few kinds of frames.
    guest: bool,
    bad_frames: u32,
    next_ping: Instant,
    /// Set while nothing is subscribed.
    idle_since: Option<Instant>,
    /// Elapses when the next ping, token check or idle timeout is due.
    timer: Pin<Box<Sleep>>,
    /// The client was notified that the server is closing, and receives only the messages that wait.
    draining: bool,
    events: Vec<Event>,
    guard: ConnectionGuard,
    /// The request that opened the connection, if its cookies are trusted.
    head: Option<Arc<Parts>>,
}

/// What a connection must do next.
pub(super) enum Turn {
    Events(Vec<Event>),
    Frames(Vec<SharedText>),
    Ping,
    Close(CloseReason),
}

/// Why a connection closes.
#[derive(Clone, Copy, Debug)]
pub(super) struct CloseReason {
    /// The close code. `None` if the client is gone or does not read.
    pub(super) code: Option<u16>,
    /// The label of the metric.
    pub(super) cause: &'static str,
    pub(super) reason: &'static str,
}

impl CloseReason {
    pub(super) const fn with_code(code: u16, cause: &'static str, reason: &'static str) -> Self {
        Self { code: Some(code), cause, reason }
    }

    pub(super) const fn without_code(cause: &'static str, reason: &'static str) -> Self {
        Self { code: None, cause, reason }
    }
}

/// Closes a connection that reads a channel whose history was replaced.
const REPLACED: CloseReason =
    CloseReason::with_code(close::INTERNAL, "replaced", "the history of a channel was replaced: reconnect");

/// Closes a connection without subscriptions, because there are too many connections.
const MAKES_ROOM: CloseReason = CloseReason::with_code(
    close::IDLE,
    "connection_limit",
    "nothing was subscribed, and another connection needs the room",
);

/// Closes a connection that does not read while other connections wait to write.
pub(super) const TOO_SLOW: CloseReason = CloseReason::without_code(
    "slow",
    "the client reads too slowly, and other connections are waiting to write",
);

impl Connection {
    pub(super) fn new(hub: Hub, guest: bool, guard: ConnectionGuard, head: Option<Arc<Parts>>) -> Self {
        let now = Instant::now();
        let mut connection = Self {
            next_ping: now + hub.settings().ping_interval,
            hub,
            reader: Reader::new(guard.inbox(), guard.subscriptions()),
            guest,
            bad_frames: 0,
            idle_since: Some(now),
            timer: Box::pin(sleep_until(now)),
            draining: false,
            events: Vec::new(),
            guard,
            head,
        };
        connection.set_timer();
        connection
    }

    /// Returns the tracing span of the connection.
    pub(super) fn span(&self) -> tracing::Span {
        let span = tracing::debug_span!("connection", transport = self.guard.transport(), guest = self.guest);
        span.in_scope(|| tracing::debug!("connected"));
        span
    }

    /// Records the end of the connection in metrics and the log. Call it once.
    pub(super) fn record_close(&self, reason: &CloseReason) {
        let transport = self.guard.transport();
        metrics::record_connection_end(transport, reason.cause);
        tracing::debug!(code = reason.code, cause = reason.cause, reason = reason.reason, "disconnected");
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.hub
    }

    pub(super) fn guard(&self) -> &ConnectionGuard {
        &self.guard
    }

    pub(super) fn is_guest(&self) -> bool {
        self.guest
    }

    /// Returns `true` if the client only receives waiting messages, and its frames are ignored.
    pub(super) fn is_draining(&self) -> bool {
        self.draining
    }

    /// Returns `true` if nothing is subscribed.
    pub(super) fn is_idle(&self) -> bool {
        self.reader.is_empty()
    }

    /// Waits for the next turn. Cancel safe.
    pub(super) async fn next(&mut self) -> Turn {
        poll_fn(|context| self.poll_next(context)).await
    }

    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Turn> {
        if self.draining {
            return Poll::Ready(self.drain());
        }
        loop {
            let polled = if self.reader.has_turns() {
                Poll::Ready(self.reader.take_turns())
            } else {
                self.reader.poll_turns(context)
            };
            let Poll::Ready(alarmed) = polled else {
                ready!(self.timer.as_mut().poll(context));
                if let Some(turn) = self.take_due_turn() {
                    return Poll::Ready(turn);
                }
                continue;
            };
            // Timers come before messages, because under load messages never run out.
            let is_due = alarmed || self.timer.deadline() <= Instant::now();
            if is_due && let Some(turn) = self.take_due_turn() {
                return Poll::Ready(turn);
            }
            let has_read = self.reader.read(&mut self.events);
            if self.reader.has_retired() {
                return Poll::Ready(Turn::Close(REPLACED));
            }
            if has_read {
                return Poll::Ready(self.take_events());
            }
        }
    }

    /// Reserves the bytes of events, and waits until they may be written to the connection.
    pub(super) async fn reserve(
        &self,
        events: &[Event],
        phase: &mut watch::Receiver<Phase>,
    ) -> Result<WriteReservation, CloseReason> {
        let bytes = events.iter().map(|event| match event {
            Event::Messages { messages, .. } => messages.bytes(),
            Event::Gap { .. } | Event::CaughtUp { .. } => 0,
        });
        let bytes = bytes.sum();
        if let Some(reservation) = self.guard.try_reserve(bytes) {
            return Ok(reservation);
        }
        let waiting = async {
            tokio::select! {
                biased;
                reservation = self.guard.reserve(bytes) => Ok(reservation),
                reason = Self::wait_for_shutdown(phase) => Err(reason),
            }
        };
        // Waiting is rare, so it is boxed: idle connections reserve no memory for it.
        Box::pin(waiting).await
    }

    /// Waits until the hub is closed and nothing may be written any more.
    pub(super) async fn wait_for_shutdown(phase: &mut watch::Receiver<Phase>) -> CloseReason {
        let _ = phase.wait_for(|phase| *phase == Phase::Closed).await;
        CloseReason::without_code("shutdown", "closed by shutdown")
    }

    /// Returns a heartbeat.
    pub(super) fn alive_frame(&self) -> SharedText {
        let next_in = self.hub.settings().ping_interval.as_millis();
        encode::frame(&ServerFrame::Alive { next_in: u64::try_from(next_in).unwrap_or(u64::MAX) })
    }

    /// Returns waiting messages, and then the close.
    fn drain(&mut self) -> Turn {
        // A token that expires meanwhile still ends its subscription.
        let notices = self.reader.check_tokens(token::now_in_milliseconds());
        if !notices.is_empty() {
            return self.notify(notices);
        }
        self.reader.take_turns();
        if self.reader.read(&mut self.events) {
            return self.take_events();
        }
        Turn::Close(CloseReason::with_code(close::GOING_AWAY, "shutdown", "the server is going away"))
    }

    fn take_events(&mut self) -> Turn {
        let messages = self.events.iter().map(|event| match event {
            Event::Messages { messages, .. } => messages.messages().len(),
            Event::Gap { .. } | Event::CaughtUp { .. } => 0,
        });
        metrics::record_delivery(self.guard.transport(), messages.sum());
        Turn::Events(std::mem::take(&mut self.events))
    }

    fn take_due_turn(&mut self) -> Option<Turn> {
        if self.hub.has_entered(Phase::Closing) {
            self.draining = true;
            let reconnect_in = if self.guest { None } else { Some(self.hub.reconnect_delay()) };
            return Some(Turn::Frames(vec![encode::frame(&ServerFrame::Closing { reconnect_in })]));
        }
        let turn = self.check_timers();
        self.set_timer();
        turn
    }

    fn check_timers(&mut self) -> Option<Turn> {
        let notices = self.reader.check_tokens(token::now_in_milliseconds());
        if !notices.is_empty() {
            return Some(self.notify(notices));
        }
        if self.idle_since.is_some() && self.guard.must_close() {
            return Some(Turn::Close(MAKES_ROOM));
        }
        let now = Instant::now();
        if self.idle_since.is_some_and(|since| now >= since + MAX_IDLE) {
            let reason = "nothing was subscribed for 10 seconds";
            return Some(Turn::Close(CloseReason::with_code(close::IDLE, "idle", reason)));
        }
        if now >= self.next_ping {
            self.next_ping = now + self.hub.settings().ping_interval;
            return Some(Turn::Ping);
        }
        None
    }

    /// Returns the frames of notices, or the close if the default subscription has ended.
    fn notify(&mut self, notices: Vec<Notice>) -> Turn {
        let mut frames = Vec::with_capacity(notices.len());
        for notice in notices {
            match notice {
                Notice::Expiring { subscription_id, milliseconds } => frames.push(ServerFrame::Expiring {
                    subscription_id: encode::owned_id(&subscription_id),
                    r#in: milliseconds,
                }),
                Notice::Ended { subscription_id: None, code: EndCode::Revoked, .. } => {
                    return Turn::Close(CloseReason::with_code(
                        close::REVOKED,
                        "revoked",
                        "a token was revoked",
                    ));
                }
                Notice::Ended { subscription_id: None, .. } => {
                    let reason = "a token expired: reconnect with a new one";
                    return Turn::Close(CloseReason::with_code(close::EXPIRED, "expired", reason));
                }
                Notice::Ended { subscription_id, channels, code } => {
                    let (subscription_id, code) =
                        (encode::owned_id(&subscription_id), Some(code.as_str().to_owned()));
                    frames.push(ServerFrame::Unsubscribed { subscription_id, channels, code });
                }
            }
        }
        Turn::Frames(if self.guest { Vec::new() } else { frames.iter().map(encode::frame).collect() })
    }

    /// Resets the timer. Call it whenever subscriptions or their tokens may have changed.
    fn set_timer(&mut self) {
        if self.reader.is_empty() {
            self.idle_since.get_or_insert_with(Instant::now);
        } else {
            self.idle_since = None;
        }
        self.guard.set_subscribed(self.idle_since.is_none());
        let mut due = self.next_ping;
        if let Some(since) = self.idle_since {
            due = due.min(since + MAX_IDLE);
        }
        if let Some(check_at) = self.reader.next_check_at() {
            let wait = Duration::from_millis(check_at.saturating_sub(token::now_in_milliseconds()));
            // Check again after a day at the latest, because the clock may have been set.
            due = due.min(Instant::now() + wait.min(token::MAX_LIFETIME));
        }
        self.timer.as_mut().reset(due);
    }
}

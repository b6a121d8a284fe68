//! One WebSocket with one subscription.

use std::time::Duration;

use axum::http::HeaderValue;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::ClientError;
use super::heartbeat::{Heartbeat, Overdue};
use super::request::refusal;
use super::target::{OPEN_TIMEOUT, Socket, Target};
use crate::wire::{ClientFrame, SUBPROTOCOL, ServerFrame, close, read_server_frames};

/// The id of the only subscription.
pub(super) const SUBSCRIPTION_ID: &str = "1";

/// The server must confirm a subscription within this time.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(15);

/// If a closing server names no delay, its clients reconnect at random times within this.
const RECONNECT_SPREAD: Duration = Duration::from_secs(1);

/// The longest delay that a closing server can request.
const MAX_RECONNECT_DELAY: Duration = Duration::from_secs(600);

pub(super) struct Connection {
    socket: WebSocketStream<Box<dyn Socket>>,
    heartbeat: Heartbeat,
    /// When the subscription must be confirmed. `None` once it is.
    confirm_by: Option<Instant>,
    /// When to leave a server that is closing.
    leave_at: Option<Instant>,
}

/// How a connection ended.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) reason: String,
    /// The server closed it for good.
    pub(super) is_fatal: bool,
    /// When the server wants its clients back.
    pub(super) reconnect_at: Option<Instant>,
}

impl Connection {
    pub(super) async fn open(target: &Target) -> Result<Self, ClientError> {
        let unreachable = |why: String| ClientError::Unreachable(format!("{}: {why}", target.authority));
        let mut request = target
            .socket_url()
            .into_client_request()
            .map_err(|error| ClientError::InvalidUrl(error.to_string()))?;
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
        let stream = target.connect().await?;
        let opened = timeout(OPEN_TIMEOUT, client_async(request, stream)).await;
        let socket = match opened {
            Ok(Ok((socket, _))) => socket,
            Ok(Err(Error::Http(response))) => {
                let (head, body) = response.into_parts();
                let body = serde_json::from_slice(&body.unwrap_or_default()).unwrap_or(Value::Null);
                return Err(refusal(head.status.as_u16(), &head.headers, &body));
            }
            Ok(Err(error)) => return Err(unreachable(error.to_string())),
            Err(_) => return Err(unreachable("no response within 10 seconds".into())),
        };
        let confirm_by = Some(Instant::now() + CONFIRM_TIMEOUT);
        Ok(Self { socket, heartbeat: Heartbeat::new(), confirm_by, leave_at: None })
    }

    pub(super) async fn send(&mut self, frame: &ClientFrame) -> Result<(), Lost> {
        // Frames consist of strings, which always serialize.
        let text = serde_json::to_string(frame).unwrap_or_default();
        self.socket.send(Message::text(text)).await.map_err(|error| self.lost(error.to_string()))
    }

    pub(super) fn confirm(&mut self) {
        self.confirm_by = None;
    }

    /// Waits for the next frames of the subscription. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Vec<ServerFrame>, Lost> {
        loop {
            let due = self.due();
            let received = tokio::select! {
                biased;
                received = self.socket.next() => received,
                () = sleep_until(due) => {
                    self.handle_due().await?;
                    continue;
                }
            };
            match received {
                Some(Ok(Message::Text(text))) => {
                    self.heartbeat.record_frame();
                    let frames = self.read(&text);
                    if !frames.is_empty() {
                        return Ok(frames);
                    }
                }
                Some(Ok(Message::Close(frame))) => return Err(self.closed(frame)),
                Some(Ok(_)) => self.heartbeat.record_frame(),
                Some(Err(error)) => return Err(self.lost(error.to_string())),
                None => return Err(self.lost("the connection was closed".into())),
            }
        }
    }

    /// Returns the frames of the subscription. Handles those of the connection.
    fn read(&mut self, text: &str) -> Vec<ServerFrame> {
        let Ok(read) = read_server_frames(text) else {
            tracing::warn!("the server sent a frame that is not valid; it is ignored");
            return Vec::new();
        };
        let mut frames = Vec::with_capacity(read.frames.len());
        for frame in read.frames {
            match frame {
                ServerFrame::Alive { next_in } => self.heartbeat.record_alive(next_in),
                ServerFrame::Closing { reconnect_in } => {
                    let delay = reconnect_in
                        .map_or_else(|| RECONNECT_SPREAD.mul_f64(rand::random()), Duration::from_millis);
                    self.leave_at.get_or_insert(Instant::now() + delay.min(MAX_RECONNECT_DELAY));
                }
                frame => frames.push(frame),
            }
        }
        frames
    }

    fn due(&self) -> Instant {
        [self.confirm_by, self.leave_at].into_iter().flatten().fold(self.heartbeat.due(), Instant::min)
    }

    async fn handle_due(&mut self) -> Result<(), Lost> {
        let now = Instant::now();
        if self.leave_at.is_some_and(|at| at <= now) {
            return Err(self.lost("the server is going away".into()));
        }
        if self.confirm_by.is_some_and(|at| at <= now) {
            return Err(self.lost("the server did not confirm the subscription in time".into()));
        }
        if self.heartbeat.due() > now {
            return Ok(());
        }
        match self.heartbeat.handle_overdue() {
            Overdue::Probe => self.send(&ClientFrame::Alive).await,
            Overdue::Dead => Err(self.lost("the server did not answer a heartbeat probe".into())),
        }
    }

    fn lost(&self, reason: String) -> Lost {
        Lost { reason, is_fatal: false, reconnect_at: self.leave_at }
    }

    fn closed(&self, frame: Option<CloseFrame>) -> Lost {
        let Some(CloseFrame { code, reason }) = frame else {
            return self.lost("the server closed the connection".into());
        };
        let code = u16::from(code);
        let is_fatal = matches!(
            code,
            1000 | close::PROTOCOL | close::BINARY | close::TOO_LARGE | close::BAD_FRAMES | close::REVOKED
        );
        let reason = format!("the server closed the connection with code {code}: {reason}");
        Lost { reason, is_fatal, reconnect_at: self.leave_at }
    }
}

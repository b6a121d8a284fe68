//! Keeps a subscription open: connects, resumes, renews tokens, and hands the frames to the subscriber.

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};

use super::backoff::Backoff;
use super::connection::{Connection, Lost, SUBSCRIPTION_ID};
use super::resume_state::ResumeState;
use super::{ClientError, Shared};
use crate::wire::{ClientFrame, Cursor, Drift, ServerFrame};

/// The topics of a subscription.
#[derive(Clone)]
pub(super) struct Selection {
    pub(super) channel: String,
    /// Empty for all topics that the token grants.
    pub(super) topics: Vec<String>,
    /// The definition hash of generated code.
    pub(super) fingerprint: Option<&'static str>,
    /// Whether the subscriber receives interruptions and the frames `ready` and `caught-up`.
    pub(super) has_states: bool,
}

/// Notified once the server has confirmed a subscription, or refuses it.
pub(super) type Confirmed = oneshot::Sender<Result<Cursor, ClientError>>;

/// An item that a worker passes to its subscriber.
pub(super) enum Received {
    Frame(ServerFrame),
    /// The connection is lost, or could not be opened. The worker tries again.
    Interrupted(ClientError),
    End(ClientError),
}

/// Keeps a subscription open.
pub(super) struct Worker {
    shared: Arc<Shared>,
    selection: Selection,
    resume: ResumeState,
    frames: mpsc::Sender<Received>,
    buffer: usize,
    confirmed: Option<Confirmed>,
    /// The server has not confirmed the subscription yet.
    is_new: bool,
    backoff: Backoff,
    renewal_backoff: Backoff,
    /// The drift that was reported last.
    drift: Option<Drift>,
}

/// Why a connection is no longer used.
enum Ended {
    Lost(Lost),
    /// The server refused the subscription.
    Refused(ClientError),
    /// The token has expired or was revoked.
    TokenGone,
    /// The subscriber reads too slowly.
    Full,
}

impl From<Lost> for Ended {
    fn from(lost: Lost) -> Self {
        Self::Lost(lost)
    }
}

type Renewal = Pin<Box<dyn Future<Output = Result<String, ClientError>> + Send>>;

impl Worker {
    /// Starts a worker, which ends when its subscriber does.
    pub(super) fn spawn(
        shared: Arc<Shared>,
        selection: Selection,
        since: Cursor,
        frames: mpsc::Sender<Received>,
        buffer: usize,
        confirmed: Option<Confirmed>,
    ) {
        let (backoff, renewal_backoff) =
            (Backoff::new(shared.reconnect_delay), Backoff::new(shared.reconnect_delay));
        let worker = Self {
            shared,
            selection,
            resume: ResumeState::new(since),
            frames: frames.clone(),
            buffer,
            confirmed,
            is_new: true,
            backoff,
            renewal_backoff,
            drift: None,
        };
        tokio::spawn(async move {
            tokio::select! {
                () = frames.closed() => {}
                () = worker.run() => {}
            }
        });
    }

    async fn run(mut self) {
        loop {
            let (began, ended) = match self.connect().await {
                Ok((mut connection, began)) => (began, self.serve(&mut connection).await),
                Err(error) => (Instant::now(), Ended::Refused(error)),
            };
            self.backoff.record_success(began.elapsed());
            match ended {
                Ended::Refused(error) if self.is_final(&error) => return self.end(error).await,
                Ended::Refused(error) => {
                    self.warn(&error);
                    self.report_interruption(error.clone());
                    sleep(self.backoff.next(error.retry_after())).await;
                }
                Ended::Lost(Lost { reason, is_fatal: true, .. }) => {
                    return self.end(ClientError::refused_frame("closed".into(), reason)).await;
                }
                Ended::Lost(Lost { reason, reconnect_at, .. }) => {
                    tracing::debug!(channel = self.selection.channel, reason, "connection lost");
                    self.report_interruption(ClientError::Unreachable(reason));
                    self.shared.requests.forget_idle();
                    match reconnect_at {
                        Some(at) => sleep_until(at).await,
                        None => sleep(self.backoff.next(Duration::ZERO)).await,
                    }
                }
                Ended::TokenGone => {
                    let message = "the token has expired or was revoked".to_owned();
                    self.report_interruption(ClientError::refused_frame("unauthorized".into(), message));
                    sleep(self.backoff.next(Duration::ZERO)).await;
                }
                Ended::Full => self.wait_for_room().await,
            }
        }
    }

    /// Returns whether no later attempt can succeed. If the server refuses a subscription that was never confirmed, its
    /// settings are probably wrong. Later, a proxy may refuse it while the server is being replaced.
    fn is_final(&self, error: &ClientError) -> bool {
        match error {
            ClientError::Refused { status: Some(_), .. } => self.is_new && !error.is_transient(),
            ClientError::Refused { code: Some(code), .. } if code == "unauthorized" => self.is_new,
            error => !error.is_transient(),
        }
    }

    async fn connect(&mut self) -> Result<(Connection, Instant), ClientError> {
        let Selection { channel, topics, fingerprint, .. } = self.selection.clone();
        let token = self.shared.subscribe_token(&channel, &topics).await?;
        let mut connection = Connection::open(&self.shared.target()?).await?;
        let cursor = self.resume.cursor;
        let sub = ClientFrame::Sub {
            subscription_id: Some(SUBSCRIPTION_ID.into()),
            data: Some(token),
            since: (cursor != Cursor::Now).then(|| BTreeMap::from([(channel.clone(), cursor)])),
            channel: Some(channel),
            topics: (!topics.is_empty()).then_some(topics),
            fingerprint: fingerprint.map(str::to_owned),
        };
        let sent = connection.send(&sub).await;
        sent.map_err(|lost| ClientError::Unreachable(lost.reason))?;
        Ok((connection, Instant::now()))
    }

    /// Receives frames until the connection ends.
    async fn serve(&mut self, connection: &mut Connection) -> Ended {
        let (mut is_confirmed, mut renewal): (bool, Option<Renewal>) = (false, None);
        loop {
            let renewed = async {
                match &mut renewal {
                    Some(renewal) => renewal.await,
                    None => pending().await,
                }
            };
            let frames = tokio::select! {
                biased;
                renewed = renewed => {
                    renewal = match renewed {
                        Ok(token) => {
                            let (subscription_id, data) = (Some(SUBSCRIPTION_ID.into()), Some(token));
                            if let Err(lost) = connection.send(&ClientFrame::Renew { subscription_id, data }).await {
                                return lost.into();
                            }
                            None
                        }
                        Err(error) => Some(self.retry_renewal(&error)),
                    };
                    continue;
                }
                frames = connection.next() => frames,
            };
            let frames = match frames {
                Ok(frames) => frames,
                Err(lost) => return lost.into(),
            };
            for frame in frames {
                match frame {
                    ServerFrame::Ready { position, ref drift, .. } => {
                        (is_confirmed, self.is_new) = (true, false);
                        connection.confirm();
                        self.resume.cursor = position;
                        self.report_drift(drift.clone());
                        if !self.pass_state(Received::Frame(frame)) {
                            return Ended::Full;
                        }
                        if let Some(confirmed) = self.confirmed.take() {
                            // The subscriber may be gone, which ends this worker.
                            let _ = confirmed.send(Ok(position));
                        }
                    }
                    ServerFrame::CaughtUp { .. } => {
                        if !self.pass_state(Received::Frame(frame)) {
                            return Ended::Full;
                        }
                    }
                    ServerFrame::Expiring { .. } => renewal = Some(self.renew(Duration::ZERO)),
                    ServerFrame::Renewed { .. } => self.renewal_backoff.record_success(Duration::MAX),
                    ServerFrame::Unsubscribed { .. } => return Ended::TokenGone,
                    ServerFrame::Error { code, message, drift, .. } => {
                        self.report_drift(drift);
                        let error = ClientError::refused_frame(code, message);
                        if !is_confirmed {
                            return Ended::Refused(error);
                        }
                        renewal = Some(self.retry_renewal(&error));
                    }
                    frame => {
                        // Without room, nothing of the frame may be recorded: it is sent again.
                        let Ok(room) = self.frames.try_reserve() else { return Ended::Full };
                        if self.resume.accept(&frame) {
                            room.send(Received::Frame(frame));
                        }
                    }
                }
            }
        }
    }

    /// Gets a new token.
    fn renew(&self, delay: Duration) -> Renewal {
        let shared = Arc::clone(&self.shared);
        let Selection { channel, topics, .. } = self.selection.clone();
        Box::pin(async move {
            sleep(delay).await;
            shared.subscribe_token(&channel, &topics).await
        })
    }

    fn retry_renewal(&mut self, error: &ClientError) -> Renewal {
        self.warn(error);
        let delay = self.renewal_backoff.next(error.retry_after());
        self.renew(delay)
    }

    /// Returns `false` if there is no room.
    fn pass_state(&self, state: Received) -> bool {
        !self.selection.has_states || self.frames.try_send(state).is_ok()
    }

    fn report_interruption(&self, error: ClientError) {
        // Without room, the subscriber is busy with earlier frames.
        let _ = self.pass_state(Received::Interrupted(error));
    }

    /// Waits until half of the buffer is read.
    async fn wait_for_room(&self) {
        tracing::debug!(
            channel = self.selection.channel,
            "the subscriber is slow; disconnected until it has read"
        );
        let room = self.frames.reserve_many(self.buffer.div_ceil(2)).await;
        drop(room);
    }

    fn report_drift(&mut self, drift: Option<Drift>) {
        let Some(drift) = drift.filter(|drift| self.drift.as_ref() != Some(drift)) else { return };
        match &self.shared.on_drift {
            Some(report) => report(&self.selection.channel, &drift),
            None => {
                let changes: Vec<&str> = drift.changes.iter().map(|change| change.message.as_str()).collect();
                tracing::warn!(
                    channel = self.selection.channel,
                    kind = drift.kind,
                    changes = changes.join("; "),
                    "this program and the server were generated from different definitions of the channel"
                );
            }
        }
        self.drift = Some(drift);
    }

    fn warn(&self, error: &ClientError) {
        tracing::warn!(channel = self.selection.channel, %error, "a subscription is interrupted; it will be retried");
    }

    async fn end(mut self, error: ClientError) {
        match self.confirmed.take() {
            Some(confirmed) => drop(confirmed.send(Err(error))),
            // The subscriber may be gone.
            None => drop(self.frames.send(Received::End(error)).await),
        }
    }
}

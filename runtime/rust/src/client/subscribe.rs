//! Subscriptions over the network: connects, resumes, renews tokens, and hands the frames to the subscriber.

use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, IntoFuture, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};

use super::backoff::Backoff;
use super::connection::{Connection, Lost, SUBSCRIPTION_ID};
use super::resume_state::ResumeState;
use super::{Client, ClientError, Shared};
use crate::channel::{Channel, Topic, TopicDefinition};
use crate::subscribe::{End, Receive, Source, Subscription};
use crate::wire::{ClientFrame, Cursor, Drift, ServerFrame};

/// The default for [`ClientSubscribe::buffer`].
const BUFFER: usize = 10_000;

/// How many frames the subscriber takes at once, so that the buffer counts those that it has not read.
const MAX_TAKEN: usize = 32;

impl Client {
    /// Subscribes to a topic of another server. Returns a builder: set its options, then await it. It completes once the
    /// server has confirmed the subscription; every message that is published after that is received.
    ///
    /// Each subscription has a connection of its own. If it is lost, the subscription connects again and resumes: no
    /// message is lost or repeated, unless the history no longer has it, which is a
    /// [`ReceiveError::Gap`](crate::ReceiveError::Gap).
    pub fn subscribe<'p, P: Receive + ?Sized>(&'p self, topic: Topic<'p, P>) -> ClientSubscribe<'p, P> {
        ClientSubscribe { client: self, topic, since: Cursor::Now, buffer: BUFFER }
    }
}

/// A subscription to open, which is open once this is awaited. Returned by [`Client::subscribe`].
#[must_use = "nothing is subscribed until it is awaited"]
pub struct ClientSubscribe<'p, P: ?Sized> {
    client: &'p Client,
    topic: Topic<'p, P>,
    since: Cursor,
    buffer: usize,
}

impl<P: ?Sized> ClientSubscribe<'_, P> {
    /// Sets where to start: after the messages that a subscription has received ([`Subscription::position`]), or at the
    /// start of the history ([`Cursor::Start`]). Default: [`Cursor::Now`], that is retained messages, then new ones.
    pub fn since(mut self, cursor: Cursor) -> Self {
        self.since = cursor;
        self
    }

    /// Sets how many messages may wait for the subscriber. Default: 10,000. With more, the subscription disconnects
    /// until half of them are read, and then resumes.
    pub fn buffer(mut self, messages: usize) -> Self {
        self.buffer = messages.max(1);
        self
    }
}

impl<'p, P: Receive + ?Sized + 'p> IntoFuture for ClientSubscribe<'p, P> {
    type Output = Result<Subscription<P::Received>, ClientError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'p>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { client, topic, since, buffer } = self;
        Box::pin(async move {
            client.shared.target()?;
            let (frames, received) = mpsc::channel(buffer);
            let (confirmed, confirmation) = oneshot::channel();
            let worker = Worker {
                shared: Arc::clone(&client.shared),
                channel: topic.channel().clone(),
                topic: topic.definition(),
                resume: ResumeState::new(since),
                frames: frames.clone(),
                buffer,
                confirmed: Some(confirmed),
                backoff: Backoff::new(client.shared.reconnect_delay),
                renewal_backoff: Backoff::new(client.shared.reconnect_delay),
                drift: None,
            };
            tokio::spawn(async move {
                tokio::select! {
                    () = frames.closed() => {}
                    () = worker.run() => {}
                }
            });
            // Dropping this future drops the receiver, which ends the worker.
            let position = confirmation
                .await
                .unwrap_or_else(|_| Err(ClientError::Unreachable("the runtime is shutting down".into())))?;
            let source = Remote { received, end: End::Closed };
            Ok(Subscription::new(Box::new(source), topic, position))
        })
    }
}

/// An item that a worker passes to its subscriber.
enum Received {
    Frame(ServerFrame),
    End(ClientError),
}

/// The frames that a worker receives.
struct Remote {
    received: mpsc::Receiver<Received>,
    end: End,
}

impl Source for Remote {
    fn poll_frames(
        &mut self,
        context: &mut Context<'_>,
        _cursor: Cursor,
        frames: &mut VecDeque<ServerFrame>,
    ) -> Poll<Result<(), End>> {
        let mut received = Vec::with_capacity(MAX_TAKEN);
        if ready!(self.received.poll_recv_many(context, &mut received, MAX_TAKEN)) == 0 {
            return Poll::Ready(Err(self.end.clone()));
        }
        for received in received {
            match received {
                Received::Frame(frame) => frames.push_back(frame),
                // The worker ends after this.
                Received::End(error) => self.end = error.into(),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl From<ClientError> for End {
    fn from(error: ClientError) -> Self {
        let message = error.to_string();
        let code = if let ClientError::Refused { code, .. } = error { code } else { None };
        Self::Refused { code, message }
    }
}

/// Keeps a subscription open.
struct Worker {
    shared: Arc<Shared>,
    channel: Channel,
    topic: &'static TopicDefinition,
    resume: ResumeState,
    frames: mpsc::Sender<Received>,
    buffer: usize,
    /// Notified once the server has confirmed the subscription.
    confirmed: Option<oneshot::Sender<Result<Cursor, ClientError>>>,
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
                    sleep(self.backoff.next(error.retry_after())).await;
                }
                Ended::Lost(Lost { reason, is_fatal: true, .. }) => {
                    return self.end(ClientError::refused_frame("closed".into(), reason)).await;
                }
                Ended::Lost(Lost { reason, reconnect_at, .. }) => {
                    tracing::debug!(channel = self.channel.name(), reason, "connection lost");
                    self.shared.requests.forget_idle();
                    match reconnect_at {
                        Some(at) => sleep_until(at).await,
                        None => sleep(self.backoff.next(Duration::ZERO)).await,
                    }
                }
                Ended::TokenGone => sleep(self.backoff.next(Duration::ZERO)).await,
                Ended::Full => self.wait_for_room().await,
            }
        }
    }

    /// Returns whether no later attempt can succeed. If the server refuses a subscription that was never confirmed, its
    /// settings are probably wrong. Later, a proxy may refuse it while the server is being replaced.
    fn is_final(&self, error: &ClientError) -> bool {
        let is_new = self.confirmed.is_some();
        match error {
            ClientError::Refused { status: Some(_), .. } => is_new && !error.is_transient(),
            ClientError::Refused { code: Some(code), .. } if code == "unauthorized" => is_new,
            error => !error.is_transient(),
        }
    }

    async fn connect(&mut self) -> Result<(Connection, Instant), ClientError> {
        let token = self.shared.subscribe_token(self.channel.name(), self.topic.name).await?;
        let mut connection = Connection::open(&self.shared.target()?).await?;
        let name = self.channel.name().to_owned();
        let since =
            (self.resume.cursor != Cursor::Now).then(|| BTreeMap::from([(name.clone(), self.resume.cursor)]));
        let sub = ClientFrame::Sub {
            subscription_id: Some(SUBSCRIPTION_ID.into()),
            data: Some(token),
            channel: Some(name),
            topics: Some(vec![self.topic.name.to_owned()]),
            since,
            fingerprint: Some(self.channel.definition().fingerprint.to_owned()),
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
                    ServerFrame::Ready { position, drift, .. } => {
                        is_confirmed = true;
                        connection.confirm();
                        self.resume.cursor = position;
                        self.report_drift(drift);
                        if let Some(confirmed) = self.confirmed.take() {
                            // The subscriber may be gone, which ends this worker.
                            let _ = confirmed.send(Ok(position));
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
        let (channel, topic) = (self.channel.name().to_owned(), self.topic.name);
        Box::pin(async move {
            sleep(delay).await;
            shared.subscribe_token(&channel, topic).await
        })
    }

    fn retry_renewal(&mut self, error: &ClientError) -> Renewal {
        self.warn(error);
        let delay = self.renewal_backoff.next(error.retry_after());
        self.renew(delay)
    }

    /// Waits until half of the buffer is read.
    async fn wait_for_room(&self) {
        tracing::debug!(
            channel = self.channel.name(),
            "the subscriber is slow; disconnected until it has read"
        );
        let room = self.frames.reserve_many(self.buffer.div_ceil(2)).await;
        drop(room);
    }

    fn report_drift(&mut self, drift: Option<Drift>) {
        let Some(drift) = drift.filter(|drift| self.drift.as_ref() != Some(drift)) else { return };
        match &self.shared.on_drift {
            Some(report) => report(self.channel.name(), &drift),
            None => {
                let changes: Vec<&str> = drift.changes.iter().map(|change| change.message.as_str()).collect();
                tracing::warn!(
                    channel = self.channel.name(),
                    kind = drift.kind,
                    changes = changes.join("; "),
                    "this program and the server were generated from different definitions of the channel"
                );
            }
        }
        self.drift = Some(drift);
    }

    fn warn(&self, error: &ClientError) {
        tracing::warn!(channel = self.channel.name(), %error, "a subscription is interrupted; it will be retried");
    }

    async fn end(mut self, error: ClientError) {
        match self.confirmed.take() {
            Some(confirmed) => drop(confirmed.send(Err(error))),
            // The subscriber may be gone.
            None => drop(self.frames.send(Received::End(error)).await),
        }
    }
}

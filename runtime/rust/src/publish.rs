//! Publishing: check against the definition, encode once, append to the channel's log.

use std::borrow::Cow;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use serde::Serialize;

use crate::channel::{Channel, ResolveError, Topic};
use crate::history::{Appended, IdempotencyKey, Log, requeue};
use crate::hub::{CURRENT_RUN, Hub, OpenError, Phase};
use crate::schema::{self, Issue};
use crate::storage::{AppendError, Entry, StorageCall, StorageError};
use crate::wire::{DataFrame, Envelope, LogKind, MAX_PAYLOAD, MessageId};

mod json;
#[cfg(feature = "postgres")]
mod within;

pub use json::PublishJson;
pub(crate) use json::check_json;

impl Hub {
    /// Returns a builder: set its options, then await it to publish the payload.
    ///
    /// Awaiting it checks and encodes the payload, and completes once the storage has committed the message and it is in the
    /// channel's log. Subscribers that fall behind the history receive a gap. To let them keep up,
    /// publishing yields to other tasks from time to time.
    ///
    /// See [`Hub`] for an example.
    pub fn publish<'p, P: ?Sized>(&'p self, topic: Topic<'p, P>, payload: &'p P) -> Publish<'p, P> {
        Publish { hub: self, topic, payload, options: Options::default() }
    }

    /// Appends a frame to its channel's log. All ways to publish end here. `writer` is the process that writes the text
    /// stream that the frame belongs to.
    pub(crate) fn append(
        &self,
        channel: &Channel,
        topic: usize,
        frame: DataFrame,
        key: Option<IdempotencyKey>,
        writer: Option<u32>,
    ) -> Appending {
        if self.has_entered(Phase::Closed) {
            return Appending::from_error(PublishError::Closed);
        }
        match self.try_open_log(channel) {
            Some(Ok(log)) => self.append_to(log, topic, frame, key, writer),
            Some(Err(error)) => Appending::from_error(PublishError::from_open_error(error, channel)),
            None => {
                let (hub, channel) = (self.clone(), channel.clone());
                Appending::Waiting(Box::pin(async move {
                    let log = hub.open_log(&channel).await;
                    let log = log.map_err(|error| PublishError::from_open_error(error, &channel))?;
                    hub.append_to(log, topic, frame, key, writer).await
                }))
            }
        }
    }

    fn append_to(
        &self,
        log: Arc<Log>,
        topic: usize,
        frame: DataFrame,
        key: Option<IdempotencyKey>,
        writer: Option<u32>,
    ) -> Appending {
        match self.storage().append(Entry { log, topic, frame, key, writer }) {
            StorageCall::Done(Some(outcome)) => Appending::from_outcome(outcome.map_err(PublishError::from)),
            appended => Appending::Waiting(Box::pin(async move { Ok(appended.await?) })),
        }
    }
}

/// The options of a message.
#[derive(Default)]
struct Options<'p> {
    run_id: Option<Cow<'p, str>>,
    idempotency_key: Option<Cow<'p, str>>,
}

/// Returns the id of the run whose job is being executed here.
pub(crate) fn current_run() -> Option<String> {
    CURRENT_RUN.try_with(ToString::to_string).ok()
}

impl Options<'_> {
    /// Returns the run that the message belongs to: the one that was set, or the one that publishes.
    fn run_id(&self) -> Option<Cow<'_, str>> {
        self.run_id.as_deref().map(Cow::Borrowed).or_else(|| current_run().map(Cow::Owned))
    }

    fn key(&self, topic: &str, frame: &DataFrame) -> Option<IdempotencyKey> {
        self.idempotency_key.as_ref().map(|key| IdempotencyKey::new(key, topic, frame.payload()))
    }
}

/// A message to publish, which is sent when awaited. Returned by [`Hub::publish`].
#[must_use = "nothing is published until it is awaited"]
pub struct Publish<'p, P: ?Sized> {
    hub: &'p Hub,
    topic: Topic<'p, P>,
    payload: &'p P,
    options: Options<'p>,
}

impl<'p, P: ?Sized> Publish<'p, P> {
    /// Sets the run that the message belongs to. Default: inside a job, the current run.
    pub fn run_id(mut self, run_id: impl Into<Cow<'p, str>>) -> Self {
        self.options.run_id = Some(run_id.into());
        self
    }

    /// Makes it safe to repeat the call: a key publishes once per channel, and a repetition returns the id of the first
    /// message. A channel remembers its latest 1,000 keys for an hour, across restarts if the storage is durable.
    pub fn idempotency_key(mut self, key: impl Into<Cow<'p, str>>) -> Self {
        self.options.idempotency_key = Some(key.into());
        self
    }
}

impl<P: Serialize + ?Sized> Publish<'_, P> {
    fn start(self) -> Result<Appending, PublishError> {
        let (frame, key) = self.encode()?;
        Ok(self.hub.append(self.topic.channel(), self.topic.index(), frame, key, None))
    }

    /// Checks the payload, and returns its frame and its idempotency key.
    fn encode(&self) -> Result<(DataFrame, Option<IdempotencyKey>), PublishError> {
        let frame = encode(self.topic, self.payload, self.options.run_id().as_deref())?;
        let key = self.options.key(self.topic.definition().name, &frame);
        Ok((frame, key))
    }
}

/// Checks a payload and encodes its frame.
pub(crate) fn encode<P: Serialize + ?Sized>(
    topic: Topic<'_, P>,
    payload: &P,
    run_id: Option<&str>,
) -> Result<DataFrame, PublishError> {
    let (channel, definition) = (topic.channel(), topic.definition());
    let schema = definition.schema().ok_or_else(|| expected_text_stream(channel, definition.name))?;
    schema::check(schema, payload).map_err(|issues| invalid(channel, definition.name, issues))?;
    let envelope = Envelope { kind: LogKind::Data, channel: channel.name(), topic: definition.name, run_id };
    let frame = DataFrame::encode(envelope, |text| serde_json::to_writer(text, payload));
    let frame = frame.map_err(|error| PublishError::Encode(error.to_string()))?;
    let bytes = frame.payload().len();
    if bytes > MAX_PAYLOAD {
        return Err(PublishError::TooLarge { bytes });
    }
    Ok(frame)
}

fn invalid(channel: &Channel, topic: &str, issues: Vec<Issue>) -> PublishError {
    PublishError::Invalid { channel: channel.name().into(), topic: topic.into(), issues }
}

fn expected_text_stream(channel: &Channel, topic: &str) -> PublishError {
    PublishError::ExpectedTextStream { channel: channel.name().into(), topic: topic.into() }
}

impl<P: Serialize + ?Sized> IntoFuture for Publish<'_, P> {
    type Output = Result<MessageId, PublishError>;
    type IntoFuture = PublishFuture;

    fn into_future(self) -> PublishFuture {
        PublishFuture(self.start().unwrap_or_else(Appending::from_error))
    }
}

/// The future of [`Publish`]. It does not borrow, so it can be spawned. Publishing may begin when the future is created, and
/// dropping the future does not cancel the message.
#[must_use = "errors are lost unless the future is awaited"]
pub struct PublishFuture(Appending);

impl Future for PublishFuture {
    type Output = Result<MessageId, PublishError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map_ok(|appended| appended.id)
    }
}

/// A message that is being appended to its log.
pub(crate) enum Appending {
    /// The outcome is known.
    Done(Option<Result<Appended, PublishError>>),
    /// Waits for a storage, or yields so that subscribers can keep up.
    Waiting(Pin<Box<dyn Future<Output = Result<Appended, PublishError>> + Send>>),
}

impl Appending {
    fn from_error(error: PublishError) -> Self {
        Self::Done(Some(Err(error)))
    }

    fn from_outcome(outcome: Result<Appended, PublishError>) -> Self {
        match outcome {
            Ok(appended) if appended.should_yield => Self::Waiting(Box::pin(async move {
                // Not `yield_now`, after which the publisher may continue before the subscribers.
                requeue().await;
                Ok(appended)
            })),
            outcome => Self::Done(Some(outcome)),
        }
    }
}

impl Future for Appending {
    type Output = Result<Appended, PublishError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Done(outcome) => outcome.take().map_or(Poll::Pending, Poll::Ready),
            Self::Waiting(waiting) => waiting.as_mut().poll(context),
        }
    }
}

/// An error from publishing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishError {
    /// The payload does not match its definition.
    Invalid {
        /// The channel's name.
        channel: String,
        /// The topic's name.
        topic: String,
        /// What is wrong with the payload: at most [`MAX_ISSUES`](crate::schema::MAX_ISSUES) issues, and another one
        /// if there are more.
        issues: Vec<Issue>,
    },
    /// The payload is larger than 1 MiB as JSON.
    TooLarge {
        /// Its size in bytes of JSON.
        bytes: usize,
    },
    /// The channel or topic is not defined.
    Unknown(ResolveError),
    /// The topic carries text streams, not payloads.
    ExpectedTextStream {
        /// The channel's name.
        channel: String,
        /// The topic's name.
        topic: String,
    },
    /// The topic carries payloads, not text streams.
    ExpectedPayload {
        /// The channel's name.
        channel: String,
        /// The topic's name.
        topic: String,
    },
    /// The text is not JSON.
    NotJson(String),
    /// The payload cannot be serialized.
    Encode(String),
    /// The idempotency key was already used on this channel, for another topic or payload.
    KeyReused,
    /// The text stream has ended: this server did not report to the storage for a while, so another server ended its
    /// text streams, or its channel was deleted.
    StreamEnded,
    /// The storage failed. If it failed while committing, the message may have been stored: with an idempotency key, it
    /// is safe to publish it again.
    Storage(StorageError),
    /// The hub is shut down.
    Closed,
}

impl PublishError {
    fn from_open_error(error: OpenError, channel: &Channel) -> Self {
        match error {
            OpenError::Unknown => {
                Self::Unknown(ResolveError::Channel { channel: channel.name().into(), nearest: None })
            }
            OpenError::Storage(error) => Self::Storage(error),
        }
    }
}

impl From<ResolveError> for PublishError {
    fn from(error: ResolveError) -> Self {
        Self::Unknown(error)
    }
}

impl From<AppendError> for PublishError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::KeyReused => Self::KeyReused,
            AppendError::StreamEnded => Self::StreamEnded,
            AppendError::Storage(error) => Self::Storage(error),
        }
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { channel, topic, issues } => {
                write!(
                    formatter,
                    "the payload for topic {topic:?} of {channel:?} does not match its definition:"
                )?;
                issues.iter().try_for_each(|issue| write!(formatter, "\n  {issue}"))
            }
            Self::TooLarge { bytes } => write!(
                formatter,
                "the payload has {bytes} bytes of JSON, more than {MAX_PAYLOAD}: publish a reference to the data \
                 instead"
            ),
            Self::Unknown(error) => error.fmt(formatter),
            Self::ExpectedTextStream { channel, topic } => write!(
                formatter,
                "the topic {topic:?} of {channel:?} carries text streams, not payloads: publish a text stream \
                 (over HTTP, with the content type text/stream)"
            ),
            Self::ExpectedPayload { channel, topic } => write!(
                formatter,
                "the topic {topic:?} of {channel:?} carries payloads, not text streams: publish JSON, or \
                 set `stream: text` in its definition"
            ),
            Self::NotJson(error) => write!(formatter, "the payload is not JSON: {error}"),
            Self::Encode(error) => write!(formatter, "the payload cannot be serialized as JSON: {error}"),
            Self::KeyReused => formatter.write_str(
                "the idempotency key was already used on this channel for another topic or payload: \
                 use a new key for each message",
            ),
            Self::StreamEnded => formatter.write_str(
                "the text stream has ended: its channel was deleted, or this server did not report to the storage for \
                 a while, so another server ended it",
            ),
            Self::Storage(error) => write!(formatter, "failed to publish the message: {error}"),
            Self::Closed => formatter.write_str("the hub is shut down and accepts no more messages"),
        }
    }
}

impl std::error::Error for PublishError {}

//! Publishing: check against the definition, encode once, append to the channel's log.

use std::borrow::Cow;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use serde::Serialize;

use crate::channel::{Channel, ResolveError, Topic};
use crate::history::{Appended, IdempotencyKey, Log};
use crate::hub::{CURRENT_RUN, Hub, Phase, Unavailable};
use crate::schema::{self, Issue};
use crate::storage::{AppendError, Entry, StorageError};
use crate::wire::{DataFrame, Envelope, LogKind, MAX_PAYLOAD, MessageId};

mod json;

pub use json::PublishJson;

impl Hub {
    /// Publishes a payload. Await it; `run_id` and `idempotency_key` may come before.
    ///
    /// The message is checked and encoded at once, and stands in the channel's log (and in the
    /// storage, where the hub has one) when this comes back. Subscribers that are slower than history is
    /// long get a gap; to let them keep up, publishing gives way to other tasks from time to time.
    ///
    /// See [`Hub`] for an example.
    pub fn publish<'p, P: ?Sized>(&'p self, topic: Topic<'p, P>, payload: &'p P) -> Publish<'p, P> {
        Publish { hub: self, topic, payload, options: Options::default() }
    }

    /// One call for all ways to publish, so that none can miss what holds for every message.
    pub(crate) fn append(
        &self,
        channel: &Channel,
        topic: usize,
        frame: DataFrame,
        key: Option<IdempotencyKey>,
    ) -> Appending {
        if self.is_at_least(Phase::Closed) {
            return Appending::failed(PublishError::Closed);
        }
        match self.log(channel) {
            Some(Ok(log)) => self.append_to(log, topic, frame, key),
            Some(Err(error)) => Appending::failed(PublishError::unavailable(error, channel)),
            None => {
                let (hub, channel) = (self.clone(), channel.clone());
                Appending::Waiting(Box::pin(async move {
                    let log = hub.open_log(&channel).await;
                    let log = log.map_err(|error| PublishError::unavailable(error, &channel))?;
                    hub.append_to(log, topic, frame, key).await
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
    ) -> Appending {
        match self.storage() {
            None => Appending::done(log.append(topic, frame, key).map_err(|_| PublishError::KeyReused)),
            Some(storage) => {
                let appended = storage.engine().append(Entry { log, topic, frame, key });
                Appending::Waiting(Box::pin(async move { Ok(appended.await?) }))
            }
        }
    }
}

/// What a publisher may say beside the payload.
#[derive(Default)]
struct Options<'p> {
    run_id: Option<Cow<'p, str>>,
    idempotency_key: Option<Cow<'p, str>>,
}

impl Options<'_> {
    /// The run that the message belongs to: the one that was named, or the one that publishes.
    fn run_id(&self) -> Option<Cow<'_, str>> {
        let current = || CURRENT_RUN.try_with(|run_id| Cow::Owned(run_id.to_string())).ok();
        self.run_id.as_deref().map(Cow::Borrowed).or_else(current)
    }

    fn key(&self, topic: &str, frame: &DataFrame) -> Option<IdempotencyKey> {
        self.idempotency_key.as_ref().map(|key| IdempotencyKey::new(key, topic, frame.payload()))
    }
}

/// A message that is being published: [`Hub::publish`].
#[must_use = "nothing is published until it is awaited"]
pub struct Publish<'p, P: ?Sized> {
    hub: &'p Hub,
    topic: Topic<'p, P>,
    payload: &'p P,
    options: Options<'p>,
}

impl<'p, P: ?Sized> Publish<'p, P> {
    /// Says which run the message belongs to.
    pub fn run_id(mut self, run_id: impl Into<Cow<'p, str>>) -> Self {
        self.options.run_id = Some(run_id.into());
        self
    }

    /// Makes a repeat harmless: the same key on the same channel publishes once, and a repeat
    /// gives the id of the first. A channel remembers its latest 1,000 keys for an hour, across
    /// restarts where the hub has a storage.
    pub fn idempotency_key(mut self, key: impl Into<Cow<'p, str>>) -> Self {
        self.options.idempotency_key = Some(key.into());
        self
    }
}

impl<P: Serialize + ?Sized> Publish<'_, P> {
    fn start(self) -> Result<Appending, PublishError> {
        let Self { hub, topic, payload, options } = self;
        let run_id = options.run_id();
        let frame = encode(topic, payload, run_id.as_deref())?;
        let key = options.key(topic.definition().name, &frame);
        Ok(hub.append(topic.channel(), topic.index(), frame, key))
    }
}

/// Checks a payload and makes the frame of its message.
pub(crate) fn encode<P: Serialize + ?Sized>(
    topic: Topic<'_, P>,
    payload: &P,
    run_id: Option<&str>,
) -> Result<DataFrame, PublishError> {
    let (channel, definition) = (topic.channel(), topic.definition());
    let schema = definition.schema().ok_or_else(|| carries_a_stream(channel, definition.name))?;
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

fn carries_a_stream(channel: &Channel, topic: &str) -> PublishError {
    PublishError::CarriesAStream { channel: channel.name().into(), topic: topic.into() }
}

impl<P: Serialize + ?Sized> IntoFuture for Publish<'_, P> {
    type Output = Result<MessageId, PublishError>;
    type IntoFuture = PublishFuture;

    fn into_future(self) -> PublishFuture {
        PublishFuture(self.start().unwrap_or_else(Appending::failed))
    }
}

/// The future of [`Publish`]. It borrows nothing, so it can be spawned.
#[must_use = "a publisher that does not wait takes no notice of errors"]
pub struct PublishFuture(Appending);

impl Future for PublishFuture {
    type Output = Result<MessageId, PublishError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map_ok(|appended| appended.id)
    }
}

/// A message on its way into the log.
pub(crate) enum Appending {
    /// The outcome is known, and the publisher is about to be told.
    Done(Option<Result<Appended, PublishError>>),
    /// For a storage, or for subscribers to have their turn before a publisher that would run
    /// away from them goes on.
    Waiting(Pin<Box<dyn Future<Output = Result<Appended, PublishError>> + Send>>),
}

impl Appending {
    fn failed(error: PublishError) -> Self {
        Self::Done(Some(Err(error)))
    }

    fn done(outcome: Result<Appended, PublishError>) -> Self {
        match outcome {
            Ok(appended) if appended.should_yield => Self::Waiting(Box::pin(async move {
                tokio::task::yield_now().await;
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

/// Why a message was not published.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishError {
    /// The payload breaks the definition.
    Invalid {
        /// The channel's name.
        channel: String,
        /// The topic's name.
        topic: String,
        /// What is wrong with the payload: at most [`MAX_ISSUES`](crate::schema::MAX_ISSUES) issues, and one
        /// that says if there are more.
        issues: Vec<Issue>,
    },
    /// The payload is larger than 1 MiB as JSON.
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// No definition has the channel or topic.
    Unknown(ResolveError),
    /// The topic carries text streams, and was given a payload.
    CarriesAStream {
        /// The channel's name.
        channel: String,
        /// The topic's name.
        topic: String,
    },
    /// The topic carries payloads, and was given a text stream.
    CarriesPayloads {
        /// The channel's name.
        channel: String,
        /// The topic's name.
        topic: String,
    },
    /// The text is not JSON.
    NotJson(String),
    /// The payload's own serialization failed.
    Encode(String),
    /// The idempotency key was used on this channel before, for another topic or payload.
    KeyReused,
    /// The hub's storage failed. Whether the message is kept is not known where it failed while
    /// committing: an idempotency key makes it safe to publish it again.
    Storage(StorageError),
    /// The hub was shut down.
    Closed,
}

impl PublishError {
    fn unavailable(error: Unavailable, channel: &Channel) -> Self {
        match error {
            Unavailable::Unknown => {
                Self::Unknown(ResolveError::Channel { channel: channel.name().into(), nearest: None })
            }
            Unavailable::Storage(error) => Self::Storage(error),
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
            AppendError::Storage(error) => Self::Storage(error),
        }
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { channel, topic, issues } => {
                write!(formatter, "the payload for {topic:?} of {channel:?} breaks its definition:")?;
                issues.iter().try_for_each(|issue| write!(formatter, "\n  {issue}"))
            }
            Self::TooLarge { bytes } => write!(
                formatter,
                "the payload has {bytes} bytes as JSON and at most {MAX_PAYLOAD} can be carried: \
                 publish a reference to it instead"
            ),
            Self::Unknown(error) => error.fmt(formatter),
            Self::CarriesAStream { channel, topic } => write!(
                formatter,
                "the topic {topic:?} of {channel:?} carries text streams, not payloads: send the text \
                 as a stream, over HTTP with the content type text/stream"
            ),
            Self::CarriesPayloads { channel, topic } => write!(
                formatter,
                "the topic {topic:?} of {channel:?} carries payloads, not text streams: send JSON, or \
                 say `stream: text` in its definition"
            ),
            Self::NotJson(error) => write!(formatter, "the payload is not JSON: {error}"),
            Self::Encode(error) => write!(formatter, "the payload cannot be written as JSON: {error}"),
            Self::KeyReused => formatter.write_str(
                "the idempotency key was used on this channel for another topic or payload: \
                 use a new key for each message",
            ),
            Self::Storage(error) => write!(formatter, "the message is not published: {error}"),
            Self::Closed => formatter.write_str("the hub was shut down and takes no more messages"),
        }
    }
}

impl std::error::Error for PublishError {}

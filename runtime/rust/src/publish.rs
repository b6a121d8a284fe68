//! Publishing: check against the definition, encode once, append to the channel's log.

use std::borrow::Cow;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use serde::Serialize;

use crate::channel::{Channel, Topic};
use crate::history::{Appended, Log};
use crate::hub::{Hub, Phase};
use crate::schema::{self, Issue};
use crate::wire::{DataFrame, MAX_PAYLOAD, MessageId};

mod json;

use json::Refusal;

impl Hub {
    /// Publishes a payload. Await it; `run_id` may come before.
    ///
    /// The message is checked and encoded at once and stands in the channel's log when
    /// this comes back. Subscribers that are slower than history is long get a gap;
    /// to let them keep up, publishing gives way to other tasks from time to time.
    ///
    /// See [`Hub`] for an example.
    pub fn publish<'p, P: ?Sized>(&'p self, topic: Topic<'p, P>, payload: &'p P) -> Publish<'p, P> {
        Publish { hub: self, topic, payload, run_id: None }
    }

    /// Publishes JSON text to a channel and topic that are known by name, as `POST publish`
    /// does. The text is carried verbatim, unless it repeats the key of an object.
    ///
    /// Where the topic may carry a string and the text is not JSON that the topic accepts,
    /// the text itself is that string.
    ///
    /// # Errors
    /// When the message is not published.
    pub async fn publish_json(
        &self,
        channel: &str,
        topic: &str,
        body: &[u8],
        run_id: Option<&str>,
    ) -> Result<MessageId, PublishError> {
        let unknown = || PublishError::Unknown { channel: channel.into(), topic: topic.into() };
        let channel = self.registry().resolve(channel).ok_or_else(unknown)?;
        let index = channel.definition().topic(topic).ok_or_else(unknown)?;
        if body.len() > MAX_PAYLOAD {
            return Err(PublishError::TooLarge { bytes: body.len() });
        }
        let payload = json::read(channel.definition().topics[index].schema, body);
        let payload = payload.map_err(|refusal| match refusal {
            Refusal::NotJson(error) => PublishError::NotJson(error),
            Refusal::Invalid(issues) => invalid(&channel, topic, issues),
        })?;
        let log = self.log(&channel).ok_or_else(unknown)?;
        let frame = DataFrame::encode(channel.name(), topic, run_id, |text| payload.write(text));
        let frame = frame.map_err(|error| PublishError::Encode(error.to_string()))?;
        self.append(&log, index, frame).await
    }

    /// One call for all ways to publish, so that none can miss what holds for every message.
    fn append(&self, log: &Arc<Log>, topic: usize, frame: DataFrame) -> Appending {
        if self.is_at_least(Phase::Closed) {
            return Appending::failed(PublishError::Closed);
        }
        Appending::appended(&log.append(topic, frame))
    }
}

/// A message that is being published: [`Hub::publish`].
#[must_use = "nothing is published until it is awaited"]
pub struct Publish<'p, P: ?Sized> {
    hub: &'p Hub,
    topic: Topic<'p, P>,
    payload: &'p P,
    run_id: Option<Cow<'p, str>>,
}

impl<'p, P: ?Sized> Publish<'p, P> {
    /// Says which run the message belongs to.
    pub fn run_id(mut self, run_id: impl Into<Cow<'p, str>>) -> Self {
        self.run_id = Some(run_id.into());
        self
    }
}

impl<P: Serialize + ?Sized> Publish<'_, P> {
    fn start(self) -> Result<Appending, PublishError> {
        let Self { hub, topic, payload, run_id } = self;
        let (channel, definition) = (topic.channel(), topic.definition());
        schema::check(definition.schema, payload)
            .map_err(|issues| invalid(channel, definition.name, issues))?;
        let log = hub.log(channel).ok_or_else(|| unknown(channel, definition.name))?;
        let mut bytes = 0;
        let frame = DataFrame::encode(channel.name(), definition.name, run_id.as_deref(), |text| {
            let start = text.len();
            serde_json::to_writer(&mut *text, payload)?;
            bytes = text.len() - start;
            Ok(())
        });
        let frame = frame.map_err(|error| PublishError::Encode(error.to_string()))?;
        if bytes > MAX_PAYLOAD {
            return Err(PublishError::TooLarge { bytes });
        }
        Ok(hub.append(&log, topic.index(), frame))
    }
}

fn invalid(channel: &Channel, topic: &str, issues: Vec<Issue>) -> PublishError {
    PublishError::Invalid { channel: channel.name().into(), topic: topic.into(), issues }
}

fn unknown(channel: &Channel, topic: &str) -> PublishError {
    PublishError::Unknown { channel: channel.name().into(), topic: topic.into() }
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
        Pin::new(&mut self.0).poll(context)
    }
}

/// The outcome is known, and the publisher is about to be told.
struct Appending {
    outcome: Option<Result<MessageId, PublishError>>,
    /// Subscribers have their turn before a publisher that would run away from them goes on.
    turn: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Appending {
    fn failed(error: PublishError) -> Self {
        Self { outcome: Some(Err(error)), turn: None }
    }

    fn appended(appended: &Appended) -> Self {
        let turn = appended.crowded.then(|| Box::pin(tokio::task::yield_now()) as Pin<Box<_>>);
        Self { outcome: Some(Ok(appended.id)), turn }
    }
}

impl Future for Appending {
    type Output = Result<MessageId, PublishError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(turn) = &mut self.turn {
            ready!(turn.as_mut().poll(context));
            self.turn = None;
        }
        self.outcome.take().map_or(Poll::Pending, Poll::Ready)
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
        /// Everything that is wrong with the payload.
        issues: Vec<Issue>,
    },
    /// The payload is larger than 1 MiB as JSON.
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// No definition knows the channel or topic.
    Unknown {
        /// The channel's name.
        channel: String,
        /// The topic's name.
        topic: String,
    },
    /// The text is not JSON.
    NotJson(String),
    /// The payload's own serialization failed.
    Encode(String),
    /// The hub was shut down.
    Closed,
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
            Self::Unknown { channel, topic } => {
                write!(formatter, "no definition knows the topic {topic:?} of a channel named {channel:?}")
            }
            Self::NotJson(error) => write!(formatter, "the payload is not JSON: {error}"),
            Self::Encode(error) => write!(formatter, "the payload cannot be written as JSON: {error}"),
            Self::Closed => formatter.write_str("the hub was shut down and takes no more messages"),
        }
    }
}

impl std::error::Error for PublishError {}

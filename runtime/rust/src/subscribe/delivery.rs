//! Turns the frames of a subscription into messages.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::Value;

use super::error::{InvalidMessage, ReceiveError};
use super::message::{Content, Message, TextPart, TextStreamError, TextStreamFailure};
use crate::channel::{Channel, TopicDefinition};
use crate::history::Gap;
use crate::payload::ShapeError;
use crate::schema::{self, Issue};
use crate::wire::{MessageId, ServerFrame, parse_timestamp};

pub(super) struct Delivery {
    channel: String,
    topic: &'static TopicDefinition,
    /// The text streams that have begun and not ended, each with the envelope of its latest frame.
    open_streams: BTreeMap<String, Envelope>,
}

#[derive(Clone, Debug)]
pub(super) struct Envelope {
    id: MessageId,
    published_at: SystemTime,
    run_id: Option<String>,
}

/// A message or an error, in the order of the log.
pub(super) enum Item {
    Message(Box<(Envelope, Content)>),
    Invalid(Box<InvalidMessage>),
    Gap(Gap),
}

impl Item {
    pub(super) fn into_message<T>(
        self,
        read: fn(Content) -> Result<T, ShapeError>,
    ) -> Result<Message<T>, ReceiveError> {
        match self {
            Self::Message(message) => {
                let (Envelope { id, published_at, run_id }, content) = *message;
                let data = read(content).map_err(ReceiveError::Shape)?;
                Ok(Message { id, published_at, run_id, data })
            }
            Self::Invalid(invalid) => Err(ReceiveError::Invalid(invalid)),
            Self::Gap(gap) => Err(ReceiveError::Gap(gap)),
        }
    }
}

impl Delivery {
    pub(super) fn new(channel: &Channel, topic: &'static TopicDefinition) -> Self {
        Self { channel: channel.name().to_owned(), topic, open_streams: BTreeMap::new() }
    }

    /// Returns what a subscriber receives for a frame. Frames of other topics and chunks of a text whose start was not
    /// received are dropped.
    pub(super) fn accept(&mut self, frame: ServerFrame) -> Vec<Item> {
        match frame {
            ServerFrame::Data { topic, id, created_at, run_id, data, .. } if topic == self.topic.name => {
                vec![self.check(envelope(id, &created_at, run_id), data)]
            }
            ServerFrame::DatastreamStart { topic, id, created_at, run_id, data, .. }
                if topic == self.topic.name =>
            {
                let envelope = envelope(id, &created_at, run_id);
                if self.topic.schema().is_some() {
                    return vec![self.invalid(&envelope, Value::String(data), Vec::new())];
                }
                self.open_streams.insert(data.clone(), envelope.clone());
                vec![text(envelope, TextPart::Start { stream_id: data })]
            }
            ServerFrame::Chunk { id, created_at, run_id, stream_id, data, .. } => {
                let Some(latest) = self.open_streams.get_mut(&stream_id) else { return Vec::new() };
                *latest = envelope(id, &created_at, run_id);
                vec![text(latest.clone(), TextPart::Chunk { stream_id, text: data })]
            }
            ServerFrame::DatastreamEnd { id, created_at, run_id, data, error, stopped, .. } => {
                if self.open_streams.remove(&data).is_none() {
                    return Vec::new();
                }
                let part = match error {
                    None => TextPart::End { stream_id: data },
                    Some(message) => {
                        let failure =
                            if stopped { TextStreamFailure::Stopped } else { TextStreamFailure::Failed };
                        TextPart::Failed { stream_id: data, error: TextStreamError { failure, message } }
                    }
                };
                vec![text(envelope(id, &created_at, run_id), part)]
            }
            ServerFrame::Gap { after, before, .. } => {
                let open = std::mem::take(&mut self.open_streams).into_iter();
                let failed = open.map(|(stream_id, envelope)| {
                    let message = "some of its text is no longer in the history".to_owned();
                    let error = TextStreamError { failure: TextStreamFailure::Gap, message };
                    text(envelope, TextPart::Failed { stream_id, error })
                });
                failed.chain([Item::Gap(Gap { after, before })]).collect()
            }
            _ => Vec::new(),
        }
    }

    fn check(&self, envelope: Envelope, payload: Value) -> Item {
        let issues = match self.topic.schema() {
            Some(schema) => schema::check(schema, &payload).err(),
            None => Some(Vec::new()),
        };
        match issues {
            None => Item::Message(Box::new((envelope, Content::Payload(payload)))),
            Some(issues) => self.invalid(&envelope, payload, issues),
        }
    }

    fn invalid(&self, envelope: &Envelope, payload: Value, issues: Vec<Issue>) -> Item {
        let (channel, topic) = (self.channel.clone(), self.topic.name.to_owned());
        Item::Invalid(Box::new(InvalidMessage { channel, topic, id: envelope.id, issues, payload }))
    }
}

fn envelope(id: MessageId, created_at: &str, run_id: Option<String>) -> Envelope {
    // A server that writes another form of time is not worth losing its messages.
    let published_at = parse_timestamp(created_at).unwrap_or(SystemTime::UNIX_EPOCH);
    Envelope { id, published_at, run_id }
}

fn text(envelope: Envelope, part: TextPart) -> Item {
    Item::Message(Box::new((envelope, Content::Text(part))))
}

//! The messages of a channel.

use std::collections::HashMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::page::write_time;
use super::{Admin, AdminError, Page, PageRequest};
use crate::channel::{Channel, ChannelDefinition};
use crate::clock;
use crate::storage::inspection::{HistoryQuery, HistoryRow, HistoryRows};
use crate::wire::{MessageId, parse_timestamp};

/// Selects messages of a channel. Default: all topics, the newest messages first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryFilter {
    topic: Option<String>,
    oldest_first: bool,
}

impl HistoryFilter {
    /// Selects all messages, the newest first.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Selects the messages of a topic. Run events have the topic `$run`.
    #[must_use]
    pub fn topic(mut self, name: impl Into<String>) -> Self {
        self.topic = Some(name.into());
        self
    }

    /// Returns the oldest messages first.
    #[must_use]
    pub fn oldest_first(mut self) -> Self {
        self.oldest_first = true;
        self
    }
}

/// An item of a channel's history.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum HistoryItem {
    /// A message.
    Message(LoggedMessage),
    /// A run event. It has no topic.
    Run(LoggedMessage),
    /// The part of a text stream that is on this page.
    Text(LoggedText),
}

/// A message, or a run event.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LoggedMessage {
    /// The message id.
    pub id: String,
    /// The current name of the topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// When it was published, by the wall clock.
    #[serde(serialize_with = "write_time")]
    pub created_at: SystemTime,
    /// The run that published it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// The payload.
    pub payload: Value,
}

/// The part of a text stream that is on one page.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LoggedText {
    /// The id of the first frame of this part.
    pub id: String,
    /// The current name of the topic.
    pub topic: String,
    /// When this part begins, by the wall clock.
    #[serde(serialize_with = "write_time")]
    pub created_at: SystemTime,
    /// The run that writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// Identifies the stream. Join the texts of all parts, in the order of their ids.
    pub stream_id: String,
    /// The chunks of this part, joined.
    pub text: String,
    /// Whether the stream starts in this part.
    pub has_start: bool,
    /// Whether the stream ends in this part.
    pub has_end: bool,
    /// Why the stream failed or was stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether the stream was stopped on purpose.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
}

/// The members of a frame.
#[derive(Deserialize)]
struct Frame {
    kind: String,
    topic: Option<String>,
    id: MessageId,
    created_at: String,
    run_id: Option<String>,
    stream_id: Option<String>,
    error: Option<String>,
    #[serde(default)]
    stopped: bool,
    data: Value,
}

impl Admin {
    /// Returns messages of a channel. These can include messages that the storage has not deleted yet and that
    /// subscribers no longer receive.
    ///
    /// # Errors
    /// Returns an error if the channel has no history and no definition has it, the definition does not have the topic,
    /// the cursor is not valid, the history was replaced since the cursor was returned, or the storage fails.
    pub async fn history(
        &self,
        channel: &str,
        filter: &HistoryFilter,
        page: &PageRequest,
    ) -> Result<Page<HistoryItem>, AdminError> {
        let resolved = self.hub.registry().resolve(channel);
        let cursor = page.read_cursor(|cursor| cursor.parse().ok())?;
        let query = HistoryQuery {
            channel: channel.to_owned(),
            topics: stored_topics(resolved.as_ref(), filter)?,
            newest_first: !filter.oldest_first,
            cursor: cursor.map(|id: MessageId| (id.epoch(), id.offset())),
            limit: page.max_items(),
        };
        let Some(history) = self.hub.storage().read_history(query.clone()).await? else {
            let empty = Page::new(Vec::new(), None);
            return resolved.map(|_| empty).ok_or(AdminError::UnknownChannel);
        };
        if query.cursor.is_some_and(|(epoch, _)| epoch != history.epoch) {
            return Err(AdminError::StaleCursor);
        }
        let definition = resolved.as_ref().map(Channel::definition);
        Ok(collect(history, definition, query.newest_first, page.max_items()))
    }
}

/// Returns the names under which the messages of the filter's topic are stored; empty for all topics.
fn stored_topics(channel: Option<&Channel>, filter: &HistoryFilter) -> Result<Vec<String>, AdminError> {
    let (Some(topic), Some(channel)) = (&filter.topic, channel) else {
        return Ok(filter.topic.iter().cloned().collect());
    };
    let definition = channel.definition();
    let topic = definition.stored_topic(topic).ok_or(AdminError::UnknownTopic)?;
    Ok(definition.stored_names(topic).map(str::to_owned).collect())
}

/// Collects items from frames, in the order of the frames.
fn collect(
    history: HistoryRows,
    definition: Option<&'static ChannelDefinition>,
    newest_first: bool,
    limit: usize,
) -> Page<HistoryItem> {
    let HistoryRows { epoch, rows, examined_to, has_more } = history;
    let mut next = examined_to.filter(|_| has_more);
    let (mut items, mut streams) = (Vec::new(), HashMap::new());
    let mut last = None;
    for row in rows {
        let offset = row.offset;
        let Some(frame) = read_frame(row, definition) else { continue };
        let stream_id = frame.text_stream();
        let known = stream_id.as_ref().and_then(|id| streams.get(id)).copied();
        match (stream_id, known) {
            (Some(_), Some(index)) => {
                if let Some(HistoryItem::Text(text)) = items.get_mut(index) {
                    text.add(frame, newest_first);
                }
            }
            // The rest is on the next page.
            _ if items.len() == limit => {
                next = last;
                break;
            }
            (Some(stream_id), None) => {
                streams.insert(stream_id.clone(), items.len());
                let mut text = LoggedText::new(stream_id, &frame);
                text.add(frame, newest_first);
                items.push(HistoryItem::Text(text));
            }
            (None, _) => items.push(frame.into_item()),
        }
        last = Some(offset);
    }
    Page::new(items, next.map(|offset| MessageId::new(epoch, offset).to_string()))
}

fn read_frame(row: HistoryRow, definition: Option<&'static ChannelDefinition>) -> Option<Frame> {
    let HistoryRow { topic, frame, .. } = row;
    let frame = match definition.and_then(|definition| Some((definition, definition.stored_topic(&topic)?))) {
        Some((definition, index)) => definition.with_current_names(index, &topic, frame),
        None => frame,
    };
    serde_json::from_str(&frame).ok()
}

impl Frame {
    /// Returns the id of the text stream that the frame is part of.
    fn text_stream(&self) -> Option<String> {
        match self.kind.as_str() {
            "chunk" => self.stream_id.clone(),
            "datastream-start" | "datastream-end" => self.data.as_str().map(str::to_owned),
            _ => None,
        }
    }

    fn time(&self) -> SystemTime {
        parse_timestamp(&self.created_at).unwrap_or_else(|| clock::from_milliseconds(0))
    }

    fn into_item(self) -> HistoryItem {
        let (created_at, is_run) = (self.time(), self.kind == "run");
        let Self { id, topic, run_id, data: payload, .. } = self;
        let message = LoggedMessage { id: id.to_string(), topic, created_at, run_id, payload };
        if is_run { HistoryItem::Run(message) } else { HistoryItem::Message(message) }
    }
}

impl LoggedText {
    fn new(stream_id: String, frame: &Frame) -> Self {
        Self {
            id: frame.id.to_string(),
            topic: frame.topic.clone().unwrap_or_default(),
            created_at: frame.time(),
            run_id: frame.run_id.clone(),
            stream_id,
            text: String::new(),
            has_start: false,
            has_end: false,
            error: None,
            stopped: false,
        }
    }

    /// Adds the next frame of the stream, or the previous one.
    fn add(&mut self, frame: Frame, is_previous: bool) {
        if is_previous {
            (self.id, self.created_at) = (frame.id.to_string(), frame.time());
        }
        match frame.kind.as_str() {
            "datastream-start" => self.has_start = true,
            "datastream-end" => {
                (self.has_end, self.error, self.stopped) = (true, frame.error, frame.stopped);
            }
            _ => {
                let chunk = frame.data.as_str().unwrap_or_default();
                if is_previous { self.text.insert_str(0, chunk) } else { self.text.push_str(chunk) }
            }
        }
    }
}

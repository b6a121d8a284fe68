//! Encodes events as frames.

use crate::history::Batch;
use crate::hub::{Event, SubscriptionId};
use crate::wire::{LogKind, ServerFrame, SharedText};

/// The kind of client that receives frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::routes) enum ClientKind {
    /// A client that offers the subprotocol `fanfare.v1`. Receives all frames, with several messages in one.
    Fanfare,
    /// Any other client. Receives messages only, each in its own frame.
    Guest {
        /// Whether it also receives the frames of text streams.
        streams: bool,
    },
}

/// Encodes a frame that is not from a log.
pub(in crate::routes) fn frame(frame: &ServerFrame) -> SharedText {
    // Frames consist of strings and numbers, which always serialize.
    serde_json::to_string(frame).unwrap_or_default().into()
}

/// Returns a subscription id as the fields of frames have it.
pub(in crate::routes) fn owned_id(subscription_id: &SubscriptionId) -> Option<String> {
    subscription_id.as_deref().map(str::to_owned)
}

/// Encodes events.
pub(in crate::routes) fn events(events: Vec<Event>, client_kind: ClientKind) -> Vec<SharedText> {
    let mut frames = Vec::new();
    for event in events {
        match (event, client_kind) {
            (Event::Messages { messages, .. }, ClientKind::Guest { streams }) => {
                let is_known = |message: &SharedText| {
                    streams || LogKind::Data.is_of(message) || LogKind::Run.is_of(message)
                };
                frames.extend(messages.messages().iter().filter(|message| is_known(message)).cloned());
            }
            (Event::Messages { subscription_id: None, messages, .. }, ClientKind::Fanfare) => {
                frames.push(messages.frame());
            }
            (
                Event::Messages { subscription_id: Some(subscription_id), messages, .. },
                ClientKind::Fanfare,
            ) => {
                frames.push(encode_batch(&subscription_id, &messages));
            }
            (Event::Gap { .. } | Event::CaughtUp { .. }, ClientKind::Guest { .. }) => {}
            (event, ClientKind::Fanfare) => frames.extend(notice(&event)),
        }
    }
    frames
}

/// Encodes an event that is not from a log. Returns `None` for messages.
pub(in crate::routes) fn notice(event: &Event) -> Option<SharedText> {
    Some(frame(&match event {
        Event::Messages { .. } => return None,
        Event::Gap { subscription_id, channel, gap } => ServerFrame::Gap {
            subscription_id: owned_id(subscription_id),
            channel: channel.to_string(),
            after: gap.after,
            before: gap.before,
        },
        Event::CaughtUp { subscription_id, channel } => {
            ServerFrame::CaughtUp { subscription_id: owned_id(subscription_id), channel: channel.to_string() }
        }
    }))
}

/// Encodes a batch as an array that begins with the subscription id.
fn encode_batch(subscription_id: &str, batch: &Batch) -> SharedText {
    let subscription_id = serde_json::to_string(subscription_id).unwrap_or_default();
    batch.array_after(Some(&subscription_id))
}

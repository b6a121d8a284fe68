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

/// Encodes events. `encode_batch` encodes messages for [`ClientKind::Fanfare`], with the subscription id as JSON.
pub(in crate::routes) fn events<F: From<SharedText>>(
    events: Vec<Event>,
    client_kind: ClientKind,
    encode_batch: impl Fn(Option<&str>, &Batch) -> F,
) -> Vec<F> {
    let mut frames = Vec::new();
    for event in events {
        match (event, client_kind) {
            (Event::Messages { messages, .. }, ClientKind::Guest { streams }) => {
                let is_known = |message: &SharedText| {
                    streams || LogKind::Data.is_of(message) || LogKind::Run.is_of(message)
                };
                let known = messages.messages().iter().filter(|message| is_known(message));
                frames.extend(known.cloned().map(F::from));
            }
            (Event::Messages { subscription_id, messages, .. }, ClientKind::Fanfare) => {
                let id = subscription_id.map(|id| serde_json::to_string(&*id).unwrap_or_default());
                frames.push(encode_batch(id.as_deref(), &messages));
            }
            (Event::Gap { .. } | Event::CaughtUp { .. }, ClientKind::Guest { .. }) => {}
            (event, ClientKind::Fanfare) => frames.extend(notice(&event).map(F::from)),
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

/// Encodes a batch as text: an array that begins with the subscription id, if there is one.
pub(in crate::routes) fn batch(subscription_id: Option<&str>, batch: &Batch) -> SharedText {
    if subscription_id.is_some() { batch.array_after(subscription_id) } else { batch.frame() }
}

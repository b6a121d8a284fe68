//! Events as frames, for clients that understand all of them and for guests.

use crate::hub::{Event, Reference};
use crate::wire::{LogKind, ServerFrame, SharedText};

/// Whom frames are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::routes) enum Audience {
    /// Clients of `fanfare.v1` get all frames, several messages in one.
    Ours,
    /// Guests get messages only, each in its own frame.
    Guest {
        /// And frames of text streams.
        streams: bool,
    },
}

/// A frame that is not shared.
pub(in crate::routes) fn frame(frame: &ServerFrame) -> SharedText {
    // Frames hold strings, and nothing that JSON could not.
    serde_json::to_string(frame).unwrap_or_default().into()
}

/// A reference as frames have it.
pub(in crate::routes) fn owned(reference: &Reference) -> Option<String> {
    reference.as_deref().map(str::to_owned)
}

/// Makes frames of events.
pub(in crate::routes) fn events(events: Vec<Event>, audience: Audience) -> Vec<SharedText> {
    let mut frames = Vec::new();
    for event in events {
        match (event, audience) {
            (Event::Messages { messages, .. }, Audience::Guest { streams }) => {
                let is_known = |message: &SharedText| {
                    streams || LogKind::Data.is_of(message) || LogKind::Run.is_of(message)
                };
                frames.extend(messages.into_iter().filter(is_known));
            }
            (Event::Messages { reference: None, messages, .. }, Audience::Ours) if messages.len() == 1 => {
                frames.extend(messages);
            }
            (Event::Messages { reference, messages, .. }, Audience::Ours) => {
                frames.push(batch(&reference, &messages));
            }
            (Event::Gap { .. }, Audience::Guest { .. }) => {}
            (event @ Event::Gap { .. }, Audience::Ours) => frames.extend(gap(&event)),
        }
    }
    frames
}

/// The frame of a gap.
pub(in crate::routes) fn gap(event: &Event) -> Option<SharedText> {
    let Event::Gap { reference, channel, gap } = event else { return None };
    Some(frame(&ServerFrame::Gap {
        reference: owned(reference),
        channel: channel.to_string(),
        after: gap.after,
        before: gap.before,
    }))
}

fn batch(reference: &Reference, messages: &[SharedText]) -> SharedText {
    let length: usize = messages.iter().map(|message| message.as_str().len() + 1).sum();
    let reference = reference.as_deref().map(|text| serde_json::to_string(text).unwrap_or_default());
    let mut text = String::with_capacity(length + 1 + reference.as_ref().map_or(0, |text| text.len() + 1));
    for part in reference.as_deref().into_iter().chain(messages.iter().map(SharedText::as_str)) {
        text.push(if text.is_empty() { '[' } else { ',' });
        text.push_str(part);
    }
    text.push(']');
    text.into()
}

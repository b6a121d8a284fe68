//! Events as frames, for clients that understand all of them and for guests.

use crate::history::Batch;
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
                frames.extend(messages.messages().iter().filter(|message| is_known(message)).cloned());
            }
            (Event::Messages { reference: None, messages, .. }, Audience::Ours) => {
                frames.push(messages.frame());
            }
            (Event::Messages { reference: Some(reference), messages, .. }, Audience::Ours) => {
                frames.push(referenced(&reference, &messages));
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

/// An array that begins with a reference.
fn referenced(reference: &str, batch: &Batch) -> SharedText {
    let reference = serde_json::to_string(reference).unwrap_or_default();
    batch.array_after(Some(&reference))
}

//! Events as frames, for clients that understand all of them and for guests.

use crate::hub::Event;
use crate::wire::{ServerFrame, SharedText};

/// A frame that is not shared.
pub(super) fn frame(frame: &ServerFrame) -> SharedText {
    // Frames hold strings, and nothing that JSON could not.
    serde_json::to_string(frame).unwrap_or_default().into()
}

/// Takes the events and makes frames of them: several messages in one for a client
/// of ours; messages only, each in its own, for a guest.
pub(super) fn events(events: &mut Vec<Event>, guest: bool) -> Vec<SharedText> {
    let mut frames = Vec::new();
    for event in events.drain(..) {
        match event {
            Event::Messages(messages) if guest || messages.len() == 1 => frames.extend(messages),
            Event::Messages(messages) => frames.push(batch(&messages)),
            Event::Gap { .. } if guest => {}
            Event::Gap { channel, gap } => frames.push(frame(&ServerFrame::Gap {
                channel: channel.to_string(),
                after: gap.after,
                before: gap.before,
            })),
        }
    }
    frames
}

fn batch(messages: &[SharedText]) -> SharedText {
    let length: usize = messages.iter().map(|message| message.as_str().len() + 1).sum();
    let mut text = String::with_capacity(length + 1);
    for message in messages {
        text.push(if text.is_empty() { '[' } else { ',' });
        text.push_str(message.as_str());
    }
    text.push(']');
    text.into()
}

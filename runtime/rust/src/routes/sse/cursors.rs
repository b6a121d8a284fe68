//! The event ids of `GET sse`, from which its client resumes.

use crate::hub::Ready;
use crate::wire::{SharedText, Since, id_of};

/// The cursors after the event that is being written. Each event's id contains them all.
pub(super) struct ResumeCursors {
    since: Since,
}

impl ResumeCursors {
    pub(super) fn new(ready: &[Ready]) -> Self {
        let since = ready.iter().map(|ready| (ready.channel.name().to_owned(), ready.position));
        Self { since: since.collect() }
    }

    pub(super) fn advance(&mut self, channel: &str, message: &SharedText) {
        if let (Some(cursor), Some(id)) = (self.since.get_mut(channel), id_of(message)) {
            *cursor = cursor.after(id);
        }
    }

    pub(super) fn write_id(&self, text: &mut String) {
        text.push_str("id: ");
        // A map of strings always serializes.
        text.push_str(&serde_json::to_string(&self.since).unwrap_or_default());
        text.push('\n');
    }
}

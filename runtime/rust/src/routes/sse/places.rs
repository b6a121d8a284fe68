//! Where a client of `GET sse` would resume, which each of its events tells.

use crate::hub::Ready;
use crate::wire::{SharedText, Since, id_of};

/// What `since` should be, after the event that is being written.
pub(super) struct Places {
    since: Since,
}

impl Places {
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
        // Cursors by name, and nothing that JSON could not.
        text.push_str(&serde_json::to_string(&self.since).unwrap_or_default());
        text.push('\n');
    }
}

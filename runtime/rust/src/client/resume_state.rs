//! Where a subscription resumes, and which frames it has received.

use std::collections::BTreeMap;

use crate::wire::{Cursor, MessageId, ServerFrame};

/// Keeps the cursor of a subscription, and drops frames that the server sends again.
pub(super) struct ResumeState {
    pub(super) cursor: Cursor,
    /// The last id of each topic, and of run events as `None`.
    last_ids: BTreeMap<Option<String>, MessageId>,
    last_gap: Option<(MessageId, MessageId)>,
}

impl ResumeState {
    pub(super) fn new(cursor: Cursor) -> Self {
        Self { cursor, last_ids: BTreeMap::new(), last_gap: None }
    }

    /// Advances the cursor. Returns `false` if the frame was received before.
    pub(super) fn accept(&mut self, frame: &ServerFrame) -> bool {
        if let ServerFrame::Gap { after, before, .. } = frame {
            return self.accept_gap(*after, *before);
        }
        let Some(id) = frame.log_id() else { return false };
        self.cursor = self.cursor.after(id);
        let topic = frame.topic();
        match self.last_ids.iter_mut().find(|(known, _)| known.as_deref() == topic) {
            Some((_, last)) if id <= *last => return false,
            Some((_, last)) => *last = id,
            None => drop(self.last_ids.insert(topic.map(str::to_owned), id)),
        }
        true
    }

    /// Returns `false` if the gap was received before, as happens if the connection is lost before a message follows.
    fn accept_gap(&mut self, after: MessageId, before: MessageId) -> bool {
        // Another server's ids may be smaller. Compared with the last ids here, its messages would be dropped.
        if self.last_ids.values().any(|last| *last >= before) {
            self.last_ids.clear();
        }
        self.last_gap.replace((after, before)) != Some((after, before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(id: MessageId) -> ServerFrame {
        let (channel, topic, created_at) = ("room:1".into(), "said".into(), String::new());
        ServerFrame::Data { channel, topic, id, created_at, run_id: None, data: serde_json::Value::Null }
    }

    fn gap(after: MessageId, before: MessageId) -> ServerFrame {
        ServerFrame::Gap { subscription_id: None, channel: "room:1".into(), after, before }
    }

    #[test]
    fn frames_that_were_received_are_dropped_until_the_log_is_another_one() {
        let id = |epoch, offset| MessageId::new(epoch, offset);
        let mut state = ResumeState::new(Cursor::Replaying { position: id(5, 9), replayed: None });
        assert!(state.accept(&data(id(5, 3))) && state.accept(&data(id(5, 4))));
        assert_eq!(state.cursor, Cursor::Replaying { position: id(5, 9), replayed: Some(id(5, 4)) });
        assert!(!state.accept(&data(id(5, 4))));
        assert!(state.accept(&data(id(5, 12))));
        assert!(state.accept(&gap(id(5, 12), id(4, 2))), "an earlier epoch");
        assert!(!state.accept(&gap(id(5, 12), id(4, 2))));
        assert!(state.accept(&data(id(4, 2))));
        assert_eq!(state.cursor, Cursor::After(id(4, 2)));
    }
}

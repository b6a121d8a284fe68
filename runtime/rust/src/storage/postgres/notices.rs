//! The texts of notifications between processes.

use std::collections::{BTreeMap, BTreeSet};

/// The maximum bytes of a notification. PostgreSQL allows 7,999.
const MAX_BYTES: usize = 7_900;

const REVOKED: &str = "revoked";
const DUE_RUNS: &str = "runs";
const SIGNAL: &str = "signal:";
const BEAT: &str = "beat:";
const TRANSACTION: &str = ",transaction";

/// Notifications to send.
#[derive(Debug, Default)]
pub(super) struct Notices {
    heads: BTreeMap<i64, u64>,
    others: BTreeSet<String>,
}

/// Returns the notification that a process sends when it reports.
pub(super) fn beat_notice(owner: u32) -> String {
    format!("{BEAT}{owner}")
}

/// Returns whether a transaction of an application sent the notification.
pub(super) fn is_of_transaction(notice: &str) -> bool {
    notice.ends_with(TRANSACTION)
}

/// A notification that arrived.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Notice<'n> {
    Revoked,
    /// Runs became due.
    DueRuns,
    /// A signal arrived for a run on this channel.
    Signal(&'n str),
    /// A process reports that it is running.
    Beat(u32),
    /// These channels have these heads.
    Heads(Vec<(i64, u64)>),
}

impl Notices {
    /// Adds that a channel has a new head.
    pub(super) fn add_head(&mut self, channel: i64, head: u64) {
        let known = self.heads.entry(channel).or_default();
        *known = head.max(*known);
    }

    /// Adds that runs became due.
    pub(super) fn add_due_runs(&mut self) {
        self.others.insert(DUE_RUNS.to_owned());
    }

    /// Adds that a signal arrived for a run on a channel. A channel's name is far shorter than a notification.
    pub(super) fn add_signal(&mut self, channel: &str) {
        self.others.insert(format!("{SIGNAL}{channel}"));
    }

    pub(super) fn append(&mut self, mut more: Self) {
        self.others.append(&mut more.others);
        for (channel, head) in more.heads {
            self.add_head(channel, head);
        }
    }

    pub(super) fn texts(&self) -> Vec<String> {
        let (mut texts, mut list) = (Vec::new(), String::new());
        for (channel, head) in &self.heads {
            let item = format!("{channel}:{head}");
            if !list.is_empty() && list.len() + item.len() >= MAX_BYTES {
                texts.push(std::mem::take(&mut list));
            }
            list = if list.is_empty() { item } else { format!("{list},{item}") };
        }
        texts.extend(Some(list).filter(|list| !list.is_empty()));
        texts.extend(self.others.iter().cloned());
        texts
    }
}

impl<'n> Notice<'n> {
    /// Reads a notification. A later version may send others: they name no channels.
    pub(super) fn parse(text: &'n str) -> Self {
        match text {
            REVOKED => return Self::Revoked,
            DUE_RUNS => return Self::DueRuns,
            _ => {}
        }
        if let Some(channel) = text.strip_prefix(SIGNAL) {
            return Self::Signal(channel);
        }
        if let Some(owner) = text.strip_prefix(BEAT).and_then(|owner| owner.parse().ok()) {
            return Self::Beat(owner);
        }
        let heads = text.split(',').filter_map(|item| {
            let (channel, head) = item.split_once(':')?;
            Some((channel.parse().ok()?, head.parse().ok()?))
        });
        Self::Heads(heads.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_are_read_as_they_were_written() {
        let mut notices = Notices::default();
        for (channel, head) in [(7, 3), (8, 1), (7, 2)] {
            notices.add_head(channel, head);
        }
        notices.add_due_runs();
        notices.add_signal("room:1,7:9");
        let texts = notices.texts();
        let parsed: Vec<_> = texts.iter().map(|text| Notice::parse(text)).collect();
        let heads = Notice::Heads(vec![(7, 3), (8, 1)]);
        assert_eq!(parsed, [heads, Notice::DueRuns, Notice::Signal("room:1,7:9")]);
        assert_eq!(Notice::parse("7:3,8:1,transaction"), Notice::Heads(vec![(7, 3), (8, 1)]));
        assert!(is_of_transaction("7:3,transaction") && !is_of_transaction("7:3"));
        assert_eq!(Notice::parse("revoked"), Notice::Revoked);
        assert_eq!(Notice::parse(&beat_notice(17)), Notice::Beat(17));
        for other in ["", "x", "9:x,:,10"] {
            assert_eq!(Notice::parse(other), Notice::Heads(Vec::new()), "{other:?}");
        }
    }

    #[test]
    fn many_heads_need_several_notices() {
        let heads: BTreeMap<i64, u64> = (0..5_000).map(|channel| (channel, 1 << 40)).collect();
        let mut notices = Notices::default();
        for (channel, head) in &heads {
            notices.add_head(*channel, *head);
        }
        let texts = notices.texts();
        let parsed = texts.iter().flat_map(|text| {
            assert!(text.len() < 8_000);
            if let Notice::Heads(heads) = Notice::parse(text) { heads } else { Vec::new() }
        });
        assert_eq!(parsed.collect::<BTreeMap<_, _>>(), heads);
    }
}

//! Compares what each subscriber received with what was published.

mod complete;
mod gaps;

use crate::log::{ChannelLog, Log, Message};
use crate::plan::History;
use std::fmt;

/// The counts of violations, and the first difference of each channel that has one.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Messages that subscribers received, in total.
    pub(crate) delivered: u64,
    /// Messages that a subscriber neither received nor was notified of by a gap.
    pub(crate) lost: u64,
    /// Messages that a subscriber received again.
    pub(crate) repeated: u64,
    /// Messages that a subscriber received after a later one.
    pub(crate) out_of_order: u64,
    /// Correct gaps.
    pub(crate) gaps: u64,
    /// Messages that these gaps cover.
    pub(crate) missed: u64,
    /// Gaps that were sent again, because the connection failed before a message followed.
    pub(crate) repeated_gaps: u64,
    /// Gaps that are wrong.
    pub(crate) wrong_gaps: u64,
    /// Messages that arrived twice and that the clients dropped.
    pub(crate) duplicates: u64,
    /// The first difference of each log that has one.
    pub(crate) differences: Vec<Difference>,
}

/// A difference between a log and what was published.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    pub(crate) subscriber: String,
    pub(crate) channel: String,
    /// The description, with ids.
    pub(crate) difference: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} on {}: {}", self.subscriber, self.channel, self.difference)
    }
}

/// Compares all logs with the published messages, which are in the order of the logs' channels.
pub(crate) fn judge(history: History, published: &[Vec<Message>], logs: &[Log]) -> Verdict {
    let mut verdict = Verdict::default();
    for (channel, messages) in published.iter().enumerate() {
        verdict.published_in_order(channel, messages);
    }
    for log in logs {
        verdict.duplicates += log.duplicates;
        // A cursor states exactly what a client has received, so a server must not repeat messages.
        let repeats = (log.duplicates > 0).then(|| format!("{} messages arrived twice", log.duplicates));
        verdict.differences.extend(log.violations.first().cloned().or(repeats).map(|difference| {
            Difference { subscriber: log.subscriber.clone(), channel: "its connection".into(), difference }
        }));
        for (channel, published) in log.channels.iter().zip(published) {
            let wanted: Vec<Message> =
                published.iter().filter(|message| channel.wants(message.topic)).copied().collect();
            let difference = match history {
                History::Wide | History::All => complete::compare(channel, &wanted, &mut verdict),
                History::Narrow => gaps::compare(channel, &wanted, &mut verdict),
            };
            verdict.add_difference(log, channel, difference);
        }
    }
    verdict
}

impl Verdict {
    /// Returns `true` if there is no difference.
    pub(crate) fn is_good(&self) -> bool {
        self.differences.is_empty()
    }

    fn add_difference(&mut self, log: &Log, channel: &ChannelLog, difference: Option<String>) {
        self.differences.extend(difference.map(|difference| Difference {
            subscriber: log.subscriber.clone(),
            channel: channel.channel.clone(),
            difference,
        }));
    }

    /// Checks that the server acknowledged messages with ascending, distinct ids.
    fn published_in_order(&mut self, channel: usize, messages: &[Message]) {
        let wrong = messages.windows(2).find(|pair| pair[0].id >= pair[1].id);
        self.differences.extend(wrong.map(|pair| Difference {
            subscriber: "the publisher".into(),
            channel: format!("channel {channel}"),
            difference: format!("{} was acknowledged before {}", pair[0], pair[1]),
        }));
    }
}

/// Formats an entry, or "nothing".
fn describe(entry: Option<impl fmt::Display>) -> String {
    entry.map_or_else(|| "nothing".into(), |entry| entry.to_string())
}

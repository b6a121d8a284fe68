//! Compares what each subscriber was told with what was published.

mod complete;
mod holes;

use crate::log::{ChannelLog, Log, Message};
use crate::plan::History;
use std::fmt;

/// What was wrong, counted, and the first difference of each channel that has one.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Messages that all subscribers together were told.
    pub(crate) delivered: u64,
    /// Messages that a subscriber was not told, and not told of either.
    pub(crate) lost: u64,
    /// Messages that a subscriber was told again.
    pub(crate) repeated: u64,
    /// Messages that a subscriber was told after a later one.
    pub(crate) out_of_order: u64,
    /// Holes that were covered by a gap.
    pub(crate) gaps: u64,
    /// Messages in these holes.
    pub(crate) missed: u64,
    /// Gaps that were told once more, as the connection broke before a message followed.
    pub(crate) gaps_told_again: u64,
    /// Gaps that are wrong.
    pub(crate) wrong_gaps: u64,
    /// Messages that came twice on the wire and that the rules for clients kept back.
    pub(crate) kept_back: u64,
    /// The first difference of each log that has one.
    pub(crate) differences: Vec<Difference>,
}

/// Where a log differs from what was published.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    /// Whose log.
    pub(crate) subscriber: String,
    /// Of which channel.
    pub(crate) channel: String,
    /// In words, with ids.
    pub(crate) difference: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} on {}: {}", self.subscriber, self.channel, self.difference)
    }
}

/// Judges all logs. What was published is a list a channel, in the order of the logs' channels.
pub(crate) fn judge(history: History, published: &[Vec<Message>], logs: &[Log]) -> Verdict {
    let mut verdict = Verdict::default();
    for (channel, messages) in published.iter().enumerate() {
        verdict.published_in_order(channel, messages);
    }
    for log in logs {
        verdict.kept_back += log.kept_back;
        // A cursor says exactly what a client has had, so a server has no reason to repeat it.
        let repeats = (log.kept_back > 0).then(|| format!("{} messages came twice", log.kept_back));
        verdict.differences.extend(log.complaints.first().cloned().or(repeats).map(|difference| {
            Difference { subscriber: log.subscriber.clone(), channel: "its connection".into(), difference }
        }));
        for (channel, published) in log.channels.iter().zip(published) {
            let wanted: Vec<Message> =
                published.iter().filter(|message| channel.wants(message.topic)).copied().collect();
            let difference = match history {
                History::Wide | History::All => complete::compare(channel, &wanted, &mut verdict),
                History::Narrow => holes::compare(channel, &wanted, &mut verdict),
            };
            verdict.differs(log, channel, difference);
        }
    }
    verdict
}

impl Verdict {
    /// Whether nothing is wrong.
    pub(crate) fn is_good(&self) -> bool {
        self.differences.is_empty()
    }

    fn differs(&mut self, log: &Log, channel: &ChannelLog, difference: Option<String>) {
        self.differences.extend(difference.map(|difference| Difference {
            subscriber: log.subscriber.clone(),
            channel: channel.channel.clone(),
            difference,
        }));
    }

    /// The server must not acknowledge one id twice, nor give ids that descend.
    fn published_in_order(&mut self, channel: usize, messages: &[Message]) {
        let wrong = messages.windows(2).find(|pair| pair[0].id >= pair[1].id);
        self.differences.extend(wrong.map(|pair| Difference {
            subscriber: "the publisher".into(),
            channel: format!("channel {channel}"),
            difference: format!("{} was acknowledged before {}", pair[0], pair[1]),
        }));
    }
}

/// What stands, or that nothing does.
fn shown(entry: Option<impl fmt::Display>) -> String {
    entry.map_or_else(|| "nothing".into(), |entry| entry.to_string())
}

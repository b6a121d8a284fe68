//! Compares logs of channels with a short history: messages may be missing, and exactly one gap must cover each range
//! of missing messages. Of the subscribed topics, exactly the messages between `after` and `before` are missing.

use super::{Verdict, describe};
use crate::log::{ChannelLog, Entry, Gap, Message};

/// Counts the violations and returns the first difference.
pub(super) fn compare(log: &ChannelLog, wanted: &[Message], verdict: &mut Verdict) -> Option<String> {
    let mut next = 0;
    let mut gaps: Vec<Gap> = Vec::new();
    let mut first = None;
    for entry in &log.entries {
        let message = match entry {
            Entry::Gap(gap) => {
                gaps.push(**gap);
                continue;
            }
            Entry::Message(message) => message,
        };
        verdict.delivered += 1;
        let Some(found) = wanted[next..].iter().position(|wanted| wanted == message) else {
            let again = wanted[..next].contains(message);
            *(if again { &mut verdict.repeated } else { &mut verdict.out_of_order }) += 1;
            let why = if again { "again or out of order" } else { "that was not published" };
            first = first.or_else(|| Some(format!("{message} {why}")));
            continue;
        };
        let missing_range = MissingRange { wanted, start: next, end: next + found };
        let wrong = missing_range.check(&std::mem::take(&mut gaps), verdict);
        first = first.or_else(|| wrong.map(|wrong| format!("before {message}: {wrong}")));
        next += found + 1;
    }
    let end = MissingRange { wanted, start: next, end: wanted.len() };
    let wrong = end.check(&gaps, verdict);
    first.or_else(|| wrong.map(|wrong| format!("at the end: {wrong}")))
}

/// The messages that are missing between two received messages. It may be empty.
struct MissingRange<'w> {
    wanted: &'w [Message],
    start: usize,
    end: usize,
}

impl MissingRange<'_> {
    fn check(&self, gaps: &[Gap], verdict: &mut Verdict) -> Option<String> {
        let missing = self.end - self.start;
        let Some(gap) = self.merged(gaps) else {
            verdict.lost += missing as u64;
            verdict.wrong_gaps += gaps.len() as u64;
            let (count, first) = (gaps.len(), describe(gaps.first()));
            return match (gaps, missing) {
                ([], 0) => None,
                ([], _) => {
                    Some(format!("{missing} messages are missing without a gap, from {}", self.first()))
                }
                _ => Some(format!("{count} gaps that are not contiguous, the first {first}")),
            };
        };
        let covered = self.wanted.partition_point(|message| message.id <= gap.after)
            ..self.wanted.partition_point(|message| message.id < gap.before);
        if missing > 0 && covered == (self.start..self.end) {
            verdict.gaps += 1;
            verdict.missed += missing as u64;
            verdict.repeated_gaps += gaps.len() as u64 - 1;
            return None;
        }
        verdict.wrong_gaps += 1;
        let uncovered = (self.start..self.end).filter(|index| !covered.contains(index)).count();
        verdict.lost += uncovered as u64;
        Some(format!(
            "the {gap} covers the messages {covered:?} of those expected, but {:?} are missing, from {}",
            self.start..self.end,
            self.first()
        ))
    }

    /// Merges gaps that were received without a message between them. A client that loses its connection after a gap
    /// resumes from its old cursor and receives the gap again, maybe a larger one. A client that receives no message of
    /// its topics after a gap may receive another gap, which starts where the first ends.
    fn merged(&self, gaps: &[Gap]) -> Option<Gap> {
        let mut gaps = gaps.iter().copied();
        let first = gaps.next()?;
        gaps.try_fold(first, |all, gap| {
            let again = gap.after == all.after && gap.before >= all.before;
            let (left, right) = (all.before.min(gap.after), all.before.max(gap.after));
            // No message may be covered by both or by neither.
            let continues = gap.after > all.after
                && !self.wanted.iter().any(|message| {
                    if gap.after < all.before {
                        message.id > left && message.id < right
                    } else {
                        message.id >= left && message.id <= right
                    }
                });
            (again || continues).then_some(Gap { after: all.after, before: gap.before })
        })
    }

    fn first(&self) -> String {
        describe(self.wanted.get(self.start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Id;

    fn id(number: u32) -> Id {
        Id::new(&format!("{number:03}")).unwrap()
    }

    fn message(number: u32) -> Message {
        Message { id: id(number), number, topic: 0 }
    }

    fn gap(after: u32, before: u32) -> Entry {
        Entry::Gap(Box::new(Gap { after: id(after), before: id(before) }))
    }

    /// The published messages are 10 to 100 in tens. Numbers in between are of other topics.
    fn judged(received: &[Entry]) -> (Verdict, Option<String>) {
        let mut log = ChannelLog::new("narrow:1".into(), [true, true]);
        log.entries = received.to_vec();
        let wanted: Vec<Message> = (1..=10).map(|ten| message(10 * ten)).collect();
        let mut verdict = Verdict::default();
        let difference = compare(&log, &wanted, &mut verdict);
        (verdict, difference)
    }

    fn messages(numbers: &[u32]) -> impl Iterator<Item = Entry> {
        numbers.iter().map(|number| Entry::Message(message(*number)))
    }

    fn around(gaps: &[Entry]) -> (Verdict, Option<String>) {
        let received =
            messages(&[10, 20]).chain(gaps.iter().cloned()).chain(messages(&[50, 60, 70, 80, 90, 100]));
        judged(&received.collect::<Vec<_>>())
    }

    #[test]
    fn a_gap_with_the_right_edges_covers_missing_messages() {
        for gaps in [
            vec![gap(20, 50)],
            vec![gap(25, 41)],
            vec![gap(20, 41), gap(20, 50)],
            vec![gap(20, 31), gap(35, 50)],
            vec![gap(20, 31), gap(30, 50)],
        ] {
            let (verdict, difference) = around(&gaps);
            assert_eq!(difference, None, "{gaps:?}");
            assert_eq!((verdict.gaps, verdict.missed, verdict.lost), (1, 2, 0));
            assert_eq!(verdict.repeated_gaps, gaps.len() as u64 - 1);
        }
    }

    #[test]
    fn a_gap_that_is_too_small_too_large_or_missing_is_wrong() {
        for gaps in [
            vec![],
            vec![gap(20, 40)],
            vec![gap(30, 50)],
            vec![gap(10, 50)],
            vec![gap(20, 51)],
            vec![gap(20, 30), gap(40, 50)],
            vec![gap(20, 50), gap(20, 41)],
        ] {
            let (verdict, difference) = around(&gaps);
            assert!(difference.is_some(), "{gaps:?}");
            assert!(verdict.lost + verdict.wrong_gaps > 0, "{gaps:?}");
        }
    }

    #[test]
    fn a_gap_without_missing_messages_is_wrong() {
        let received: Vec<Entry> = messages(&[10, 20])
            .chain([gap(20, 30)])
            .chain(messages(&[30, 40, 50, 60, 70, 80, 90, 100]))
            .collect();
        let (verdict, difference) = judged(&received);
        assert!(difference.is_some());
        assert_eq!((verdict.gaps, verdict.wrong_gaps), (0, 1));
    }

    #[test]
    fn a_repeated_message_is_not_a_missing_range() {
        let received: Vec<Entry> = messages(&[10, 20, 10, 30, 40, 50, 60, 70, 80, 90, 100]).collect();
        let (verdict, difference) = judged(&received);
        assert_eq!(difference.as_deref(), Some("message 010 number 10 on left again or out of order"));
        assert_eq!((verdict.repeated, verdict.lost), (1, 0));
    }
}

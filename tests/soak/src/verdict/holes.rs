//! Where history is narrow, messages may be missing, and each hole is covered by exactly one gap whose ids
//! are exactly its edges: of the subscribed topics, all that was published between `after` and `before`
//! is missing, and nothing else is.

use super::{Verdict, shown};
use crate::log::{ChannelLog, Entry, Gap, Message};

/// Counts what is wrong, and tells the first difference.
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
        let hole = Hole { wanted, start: next, end: next + found };
        let wrong = hole.check(&std::mem::take(&mut gaps), verdict);
        first = first.or_else(|| wrong.map(|wrong| format!("before {message}: {wrong}")));
        next += found + 1;
    }
    let end = Hole { wanted, start: next, end: wanted.len() };
    let wrong = end.check(&gaps, verdict);
    first.or_else(|| wrong.map(|wrong| format!("at the end: {wrong}")))
}

/// The messages that are missing between two that were told. There may be none.
struct Hole<'w> {
    wanted: &'w [Message],
    start: usize,
    end: usize,
}

impl Hole<'_> {
    fn check(&self, gaps: &[Gap], verdict: &mut Verdict) -> Option<String> {
        let missing = self.end - self.start;
        let Some(gap) = self.merged(gaps) else {
            verdict.lost += missing as u64;
            verdict.wrong_gaps += gaps.len() as u64;
            let (count, first) = (gaps.len(), shown(gaps.first()));
            return match (gaps, missing) {
                ([], 0) => None,
                ([], _) => {
                    Some(format!("{missing} messages are missing without a gap, from {}", self.first()))
                }
                _ => Some(format!("{count} gaps that do not continue each other, the first {first}")),
            };
        };
        let covered = self.wanted.partition_point(|message| message.id <= gap.after)
            ..self.wanted.partition_point(|message| message.id < gap.before);
        if missing > 0 && covered == (self.start..self.end) {
            verdict.gaps += 1;
            verdict.missed += missing as u64;
            verdict.gaps_told_again += gaps.len() as u64 - 1;
            return None;
        }
        verdict.wrong_gaps += 1;
        let uncovered = (self.start..self.end).filter(|index| !covered.contains(index)).count();
        verdict.lost += uncovered as u64;
        Some(format!(
            "the {gap} covers the messages {covered:?} of what is wanted, but {:?} are missing, from {}",
            self.start..self.end,
            self.first()
        ))
    }

    /// One gap of several that were told without a message between them. A client that is cut off after a
    /// gap resumes from where it was and is told of it again, maybe of a larger one; and one that was told
    /// of a gap and then of nothing that it wants is told of the next, which begins where the first ended.
    fn merged(&self, gaps: &[Gap]) -> Option<Gap> {
        let mut gaps = gaps.iter().copied();
        let first = gaps.next()?;
        gaps.try_fold(first, |all, gap| {
            let again = gap.after == all.after && gap.before >= all.before;
            let (left, right) = (all.before.min(gap.after), all.before.max(gap.after));
            // Neither told by both, nor by none of them.
            let goes_on = gap.after > all.after
                && !self.wanted.iter().any(|message| {
                    if gap.after < all.before {
                        message.id > left && message.id < right
                    } else {
                        message.id >= left && message.id <= right
                    }
                });
            (again || goes_on).then_some(Gap { after: all.after, before: gap.before })
        })
    }

    fn first(&self) -> String {
        shown(self.wanted.get(self.start))
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

    /// What was published are the numbers from 10 to 100 in tens. Numbers between are of other topics.
    fn judged(told: &[Entry]) -> (Verdict, Option<String>) {
        let mut log = ChannelLog::new("narrow:1".into(), [true, true]);
        log.entries = told.to_vec();
        let wanted: Vec<Message> = (1..=10).map(|ten| message(10 * ten)).collect();
        let mut verdict = Verdict::default();
        let difference = compare(&log, &wanted, &mut verdict);
        (verdict, difference)
    }

    fn messages(numbers: &[u32]) -> impl Iterator<Item = Entry> {
        numbers.iter().map(|number| Entry::Message(message(*number)))
    }

    fn around(gaps: &[Entry]) -> (Verdict, Option<String>) {
        let told =
            messages(&[10, 20]).chain(gaps.iter().cloned()).chain(messages(&[50, 60, 70, 80, 90, 100]));
        judged(&told.collect::<Vec<_>>())
    }

    #[test]
    fn a_gap_whose_edges_are_those_of_the_hole_covers_it() {
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
            assert_eq!(verdict.gaps_told_again, gaps.len() as u64 - 1);
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
    fn a_gap_without_a_hole_is_wrong() {
        let told: Vec<Entry> = messages(&[10, 20])
            .chain([gap(20, 30)])
            .chain(messages(&[30, 40, 50, 60, 70, 80, 90, 100]))
            .collect();
        let (verdict, difference) = judged(&told);
        assert!(difference.is_some());
        assert_eq!((verdict.gaps, verdict.wrong_gaps), (0, 1));
    }

    #[test]
    fn a_message_that_comes_again_is_no_hole() {
        let told: Vec<Entry> = messages(&[10, 20, 10, 30, 40, 50, 60, 70, 80, 90, 100]).collect();
        let (verdict, difference) = judged(&told);
        assert_eq!(difference.as_deref(), Some("message 010 number 10 on left again or out of order"));
        assert_eq!((verdict.repeated, verdict.lost), (1, 0));
    }
}

//! Compares logs of channels with a long history: no message may be lost, repeated or out of order, and no gap is
//! allowed.

use super::{Verdict, describe};
use crate::log::{ChannelLog, Entry, Id, Message};
use std::collections::HashSet;

/// Counts the violations and returns the first difference.
pub(super) fn compare(log: &ChannelLog, wanted: &[Message], verdict: &mut Verdict) -> Option<String> {
    let received = log.entries.iter().filter_map(|entry| match entry {
        Entry::Message(message) => Some(message),
        Entry::Gap(_) => None,
    });
    verdict.delivered += received.clone().count() as u64;
    let same = |(entry, wanted): (&Entry, &Message)| *entry == Entry::Message(*wanted);
    if log.entries.len() == wanted.len() && log.entries.iter().zip(wanted).all(same) {
        return None;
    }
    let mut seen: HashSet<Id> = HashSet::new();
    let mut last = None;
    for message in received {
        if !seen.insert(message.id) {
            verdict.repeated += 1;
        } else if last.is_some_and(|last| message.id < last) {
            verdict.out_of_order += 1;
        }
        last = last.max(Some(message.id));
    }
    verdict.lost += wanted.iter().filter(|message| !seen.contains(&message.id)).count() as u64;
    verdict.wrong_gaps += log.entries.iter().filter(|entry| matches!(entry, Entry::Gap(_))).count() as u64;
    let index = log.entries.iter().zip(wanted).take_while(|pair| same(*pair)).count();
    Some(format!(
        "entry {index} should be {} but is {}",
        describe(wanted.get(index)),
        describe(log.entries.get(index))
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u32) -> Message {
        Message { id: Id::new(&format!("{number:03}")).unwrap(), number, topic: 0 }
    }

    fn judged(received: &[u32]) -> (u64, u64, u64, bool) {
        let mut log = ChannelLog::new("wide:1".into(), [true, true]);
        log.entries = received.iter().map(|number| Entry::Message(message(*number))).collect();
        let wanted: Vec<Message> = (0..5).map(message).collect();
        let mut verdict = Verdict::default();
        let difference = compare(&log, &wanted, &mut verdict);
        (verdict.lost, verdict.repeated, verdict.out_of_order, difference.is_none())
    }

    #[test]
    fn lost_repeated_and_out_of_order_messages_are_distinguished() {
        assert_eq!(judged(&[0, 1, 2, 3, 4]), (0, 0, 0, true));
        assert_eq!(judged(&[0, 1, 3, 4]), (1, 0, 0, false));
        assert_eq!(judged(&[0, 1, 1, 2, 3, 4]), (0, 1, 0, false));
        assert_eq!(judged(&[0, 2, 1, 3, 4]), (0, 0, 1, false));
        assert_eq!(judged(&[0, 1, 2, 3]), (1, 0, 0, false));
        assert_eq!(judged(&[0, 1, 2, 3, 4, 5]), (0, 0, 0, false));
    }

    #[test]
    fn the_first_difference_names_ids() {
        let mut log = ChannelLog::new("wide:1".into(), [true, true]);
        log.entries = vec![Entry::Message(message(0)), Entry::Message(message(2))];
        let difference = compare(&log, &[message(0), message(1), message(2)], &mut Verdict::default());
        let expected = "entry 1 should be message 001 number 1 on left but is message 002 number 2 on left";
        assert_eq!(difference.as_deref(), Some(expected));
    }
}

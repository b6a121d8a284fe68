//! Rule (e): signals and the questions that they answer.

use std::collections::BTreeMap;

use super::Facts;
use crate::channels::SIGNALS;
use crate::file::Note;
use crate::observe::Sent;
use crate::settings::MAX_TURN;

impl Facts<'_> {
    /// Checks all signals. `clock` is how far the storage's clock is ahead of the simulation's, in milliseconds.
    pub(super) fn check_signals(&mut self, clock: u128) {
        let mut wrong = Vec::new();
        let mut stored: BTreeMap<String, &Note> = BTreeMap::new();
        // By the id of the signal.
        let mut answers: BTreeMap<i64, &Note> = BTreeMap::new();
        let mut answered: BTreeMap<(i64, &str, i64), &Note> = BTreeMap::new();
        for note in self.notes {
            if note.what == "sent" {
                let payload: String = serde_json::from_str(&note.a).unwrap_or_default();
                if note.branch == "kept" && note.c == "1" {
                    wrong.push(format!("(e) {payload} was kept for later although a question was open"));
                }
                if let Some(earlier) = stored.insert(payload, note) {
                    wrong.push(format!("(e) {earlier:?} is recorded again as {note:?}"));
                }
            } else if note.what == "answered" {
                let site = (note.row, note.branch.as_str(), note.position);
                if let Some(earlier) = answered.insert(site, note) {
                    wrong.push(format!("(e) a question has two answers: {earlier:?} and {note:?}"));
                }
                if let Some(earlier) = answers.insert(note.a.parse().unwrap_or(0), note) {
                    wrong.push(format!("(e) a signal answers two questions: {earlier:?} and {note:?}"));
                }
            }
        }
        for (payload, sent) in &self.observed.sent {
            let stored = stored.get(payload).copied();
            let answer = stored.and_then(|stored| answers.get(&stored.position)).copied();
            wrong.extend(self.check_signal(payload, sent, stored, answer));
            if let (Some(stored), Some(answer)) = (stored, answer)
                && stored.branch != "kept"
                && self.is_asked_later(sent, stored, answer, clock)
            {
                wrong.push(format!("(e) {payload} answers {answer:?}, which was asked later"));
            }
        }
        self.violations.append(&mut wrong);
    }

    /// Checks the answers that the senders of one signal received.
    fn check_signal(
        &self,
        payload: &str,
        sent: &Sent,
        stored: Option<&Note>,
        answer: Option<&Note>,
    ) -> Option<String> {
        let received = self.observed.received.get(payload);
        if received.is_some_and(|sites| sites.len() > 1) {
            return Some(format!("(e) {payload} was received more than once: {received:?}"));
        }
        if received.is_some() && answer.is_none() {
            return Some(format!("(e) {payload} was received, but answers no question"));
        }
        for (status, run) in &sent.answers {
            let Some(run) = run else { continue };
            let Some(stored) = stored.filter(|stored| self.runs[&stored.row].id == *run) else {
                return Some(format!("(e) {payload} was {status} for {run}, but is not recorded"));
            };
            if received.is_some_and(|sites| sites.iter().any(|(by, _)| by != run)) {
                return Some(format!("(e) {payload} was {status} for {run}, but {received:?} received it"));
            }
            if status != "accepted" {
                continue;
            }
            let Some(answer) = answer else {
                return Some(format!("(e) {payload} was accepted, but answers no question"));
            };
            if let Some(question) = &sent.question {
                let separator = if answer.branch.is_empty() { "" } else { "/" };
                let run = &self.runs[&stored.row].id;
                let answered = format!("{run}:{}{separator}{}", answer.branch, answer.position);
                if answered != *question {
                    return Some(format!("(e) {payload} was sent for {question}, but answers {answered}"));
                }
            }
            let has_completed = self.runs[&stored.row].state == "completed";
            if has_completed && received.is_none() && !self.is_dropped(answer) {
                return Some(format!("(e) {payload} was accepted, but not received: {answer:?}"));
            }
        }
        None
    }

    /// Returns `true` if a question was asked after a signal for an earlier question arrived.
    fn is_asked_later(&self, sent: &Sent, stored: &Note, answer: &Note, clock: u128) -> bool {
        let (since, at): (u128, u128) = (answer.b.parse().unwrap_or(0), stored.b.parse().unwrap_or(0));
        let name = SIGNALS[sent.signal];
        let before = self.notes.iter().take_while(|note| !std::ptr::eq(*note, stored));
        let names = |note: &Note| {
            let end: serde_json::Value = serde_json::from_str(&note.a).unwrap_or_default();
            end["names"].as_array().is_some_and(|names| names.iter().any(|known| known == name))
        };
        let mut closed =
            before.filter(|note| note.what == "call" && note.c == "wait" && note.row == stored.row);
        // Processes take turns, so their clocks differ by up to one turn, and a question may seem to be asked after the
        // signal was recorded. The library treats such a question as asked before.
        let turn = u128::from(MAX_TURN);
        let is_known = sent.answered.is_some_and(|answered| since + 2 * turn < answered + clock);
        is_known && since > at + turn && closed.any(names)
    }

    /// Returns `true` if the question is in a branch that a failure in another branch ended. Only such a branch may
    /// have an answer that it did not receive.
    fn is_dropped(&self, answer: &Note) -> bool {
        let mut branch = answer.branch.as_str();
        while !branch.is_empty() {
            let (around, fork) = branch.rsplit_once('/').unwrap_or(("", branch));
            let (position, index) = fork.split_once('.').unwrap_or((fork, ""));
            let mut decisions = self.notes.iter().filter(|note| {
                note.what == "call"
                    && note.row == answer.row
                    && note.branch == around
                    && note.position.to_string() == position
                    && matches!(note.c.as_str(), "join" | "map")
            });
            if decisions.any(|decision| decision.a != index) {
                return true;
            }
            branch = around;
        }
        false
    }
}

//! Compares the observations from outside with the file. Each violation starts with the letter of its rule:
//!
//! - (a) A call of a run always returns the same value, and its record never changes.
//! - (b) No run is halted or fails for misuse while its code is the same.
//! - (c) A step that has returned never executes its work again.
//! - (d) Every durable message is in the history once, in order. Offsets are contiguous. A text stream starts and ends
//!   once, and all readers have the same text.
//! - (e) A signal answers one question, a question takes one answer, and every accepted signal is received.
//! - (f) Every run ends and records nothing afterwards. A process that stops releases its runs.
//! - (g) Ended runs are deleted with all their data.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Counts;
use crate::file::{File, Message, Note};
use crate::observe::Observed;
use crate::plan::Node;
use crate::world::World;

mod messages;
mod signals;
mod streams;

type Plans = BTreeMap<String, Arc<Node>>;

/// Everything that is known once all runs have ended.
struct Facts<'f> {
    notes: &'f [Note],
    messages: &'f [Message],
    observed: &'f Observed,
    runs: BTreeMap<i64, RunState>,
    violations: Vec<String>,
}

/// A run, by its row.
#[derive(Default)]
struct RunState {
    id: String,
    state: String,
    outcome: String,
}

pub(crate) fn check(file: &File, world: &World, plans: &Plans, counts: &mut Counts) {
    let (notes, messages) = (file.notes(), file.messages());
    let mut state = world.state();
    let mut facts = Facts {
        notes: &notes,
        messages: &messages,
        observed: &state.observed,
        runs: BTreeMap::new(),
        violations: Vec::new(),
    };
    facts.check_runs();
    facts.check_calls();
    facts.check_messages(plans);
    facts.check_streams(plans);
    facts.check_signals(file.clock_offset());
    counts.runs += facts.runs.len();
    counts.signals += facts.observed.sent.len();
    counts.accepted += facts.notes.iter().filter(|note| note.what == "answered").count();
    let violations = facts.violations;
    counts.executions += usize::try_from(state.observed.executions).unwrap_or(0);
    counts.failed_commits += state.failed_commits;
    for note in &notes {
        state.trace(format_args!("{note:?}"));
    }
    for violation in violations {
        state.report_violation(violation);
    }
}

impl Facts<'_> {
    fn report_violation(&mut self, what: impl std::fmt::Display) {
        self.violations.push(what.to_string());
    }

    fn check_runs(&mut self) {
        for note in self.notes {
            let run = self.runs.entry(note.row).or_default();
            let has_ended = !matches!(run.state.as_str(), "" | "running" | "halted");
            match note.what.as_str() {
                "begun" => run.id.clone_from(&note.a),
                "state" => (run.state, run.outcome) = (note.a.clone(), note.b.clone()),
                _ => {}
            }
            if has_ended {
                let what = format!("(f) {} was {}, but recorded {note:?} later", run.id, run.state);
                self.report_violation(what);
            }
        }
        let mut wrong = Vec::new();
        for RunState { id, state, outcome } in self.runs.values() {
            let is_planned = ["planned", "took longer than its timeout", "the server's process ended"];
            let is_planned = is_planned.iter().any(|planned| outcome.contains(planned));
            match state.as_str() {
                "halted" => wrong.push(format!("(b) {id} is halted: {outcome}")),
                "failed" if !is_planned => wrong.push(format!("(b) {id} failed: {outcome}")),
                "completed" => {
                    let returned = self.observed.returned.get(&(id.clone(), String::new()));
                    let returned = returned.and_then(|(returned, _)| returned.strip_prefix("ok "));
                    let result: Option<String> = serde_json::from_str(outcome).ok();
                    if returned != result.as_deref() {
                        wrong.push(format!("(a) {id} completed with {result:?}, but returned {returned:?}"));
                    }
                }
                _ => {}
            }
            if self.observed.cancelled.contains(id) && state != "cancelled" {
                wrong.push(format!("(f) {id} was cancelled, but is {state}"));
            }
        }
        self.violations.append(&mut wrong);
    }

    /// Checks that the record of a call does not change.
    fn check_calls(&mut self) {
        let mut recorded: BTreeMap<(i64, &str, i64), (&str, &str)> = BTreeMap::new();
        let mut wrong = Vec::new();
        for note in self.notes.iter().filter(|note| note.what == "call") {
            let site = (note.row, note.branch.as_str(), note.position);
            let now = (note.a.as_str(), note.b.as_str());
            if let Some(before) = recorded.insert(site, now)
                && before != ("", "")
                && before != now
            {
                wrong.push(format!("(a) the record of call {site:?} changed from {before:?} to {now:?}"));
            }
        }
        self.violations.append(&mut wrong);
    }
}

/// Checks that a stopped process holds no runs, unless commits failed meanwhile.
pub(crate) fn check_stop(file: &File, world: &World, owner: i64, failed_commits: usize) {
    let held = file.count(&format!("SELECT count(*) FROM runs WHERE owner = {owner}"));
    let mut state = world.state();
    if held > 0 && state.failed_commits == failed_commits {
        state.report_violation(format_args!("(f) a process was stopped gracefully, but holds {held} runs"));
    }
}

/// Checks that no data of ended runs is left.
pub(crate) fn check_deleted(file: &File, world: &World) {
    for table in ["runs", "steps", "waits", "signals"] {
        let left = file.count(&format!("SELECT count(*) FROM {table}"));
        if left > 0 {
            world.report_violation(format_args!("(g) {left} {table} are left after all runs were deleted"));
        }
    }
}

/// Checks that no process is registered once all have stopped.
pub(crate) fn check_no_process_left(file: &File, world: &World) {
    let left = file.count("SELECT count(*) FROM processes");
    if left > 0 && world.state().conditions.detects_ended_processes {
        world.report_violation(format_args!("(f) {left} processes are left after all were stopped"));
    }
}

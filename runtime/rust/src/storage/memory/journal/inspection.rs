//! Listing the runs in memory, and their calls and signals.

use std::ops::Bound;

use super::MemoryJournal;
use super::state::{State, StoredRun};
use crate::storage::inspection::{
    CallRow, PageBudget, Rows, RunActivity, RunDetailsRow, RunQuery, RunRow, RunStateName, SignalRow,
};
use crate::storage::journal::questions::{distinct_names, unanswered};
use crate::storage::{CallKind, CallSite, Outcome, RunHandle};

impl MemoryJournal {
    /// Lists runs, the newest first.
    pub(in super::super) fn list_runs(&self, query: &RunQuery, now: i64) -> Rows<RunRow, i64> {
        let state = self.lock();
        let before = RunHandle(query.before.unwrap_or(i64::MAX));
        let runs: Box<dyn Iterator<Item = &RunHandle>> = match &query.channel {
            Some(channel) => {
                Box::new(state.channels.get(channel).into_iter().flat_map(|runs| runs.range(..before).rev()))
            }
            // Only running runs have an activity.
            None if query.activity.is_some() => Box::new(state.unfinished.range(..before).rev()),
            None => Box::new(state.runs.range(..before).rev().map(|(run, _)| run)),
        };
        let (mut rows, mut budget) = (Vec::new(), PageBudget::new(query.limit));
        for run in runs {
            let next = Some(run.0 + 1);
            if !budget.examine(1) {
                return Rows { rows, next };
            }
            let row = state.runs.get(run).map(|run| describe(run, now)).filter(|row| matches(row, query));
            if let Some(row) = row {
                if !budget.add(bytes(&row)) {
                    return Rows { rows, next };
                }
                rows.push(row);
            }
        }
        Rows { rows, next: None }
    }

    /// Returns a run with its input and its result.
    pub(in super::super) fn read_run(&self, run_id: &str, now: i64) -> Option<RunDetailsRow> {
        let state = self.lock();
        let run = find(&state, run_id)?;
        let result = run.outcome.clone().filter(|_| run.head.state == RunStateName::Completed);
        Some(RunDetailsRow { run: describe(run, now), input: run.input.clone(), result })
    }

    /// Lists the calls of a run, and its open questions, by branch and position.
    pub(in super::super) fn list_calls(
        &self,
        run_id: &str,
        after: Option<&CallSite>,
        limit: usize,
    ) -> Option<Rows<CallRow, CallSite>> {
        let state = self.lock();
        let run = find(&state, run_id)?;
        let range = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let recorded = run.calls.range::<CallSite, _>(range).map(|(site, call)| {
            let (value, error, due) = match call.outcome.clone() {
                Outcome::Value(value) => (Some(value), None, 0),
                Outcome::Error(error) => (None, Some(error), 0),
                Outcome::Begun { due, .. } => (None, None, due),
            };
            let (site, id, began) = (site.clone(), call.id.clone(), Some(call.began));
            let (kind, failures, ended) = (call.kind, call.failures, call.at);
            CallRow { site, kind, id, value, error, failures, due, began, ended, names: None }
        });
        let asked = run.questions.range::<CallSite, _>(range).map(|(site, open)| CallRow {
            site: site.clone(),
            kind: CallKind::Wait,
            id: open.id.clone(),
            value: None,
            error: None,
            failures: 0,
            due: open.closes_at,
            began: Some(open.asked_at),
            ended: 0,
            names: Some(open.question.names.clone()),
        });
        let mut calls: Vec<CallRow> = recorded.chain(asked).collect();
        calls.sort_by(|one, other| one.site.cmp(&other.site));
        let mut budget = PageBudget::new(limit);
        let fits = |call: &CallRow| {
            let texts = [&call.value, &call.error].into_iter().flatten().map(String::len).sum::<usize>();
            let names = call.names.iter().flatten().map(|name| name.len() + 3).sum::<usize>();
            budget.add(128 + call.id.len() + texts + names)
        };
        let kept = calls.iter().map(fits).take_while(|fits| *fits).count();
        let has_more = kept < calls.len();
        calls.truncate(kept);
        let next = calls.last().map(|call| call.site.clone()).filter(|_| has_more);
        Some(Rows { rows: calls, next })
    }

    /// Lists the signals of a run, the oldest first.
    pub(in super::super) fn list_signals(
        &self,
        run_id: &str,
        after: i64,
        limit: usize,
    ) -> Option<Rows<SignalRow, i64>> {
        let state = self.lock();
        let run = find(&state, run_id)?;
        let (mut rows, mut budget, mut last) = (Vec::new(), PageBudget::new(limit), after);
        for number in run.signals.range((Bound::Excluded(after), Bound::Unbounded)) {
            let Some(stored) = state.signals.get(number) else { continue };
            let signal = stored.answer.clone();
            if !budget.add(128 + signal.name.len() + signal.payload.len()) {
                return Some(Rows { rows, next: Some(last) });
            }
            last = *number;
            rows.push(SignalRow { signal, status: stored.state.name().to_owned() });
        }
        Some(Rows { rows, next: None })
    }
}

fn find<'s>(state: &'s State, run_id: &str) -> Option<&'s StoredRun> {
    state.by_id.get(run_id).and_then(|run| state.runs.get(run))
}

fn matches(row: &RunRow, query: &RunQuery) -> bool {
    let created = row.created.unwrap_or(0);
    query.job.as_ref().is_none_or(|job| *job == row.job)
        && (query.states.is_empty() || query.states.contains(&row.state))
        && (query.activity.is_none() || query.activity == row.activity)
        && query.created_after.is_none_or(|after| created >= after)
        && query.created_before.is_none_or(|before| created < before)
}

fn bytes(run: &RunRow) -> usize {
    let names: usize = run.waiting_for.iter().map(|name| name.len() + 3).sum();
    let error = run.error.as_ref().map_or(0, String::len);
    256 + run.run_id.len() + run.job.len() + run.channel.len() + names + error
}

fn describe(run: &StoredRun, now: i64) -> RunRow {
    let head = &run.head;
    let waiting_for = if head.has_ended() {
        Vec::new()
    } else {
        let mut open: Vec<_> = run.questions.values().cloned().collect();
        open.sort_by(|one, other| one.order().cmp(&other.order()));
        distinct_names(unanswered(open))
    };
    let mut calls = run.calls.values();
    let is_retrying = |outcome: &Outcome| matches!(outcome, Outcome::Begun { due, .. } if *due > now);
    let activity = if head.state != RunStateName::Running {
        None
    } else if head.owner.is_some() && head.lease >= now {
        Some(RunActivity::Executing)
    } else if head.due <= now {
        Some(RunActivity::Due)
    } else if !waiting_for.is_empty() {
        Some(RunActivity::Waiting)
    } else if head.failures > 0 || calls.any(|call| is_retrying(&call.outcome)) {
        Some(RunActivity::Retrying)
    } else {
        Some(RunActivity::Sleeping)
    };
    let has_error = matches!(head.state, RunStateName::Halted | RunStateName::Failed);
    RunRow {
        number: head.run.0,
        run_id: head.run_id.clone(),
        job: run.job.clone(),
        channel: head.channel.clone(),
        state: head.state,
        activity,
        waiting_for,
        due: activity.filter(|activity| *activity != RunActivity::Executing).map(|_| head.due),
        failures: head.failures,
        error: run.outcome.clone().filter(|_| has_error),
        created: Some(run.created),
        changed: head.changed,
        origin: head.origin.clone().map(|origin| (origin.run_id, origin.call)),
    }
}

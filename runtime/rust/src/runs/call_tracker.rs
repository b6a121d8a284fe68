//! The calls of one execution of a run, matched against what its journal holds.
//!
//! A run that continues is executed from its beginning. Each branch must make the same calls in the same order as
//! before, with the same ids; otherwise its code has changed. The rules in [`CallTracker::begin`] ensure that this
//! order does not depend on timing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::SystemTime;

use crate::storage::{CallKind, CallSite, Outcome, RecordedCall};

/// The recorded calls of a run, and how far this execution has come.
#[derive(Default)]
pub(super) struct CallTracker {
    recorded: HashMap<String, BTreeMap<u32, RecordedCall>>,
    /// Recorded calls that this execution has not made again yet.
    left: BTreeSet<CallSite>,
    /// The forks that have branches in the journal.
    forks: HashSet<CallSite>,
    /// The branches being executed.
    branches: HashMap<String, Branch>,
    /// The number of polls of the job.
    turn: u64,
}

#[derive(Default)]
struct Branch {
    next: u32,
    /// The calls that have begun and not returned.
    pending: Vec<Pending>,
    group: Group,
    /// A call that was dropped before it returned.
    dropped: Option<String>,
}

/// The calls of a branch that began in the same poll, before any of them returned. The latest group counts.
#[derive(Default)]
struct Group {
    /// The position of the first call.
    first: u32,
    /// The poll in which they began.
    turn: u64,
    /// Whether a call has returned since.
    has_returned: bool,
}

struct Pending {
    position: u32,
    /// The first call of its group.
    began_with: u32,
    kind: CallKind,
    id: String,
    /// The call was recorded before this execution, so it returns at a point that does not depend on timing.
    is_recorded: bool,
    activity: Activity,
}

impl Pending {
    fn label(&self) -> String {
        label(self.kind, &self.id)
    }
}

/// The activity of a pending call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    Working,
    /// It waits, at most until this time.
    Waiting(SystemTime),
    /// Its branches are executed.
    Forked,
}

/// Why a call cannot begin, or a branch cannot end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The code differs from the code that recorded the journal.
    Changed(String),
    /// The job makes calls in a way that cannot be replayed.
    Misuse(String),
}

impl CallTracker {
    pub(super) fn new(calls: Vec<RecordedCall>) -> Self {
        let mut tracker = Self::default();
        tracker.open(String::new());
        for call in calls {
            let around = std::iter::successors(call.site.fork(), CallSite::fork);
            tracker.forks.extend(around);
            if call.outcome.is_final() {
                tracker.left.insert(call.site.clone());
            }
            let branch = tracker.recorded.entry(call.site.branch.clone()).or_default();
            branch.insert(call.site.position, call);
        }
        tracker
    }

    pub(super) fn open(&mut self, branch: String) {
        self.branches.insert(branch, Branch::default());
    }

    /// Removes a branch and the branches inside it. Their pending calls may be dropped, and their recorded calls
    /// need not be made again.
    pub(super) fn close(&mut self, branch: &str) {
        self.branches.retain(|other, _| !is_inside(branch, other));
        let left: Vec<CallSite> = self.left_in(branch).cloned().collect();
        for site in left {
            self.left.remove(&site);
        }
    }

    /// Returns whether a branch has recorded calls that it has not made again yet.
    pub(super) fn is_behind(&self, branch: &str) -> bool {
        self.left_in(branch).next().is_some()
    }

    /// Returns the recorded calls left in a branch and the branches inside it. They are adjacent in the set,
    /// because a slash sorts before any digit.
    fn left_in(&self, branch: &str) -> impl Iterator<Item = &CallSite> {
        let first = CallSite { branch: branch.to_owned(), position: 0 };
        self.left.range(first..).take_while(move |site| is_inside(branch, &site.branch))
    }

    /// Begins a turn. Call this before the job is polled.
    pub(super) fn begin_turn(&mut self) {
        self.turn += 1;
    }

    /// Begins the next call of a branch, and returns its site and its recorded outcome.
    ///
    /// Two rules keep the order of calls independent of timing. A call that was dropped before it returned (by
    /// `select!` or `tokio::time::timeout`) ends its branch, because nothing records which future finished first. And while a call
    /// is pending, another may begin only in the same poll, as with the calls of a `join!`.
    pub(super) fn begin(
        &mut self,
        branch: &str,
        kind: CallKind,
        id: &str,
    ) -> Result<(CallSite, Option<Outcome>), Refusal> {
        let turn = self.turn;
        let label = || label(kind, id);
        let Some(state) = self.branches.get_mut(branch) else {
            return Err(Refusal::Misuse(format!(
                "{} was called on a branch of the run that has ended",
                label()
            )));
        };
        if let Some(dropped) = &state.dropped {
            return Err(Refusal::Misuse(dropped_call_message(dropped, &format!("{} began", label()))));
        }
        if let Some(other) = state.pending.iter().find(|pending| !pending.is_recorded)
            && (state.group.turn != turn || state.group.has_returned)
        {
            return Err(Refusal::Misuse(format!(
                "{} began while {} was pending, and their order is not recorded: use `run.join`, `run.race`, \
                 `run.timeout` or `run.map` to make calls at the same time, and make no calls inside a step",
                label(),
                other.label()
            )));
        }
        let site = CallSite { branch: branch.to_owned(), position: state.next };
        let outcome = self.find(&site, kind, id)?;
        self.left.remove(&site);
        let state = self.branches.get_mut(branch).unwrap_or_else(|| unreachable!("the branch exists"));
        state.next += 1;
        if state.pending.is_empty() || state.group.turn != turn || state.group.has_returned {
            state.group = Group { first: site.position, turn, has_returned: false };
        }
        let is_recorded = outcome.as_ref().is_some_and(Outcome::is_final);
        state.pending.push(Pending {
            position: site.position,
            began_with: state.group.first,
            kind,
            id: id.to_owned(),
            is_recorded,
            activity: Activity::Working,
        });
        Ok((site, outcome))
    }

    /// Returns the first call that a pending call began together with, as in `CallStart::began_with`.
    pub(super) fn began_with(&self, site: &CallSite) -> String {
        let pending = self.branches.get(&site.branch).map_or(&[][..], |branch| &branch.pending);
        let pending = pending.iter().find(|pending| pending.position == site.position);
        let own = pending.map_or(site.position, |pending| pending.began_with);
        site.fork().map_or_else(|| own.to_string(), |fork| format!("{}/{own}", self.began_with(&fork)))
    }

    /// Returns what is recorded for a call.
    fn find(&self, site: &CallSite, kind: CallKind, id: &str) -> Result<Option<Outcome>, Refusal> {
        let recorded = self.recorded.get(&site.branch).and_then(|branch| branch.get(&site.position));
        let was = match recorded {
            Some(call) if call.kind == kind && call.id == id => return Ok(Some(call.outcome.clone())),
            Some(call) => label(call.kind, &call.id),
            None if self.forks.contains(site) && !kind.is_fork() => "a fork".into(),
            None => return Ok(None),
        };
        let now = label(kind, id);
        Err(Refusal::Changed(format!(
            "call {site} of the run is {now} but was recorded as {was}: the code has changed. Restore the earlier code \
             to continue the run, or cancel it"
        )))
    }

    /// Returns whether the next call is the version marker `id`: it is recorded there, or nothing is recorded
    /// there.
    pub(super) fn is_next_version(&self, branch: &str, id: &str) -> bool {
        match self.next_recorded(branch) {
            Some(call) => call.kind == CallKind::Version && call.id == id,
            None => !self.forks.contains(&self.next_site(branch)),
        }
    }

    /// Returns the next recorded call of a branch.
    pub(super) fn next_recorded(&self, branch: &str) -> Option<&RecordedCall> {
        self.recorded.get(branch)?.get(&self.next_site(branch).position)
    }

    fn next_site(&self, branch: &str) -> CallSite {
        let position = self.branches.get(branch).map_or(0, |branch| branch.next);
        CallSite { branch: branch.to_owned(), position }
    }

    pub(super) fn set_activity(&mut self, site: &CallSite, activity: Activity) {
        if let Some(pending) = self.pending(site) {
            pending.activity = activity;
        }
    }

    /// Returns the pending calls in the branches that `is_meant` selects.
    pub(super) fn pending_in(&self, is_meant: impl Fn(&str) -> bool) -> Vec<CallSite> {
        let branches = self.branches.iter().filter(|(branch, _)| is_meant(branch));
        let sites = branches.flat_map(|(branch, state)| {
            let site = |pending: &Pending| CallSite { branch: branch.clone(), position: pending.position };
            state.pending.iter().map(site)
        });
        sites.collect()
    }

    fn pending(&mut self, site: &CallSite) -> Option<&mut Pending> {
        let branch = self.branches.get_mut(&site.branch)?;
        branch.pending.iter_mut().find(|pending| pending.position == site.position)
    }

    pub(super) fn finish(&mut self, site: &CallSite) {
        if let Some(branch) = self.branches.get_mut(&site.branch) {
            branch.pending.retain(|pending| pending.position != site.position);
            branch.group.has_returned = true;
        }
    }

    /// Notes that a call was dropped before it returned.
    pub(super) fn drop_unfinished(&mut self, site: &CallSite) {
        let Some(branch) = self.branches.get_mut(&site.branch) else { return };
        let Some(at) = branch.pending.iter().position(|pending| pending.position == site.position) else {
            return;
        };
        let pending = branch.pending.remove(at);
        branch.dropped.get_or_insert_with(|| pending.label());
    }

    /// Returns when the run is due again, if all its branches wait.
    pub(super) fn due(&self) -> Option<SystemTime> {
        let mut due = None;
        for branch in self.branches.values() {
            if branch.pending.is_empty() {
                return None;
            }
            for pending in &branch.pending {
                match pending.activity {
                    Activity::Working => return None,
                    Activity::Waiting(until) => {
                        due = Some(due.map_or(until, |due: SystemTime| due.min(until)))
                    }
                    Activity::Forked => {}
                }
            }
        }
        due
    }

    /// Returns the pending calls that do not wait.
    pub(super) fn working(&self) -> Vec<String> {
        let pending = self.branches.values().flat_map(|branch| &branch.pending);
        let working = pending.filter(|pending| pending.activity == Activity::Working);
        working.map(Pending::label).collect()
    }

    /// Checks that a branch made all its recorded calls, and that its outcome does not depend on a dropped call.
    pub(super) fn end(&self, branch: &str, is_ok: bool) -> Result<(), Refusal> {
        let Some(state) = self.branches.get(branch) else { return Ok(()) };
        if !is_ok {
            return Ok(());
        }
        if let Some(dropped) = &state.dropped {
            return Err(Refusal::Misuse(dropped_call_message(dropped, "the job continued")));
        }
        let recorded = self.recorded.get(branch).and_then(|calls| calls.range(state.next..).next());
        let left = recorded.map(|(_, call)| label(call.kind, &call.id)).or_else(|| {
            let fork = self.forks.iter().find(|fork| fork.branch == branch && fork.position >= state.next);
            fork.map(|_| "fork".into())
        });
        left.map_or(Ok(()), |left| {
            Err(Refusal::Changed(format!("the run ended without its recorded {left}: the code has changed")))
        })
    }
}

fn is_inside(branch: &str, other: &str) -> bool {
    other.strip_prefix(branch).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

pub(super) fn label(kind: CallKind, id: &str) -> String {
    let method = method_name(kind);
    if id.is_empty() { method.into() } else { format!("{method} {id:?}") }
}

/// Returns the method of [`Run`](super::Run) that makes calls of a kind. The journal has other names for some of them.
pub(super) fn method_name(kind: CallKind) -> &'static str {
    match kind {
        CallKind::Race => "race",
        CallKind::Timeout => "timeout",
        kind => kind.name(),
    }
}

fn dropped_call_message(dropped: &str, then: &str) -> String {
    format!(
        "{dropped} was dropped before it returned, and {then}: the outcome of that race is not recorded, so the run could \
         not be replayed. Use `run.race` in place of `select!`, `run.timeout` in place of `tokio::time::timeout`, and `run.join` \
         in place of `try_join!`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded_call(branch: &str, position: u32, kind: CallKind, id: &str) -> RecordedCall {
        let site = CallSite { branch: branch.into(), position };
        RecordedCall { site, kind, id: id.into(), outcome: Outcome::Value("1".into()) }
    }

    fn call(calls: &mut CallTracker, branch: &str, kind: CallKind, id: &str) -> bool {
        calls.begin_turn();
        let (site, outcome) = calls.begin(branch, kind, id).unwrap();
        calls.finish(&site);
        outcome.is_some()
    }

    #[test]
    fn a_run_finds_its_recorded_calls_whatever_their_ids() {
        let recorded = vec![
            recorded_call("", 0, CallKind::Step, "a"),
            recorded_call("", 1, CallKind::Step, "a"),
            recorded_call("", 2, CallKind::Step, "a#2"),
            recorded_call("", 4, CallKind::Sleep, "c"),
            recorded_call("5.1", 0, CallKind::Step, "a"),
        ];
        let mut calls = CallTracker::new(recorded);
        assert!(call(&mut calls, "", CallKind::Step, "a"));
        assert!(call(&mut calls, "", CallKind::Step, "a"));
        assert!(call(&mut calls, "", CallKind::Step, "a#2"));
        assert!(!call(&mut calls, "", CallKind::Publish, "b"), "of two at once, one was recorded");
        assert!(call(&mut calls, "", CallKind::Sleep, "c"));
        calls.begin_turn();
        let (fork, outcome) = calls.begin("", CallKind::Join, "").unwrap();
        assert!(outcome.is_none());
        calls.set_activity(&fork, Activity::Forked);
        for (index, recorded) in [(0, false), (1, true)] {
            calls.open(fork.child(index));
            assert_eq!(call(&mut calls, &fork.child(index), CallKind::Step, "a"), recorded);
            assert!(calls.end(&fork.child(index), true).is_ok());
        }
        assert_eq!(calls.pending_in(str::is_empty), std::slice::from_ref(&fork));
        calls.finish(&fork);
        assert!(calls.end("", true).is_ok());
    }

    #[test]
    fn an_error_about_changed_code_names_both_calls() {
        let recorded = || {
            vec![
                recorded_call("", 0, CallKind::Step, "fetch"),
                recorded_call("1.0", 0, CallKind::Publish, "tell"),
            ]
        };
        let changed = |calls: &mut CallTracker, kind, id| match calls.begin("", kind, id) {
            Err(Refusal::Changed(why)) => why,
            other => panic!("expected a change, got {other:?}"),
        };
        let renamed = changed(&mut CallTracker::new(recorded()), CallKind::Step, "load");
        assert!(
            renamed.contains("step \"load\"") && renamed.contains("was recorded as step \"fetch\""),
            "{renamed}"
        );
        let of_another_kind = changed(&mut CallTracker::new(recorded()), CallKind::Sleep, "fetch");
        assert!(of_another_kind.contains("is sleep \"fetch\""), "{of_another_kind}");
        let mut calls = CallTracker::new(recorded());
        call(&mut calls, "", CallKind::Step, "fetch");
        assert!(changed(&mut calls, CallKind::Step, "tell").contains("was recorded as a fork"));
        let Err(Refusal::Changed(why)) = calls.end("", true) else { panic!("the fork is left") };
        assert!(why.contains("without its recorded fork"), "{why}");
    }

    #[test]
    fn concurrent_calls_must_begin_in_one_poll() {
        let mut calls = CallTracker::new(Vec::new());
        calls.begin_turn();
        let (first, _) = calls.begin("", CallKind::Step, "a").unwrap();
        let (second, _) = calls.begin("", CallKind::Step, "b").unwrap();
        calls.begin_turn();
        calls.finish(&second);
        let Err(Refusal::Misuse(why)) = calls.begin("", CallKind::Step, "c") else { panic!("it overlaps") };
        assert!(
            why.contains("step \"c\" began while step \"a\" was pending") && why.contains("run.join"),
            "{why}"
        );
        calls.finish(&first);
        assert!(calls.begin("", CallKind::Step, "c").is_ok());
    }

    #[test]
    fn calls_that_begin_in_one_poll_begin_together_whether_they_are_recorded_or_not() {
        for recorded in 0..=3 {
            let calls = (0..recorded).map(|position| recorded_call("", position, CallKind::Step, "a"));
            let mut calls = CallTracker::new(calls.collect());
            calls.begin_turn();
            let begin = |calls: &mut CallTracker| calls.begin("", CallKind::Step, "a").unwrap().0;
            let first = [begin(&mut calls), begin(&mut calls)];
            assert_eq!(first.each_ref().map(|site| calls.began_with(site)), ["0", "0"], "{recorded}");
            calls.begin_turn();
            calls.finish(&first[0]);
            if recorded < 2 {
                calls.finish(&first[1]);
            }
            let second = [begin(&mut calls), calls.begin("", CallKind::Join, "").unwrap().0];
            assert_eq!(second.each_ref().map(|site| calls.began_with(site)), ["2", "2"], "{recorded}");
            calls.open(second[1].child(1));
            let (inner, _) = calls.begin(&second[1].child(1), CallKind::Step, "a").unwrap();
            assert_eq!(calls.began_with(&inner), "2/0");
        }
    }

    #[test]
    fn a_dropped_call_ends_its_branch_unless_the_branch_fails() {
        let mut calls = CallTracker::new(Vec::new());
        calls.begin_turn();
        let (first, _) = calls.begin("", CallKind::Sleep, "a").unwrap();
        calls.drop_unfinished(&first);
        assert!(calls.end("", false).is_ok());
        let Err(Refusal::Misuse(why)) = calls.end("", true) else { panic!("it was dropped") };
        assert!(why.contains("sleep \"a\" was dropped") && why.contains("run.race"), "{why}");
        assert!(matches!(calls.begin("", CallKind::Step, "b"), Err(Refusal::Misuse(_))));
    }

    #[test]
    fn a_branch_is_behind_until_it_has_made_its_recorded_calls() {
        let recorded = ["0.1", "0.1/0.0", "0.10"]
            .map(|branch| recorded_call(branch, 0, CallKind::Step, "a"))
            .into_iter()
            .collect();
        let mut calls = CallTracker::new(recorded);
        let behind = |calls: &CallTracker| ["0.0", "0.1", "0.10"].map(|branch| calls.is_behind(branch));
        assert_eq!(behind(&calls), [false, true, true]);
        calls.open("0.1".into());
        assert!(call(&mut calls, "0.1", CallKind::Step, "a"));
        assert_eq!(behind(&calls), [false, true, true], "a branch of it is left");
        calls.close("0.1/0.0");
        assert_eq!(behind(&calls), [false, false, true]);
        calls.close("0.10");
        assert_eq!(behind(&calls), [false, false, false]);
    }

    #[test]
    fn a_run_is_idle_once_every_branch_waits() {
        let soon = SystemTime::UNIX_EPOCH;
        let mut calls = CallTracker::new(Vec::new());
        assert_eq!(calls.due(), None, "its code is executed");
        calls.begin_turn();
        let (fork, _) = calls.begin("", CallKind::Race, "").unwrap();
        calls.set_activity(&fork, Activity::Forked);
        let sites: Vec<_> = (0..2)
            .map(|index| {
                calls.open(fork.child(index));
                calls.begin(&fork.child(index), CallKind::Wait, "w").unwrap().0
            })
            .collect();
        calls.set_activity(&sites[0], Activity::Waiting(soon));
        assert_eq!(calls.due(), None, "the other works");
        calls.set_activity(&sites[1], Activity::Waiting(soon + std::time::Duration::from_secs(1)));
        assert_eq!(calls.due(), Some(soon));
    }
}

//! Runs checks in several lanes at once: tests that wait for a browser or a timer overlap with those that compile.

use super::checks::Check;
use crate::failure::{Failure, Result};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Passed,
    Failed,
}

/// Runs each check with `run`, several at once. Lanes prefer checks that are listed first.
///
/// Returns the failures in the order in which the checks are listed. A check that needs a failed one is not run.
pub(super) fn run_all(
    checks: &[&Check],
    lanes: usize,
    run: impl Fn(&Check) -> Result + Sync,
) -> Vec<(&'static str, Failure)> {
    let board = Board {
        checks,
        states: Mutex::new(vec![State::Waiting; checks.len()]),
        changed: Condvar::new(),
        failures: Mutex::new(Vec::new()),
    };
    thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                while let Some(index) = board.next() {
                    board.finish(index, run(checks[index]));
                }
            });
        }
    });
    let mut failures = board.failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    failures.sort_by_key(|(index, _)| *index);
    failures.into_iter().map(|(index, failure)| (checks[index].title, failure)).collect()
}

/// The state of all checks, which the lanes share.
struct Board<'c> {
    checks: &'c [&'c Check],
    states: Mutex<Vec<State>>,
    /// Notified whenever a check ends.
    changed: Condvar,
    failures: Mutex<Vec<(usize, Failure)>>,
}

impl Board<'_> {
    /// Waits until a check can start and returns its index, or `None` once none is left.
    fn next(&self) -> Option<usize> {
        let mut states = lock(&self.states);
        loop {
            self.drop_blocked(&mut states);
            if let Some(index) = (0..states.len()).find(|index| self.can_start(*index, &states)) {
                states[index] = State::Running;
                return Some(index);
            }
            if !states.contains(&State::Waiting) {
                return None;
            }
            states = self.changed.wait(states).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn can_start(&self, index: usize, states: &[State]) -> bool {
        let check = self.checks[index];
        let is_compiling = || {
            self.checks.iter().zip(states).any(|(other, state)| other.compiles && *state == State::Running)
        };
        states[index] == State::Waiting
            && self.needed(check).all(|needed| states[needed] == State::Passed)
            && !(check.compiles && is_compiling())
    }

    /// Fails the checks that need a failed one, and in turn those that need them, which are listed after them.
    fn drop_blocked(&self, states: &mut [State]) {
        for (index, check) in self.checks.iter().enumerate() {
            let failed = self.needed(check).find(|needed| states[*needed] == State::Failed);
            if let (State::Waiting, Some(failed)) = (states[index], failed) {
                states[index] = State::Failed;
                let reason = format!("not run, because it needs \"{}\"", self.checks[failed].title);
                lock(&self.failures).push((index, Failure::new(reason)));
            }
        }
    }

    fn finish(&self, index: usize, result: Result) {
        lock(&self.states)[index] = if result.is_ok() { State::Passed } else { State::Failed };
        if let Err(failure) = result {
            lock(&self.failures).push((index, failure));
        }
        self.changed.notify_all();
    }

    /// Returns the indices of the checks that a check needs.
    fn needed(&self, check: &Check) -> impl Iterator<Item = usize> {
        check.needs.iter().filter_map(|title| self.checks.iter().position(|other| other.title == *title))
    }
}

/// A lane that panicked has failed the run already.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::checks::Work;
    use super::*;
    use std::time::{Duration, Instant};

    fn check(title: &'static str, needs: &'static [&'static str], compiles: bool) -> Check {
        Check { title, needs, compiles, work: Work::Call(|| Ok(())) }
    }

    /// Runs checks of which one fails, and returns when each began and ended, and the titles of the failures. With several
    /// lanes, "a" waits until "d" has begun.
    fn run(checks: &[Check], lanes: usize, failing: &str) -> (Vec<String>, Vec<&'static str>) {
        let events = Mutex::new(Vec::new());
        let failures = run_all(&checks.iter().collect::<Vec<_>>(), lanes, |check| {
            lock(&events).push(format!("+{}", check.title));
            let is_waiting = || lanes > 1 && check.title == "a" && !lock(&events).contains(&"+d".to_owned());
            let since = Instant::now();
            while is_waiting() && since.elapsed() < Duration::from_secs(20) {
                thread::sleep(Duration::from_millis(5));
            }
            lock(&events).push(format!("-{}", check.title));
            if check.title == failing { Err(Failure::new("failed")) } else { Ok(()) }
        });
        let failed = failures.iter().map(|(title, _)| *title).collect();
        (events.into_inner().unwrap(), failed)
    }

    #[test]
    fn one_lane_runs_all_checks_in_their_order() {
        let checks = [check("a", &[], true), check("b", &["a"], true), check("c", &[], false)];
        assert_eq!(run(&checks, 1, "").0, ["+a", "-a", "+b", "-b", "+c", "-c"]);
    }

    #[test]
    fn lanes_overlap_except_while_two_checks_would_compile_or_one_needs_another() {
        let checks =
            [check("a", &[], true), check("b", &[], true), check("c", &["a"], false), check("d", &[], false)];
        let (events, failed) = run(&checks, 3, "");
        let at = |event: &str| events.iter().position(|seen| seen == event).unwrap();
        assert!(at("+d") < at("-a"), "{events:?}");
        assert!(at("-a") < at("+b") && at("-a") < at("+c"), "{events:?}");
        assert_eq!((events.len(), failed.len()), (8, 0));
    }

    #[test]
    fn checks_that_need_a_failed_one_are_not_run() {
        let checks = [
            check("a", &[], false),
            check("b", &["a"], false),
            check("c", &["b"], true),
            check("d", &[], true),
        ];
        let (events, failed) = run(&checks, 3, "a");
        assert_eq!(failed, ["a", "b", "c"]);
        assert_eq!(events.len(), 4, "{events:?}");
    }
}

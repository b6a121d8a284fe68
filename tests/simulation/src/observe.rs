//! The reports of jobs and senders. They are outside of the simulated processes, so they survive kills.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fanfare::RunError;

use crate::file;
use crate::plan::Attempts;
use crate::world::World;

/// Everything that was reported.
#[derive(Default)]
pub(crate) struct Observed {
    pub(crate) executions: u64,
    /// The value that each call returned, and the execution that returned it, by run and call site.
    pub(crate) returned: BTreeMap<(String, String), (String, u64)>,
    /// The ids of messages published with `hub.publish`, by payload.
    pub(crate) hub_published: BTreeMap<String, String>,
    /// The signals sent, by payload.
    pub(crate) sent: BTreeMap<String, Sent>,
    /// The runs and call sites that received each signal, by the signal's payload.
    pub(crate) received: BTreeMap<String, BTreeSet<(String, String)>>,
    /// The ids of durably published messages, by run and call site.
    pub(crate) published: BTreeMap<(String, String), String>,
    /// Runs whose cancellation was confirmed.
    pub(crate) cancelled: BTreeSet<String>,
    /// Runs whose start was confirmed.
    pub(crate) started: BTreeSet<String>,
    /// Runs whose start was confirmed as new.
    pub(crate) new: BTreeSet<String>,
    nonces: u64,
}

/// A signal, and the answers that its senders received.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) signal: usize,
    pub(crate) room: usize,
    pub(crate) run: Option<String>,
    pub(crate) question: Option<String>,
    pub(crate) key: Option<String>,
    /// `accepted`, `kept` or an error, with the run that received it.
    pub(crate) answers: Vec<(String, Option<String>)>,
    /// When the first answer arrived, in milliseconds since the simulation started.
    pub(crate) answered: Option<u128>,
}

/// How one attempt of a step behaves.
pub(crate) struct PlannedAttempt {
    pub(crate) takes: Duration,
    pub(crate) panics: bool,
    pub(crate) result: Result<String, RunError>,
}

/// One execution of a run's job.
pub(crate) struct Execution {
    world: Arc<World>,
    run: String,
    number: u64,
}

impl Execution {
    pub(crate) fn begin(world: &Arc<World>, run: &str) -> Self {
        let mut state = world.state();
        state.observed.executions += 1;
        let number = state.observed.executions;
        state.trace(format_args!("{run} executes as {number}"));
        drop(state);
        Self { world: Arc::clone(world), run: run.to_owned(), number }
    }

    /// Records that a call returned. It must return the same in every execution.
    pub(crate) fn record_return(&self, path: &str, what: &str) {
        let mut state = self.world.state();
        state.trace(format_args!("{}{path} returned {what}", self.run));
        let site = (self.run.clone(), path.to_owned());
        let earlier = state.observed.returned.get(&site).cloned();
        match earlier {
            None => drop(state.observed.returned.insert(site, (what.to_owned(), self.number))),
            Some((earlier, _)) if earlier == what => {}
            Some((earlier, _)) => {
                let run = &self.run;
                state.report_violation(format_args!(
                    "(a) {run}{path} returned {earlier:?}, and later {what:?}"
                ));
            }
        }
    }

    /// Records that an attempt of a step starts. A step must not start again after it returned.
    pub(crate) fn begin_attempt(&self, path: &str, attempts: Attempts) -> PlannedAttempt {
        let mut state = self.world.state();
        let site = (self.run.clone(), path.to_owned());
        // An execution that does not know yet that another process holds its run may repeat work.
        if let Some((what, by)) = state.observed.returned.get(&site).cloned()
            && self.number >= by
            && file::find_holder(&state.file, &self.run) == Some(state.process())
        {
            let run = &self.run;
            state.report_violation(format_args!("(c) {run}{path} works again after it returned {what:?}"));
        }
        state.observed.nonces += 1;
        let nonce = state.observed.nonces;
        let takes = Duration::from_millis(state.rng.u64(0..=attempts.takes));
        let panics = state.chance(attempts.panics);
        let result = if state.chance(attempts.gives_up) {
            Err(RunError::fail(format!("planned end {nonce}")))
        } else if state.chance(attempts.fails) {
            Err(RunError::retry(format!("planned failure {nonce}")))
        } else {
            Ok(format!("value {nonce}"))
        };
        state.trace(format_args!("{}{path} works: {takes:?} {panics} {result:?}", self.run));
        PlannedAttempt { takes, panics, result }
    }

    /// Records that a wait returned a signal.
    pub(crate) fn record_received(&self, path: &str, payload: &str) {
        let site = (self.run.clone(), path.to_owned());
        self.world.state().observed.received.entry(payload.to_owned()).or_default().insert(site);
    }

    /// Records that a durable publish returned.
    pub(crate) fn record_published(&self, path: &str, id: &str) {
        let site = (self.run.clone(), path.to_owned());
        self.world.state().observed.published.insert(site, id.to_owned());
    }

    pub(crate) fn end_attempt(&self, path: &str) {
        self.world.trace(format_args!("{}{path} worked", self.run));
    }

    pub(crate) fn new_payload(&self, path: &str) -> String {
        let mut state = self.world.state();
        state.observed.nonces += 1;
        format!("{}{path} published {}", self.run, state.observed.nonces)
    }

    pub(crate) fn record_hub_published(&self, payload: &str, id: &str) {
        let mut state = self.world.state();
        state.trace(format_args!("{payload} as {id}"));
        state.observed.hub_published.insert(payload.to_owned(), id.to_owned());
    }

    pub(crate) fn fails_outside_step(&self) -> bool {
        let mut state = self.world.state();
        let fails = state.chance(0.3);
        state.trace(format_args!("{} fails outside of a step: {fails}", self.run));
        fails
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        // A killed runtime drops its tasks in an order that the seed does not determine.
        if self.world.is_executing() {
            self.world.trace(format_args!("execution {} of {} ends", self.number, self.run));
        }
    }
}

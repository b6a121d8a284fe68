//! The calls of a run, held against those that its journal has.
//!
//! A run that goes on is executed from its beginning. Its calls come in the same order with the same
//! keys as before, or the code is another one.

use std::collections::HashMap;

use super::RunError;
use crate::storage::{Step, StepKind};

/// What the journal has of a run, and how far this execution has come in it.
pub(super) struct Calls {
    recorded: HashMap<String, Step>,
    keys: HashMap<u32, String>,
    /// How often each id was used.
    used: HashMap<String, u32>,
    next: u32,
}

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) position: u32,
    pub(super) key: String,
    pub(super) kind: StepKind,
    /// What came of it before.
    pub(super) recorded: Option<String>,
}

impl Calls {
    pub(super) fn new(steps: Vec<Step>) -> Self {
        let keys = steps.iter().map(|step| (step.position, step.key.clone())).collect();
        let recorded = steps.into_iter().map(|step| (step.key.clone(), step)).collect();
        Self { recorded, keys, used: HashMap::new(), next: 0 }
    }

    /// The next call. An id that is used again gets a number.
    pub(super) fn next(&mut self, kind: StepKind, id: &str) -> Result<Call, RunError> {
        let count = self.used.entry(id.to_owned()).or_default();
        *count += 1;
        let key = if *count == 1 { id.to_owned() } else { format!("{id}#{count}") };
        let position = self.next;
        self.next += 1;
        let known = self.recorded.get(&key);
        if let Some(step) = known
            && step.position == position
            && step.kind == kind
        {
            return Ok(Call { position, key, kind, recorded: Some(step.value.clone()) });
        }
        if known.is_none() && !self.keys.contains_key(&position) {
            return Ok(Call { position, key, kind, recorded: None });
        }
        let now = format!("{} {key:?}", kind.name());
        let before = self.keys.get(&position).and_then(|key| self.recorded.get(key));
        let was = before.map_or("another call".into(), |step| format!("{} {:?}", step.kind.name(), step.key));
        Err(RunError::halted(format!(
            "call {position} of the run is {now} and was {was} when it was written down: the code has \
             changed under the run. It goes on once the server has the earlier code; to let it go, cancel it"
        )))
    }

    /// Whether all that was written down was called again.
    pub(super) fn check_end(&self) -> Result<(), RunError> {
        let left = self.recorded.values().find(|step| step.position >= self.next);
        left.map_or(Ok(()), |step| {
            Err(RunError::halted(format!(
                "the run ended without its {} {:?}, which was written down: the code has changed under the run",
                step.kind.name(),
                step.key
            )))
        })
    }

    /// How many calls were written down before this execution.
    pub(super) fn recorded(&self) -> usize {
        self.recorded.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(position: u32, key: &str, kind: StepKind) -> Step {
        Step { position, key: key.into(), kind, value: "1".into() }
    }

    #[test]
    fn a_run_that_goes_on_finds_what_it_wrote_down() {
        let steps =
            vec![step(0, "a", StepKind::Step), step(1, "a#2", StepKind::Step), step(3, "c", StepKind::Sleep)];
        let mut calls = Calls::new(steps);
        let recorded = |call: Call| call.recorded.is_some();
        assert!(recorded(calls.next(StepKind::Step, "a").unwrap()));
        assert!(recorded(calls.next(StepKind::Step, "a").unwrap()));
        assert!(!recorded(calls.next(StepKind::Publish, "b").unwrap()), "two at once, of which one was done");
        assert!(recorded(calls.next(StepKind::Sleep, "c").unwrap()));
        assert!(!recorded(calls.next(StepKind::Step, "d").unwrap()));
        assert!(calls.check_end().is_ok());
    }

    #[test]
    fn other_code_is_noticed_and_told() {
        let steps = || vec![step(0, "fetch", StepKind::Step), step(1, "tell", StepKind::Publish)];
        let message = |error: RunError| error.to_string();
        let renamed = message(Calls::new(steps()).next(StepKind::Step, "load").unwrap_err());
        assert!(renamed.contains("step \"load\"") && renamed.contains("was step \"fetch\""), "{renamed}");
        let reordered = message(Calls::new(steps()).next(StepKind::Publish, "tell").unwrap_err());
        assert!(reordered.contains("was step \"fetch\""), "{reordered}");
        let of_another_kind = message(Calls::new(steps()).next(StepKind::Sleep, "fetch").unwrap_err());
        assert!(of_another_kind.contains("sleep \"fetch\""), "{of_another_kind}");
        let mut shorter = Calls::new(steps());
        shorter.next(StepKind::Step, "fetch").unwrap();
        assert!(message(shorter.check_end().unwrap_err()).contains("without its publish \"tell\""));
    }
}

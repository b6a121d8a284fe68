//! The branches that lost a decided fork. A run does not execute them again.

use std::collections::HashMap;

use super::super::recorded_call::{CallSite, Outcome};
use super::rows::CallOutline;

/// The decided forks of a run, each with the branch that decided it.
pub(super) struct Decisions(HashMap<CallSite, u32>);

impl Decisions {
    pub(super) fn among(calls: &[CallOutline]) -> Self {
        let decision = |call: &CallOutline| Some((call.site.clone(), winner(call)?));
        Self(calls.iter().filter_map(decision).collect())
    }

    /// Returns whether a call is in a branch that lost, at any depth.
    pub(super) fn is_lost(&self, site: &CallSite) -> bool {
        let mut forks = std::iter::successors(site.fork(), CallSite::fork);
        forks
            .any(|fork| self.0.get(&fork).is_some_and(|winner| fork.branch_of(&site.branch) != Some(*winner)))
    }
}

/// Returns the branch that decided a fork.
pub(super) fn winner(call: &CallOutline) -> Option<u32> {
    match &call.outcome {
        Outcome::Value(value) if call.kind.is_fork() => value.parse().ok(),
        _ => None,
    }
}

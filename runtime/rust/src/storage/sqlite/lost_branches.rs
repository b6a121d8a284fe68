//! The branches that lost a decided fork. A run does not execute them again.

use std::collections::HashMap;

use rusqlite::{Result, Transaction};

use super::super::{CallSite, RunHandle};

/// The decided forks of a run, each with the branch that decided it.
pub(super) struct Decisions(HashMap<CallSite, u32>);

impl Decisions {
    pub(super) fn load(transaction: &Transaction<'_>, run: RunHandle) -> Result<Self> {
        let mut statement = transaction.prepare_cached(
            "SELECT branch, position, CAST(value AS INTEGER) FROM steps
             WHERE run = ?1 AND kind IN ('join', 'first', 'within', 'map') AND value IS NOT NULL",
        )?;
        let rows = statement.query_map([run], |row| {
            Ok((CallSite { branch: row.get(0)?, position: row.get(1)? }, row.get(2)?))
        })?;
        rows.collect::<Result<_>>().map(Self)
    }

    /// Returns the branch that decided a fork.
    pub(super) fn winner(&self, fork: &CallSite) -> Option<u32> {
        self.0.get(fork).copied()
    }

    /// Returns whether a call is in a branch that lost, at any depth.
    pub(super) fn is_lost(&self, site: &CallSite) -> bool {
        let mut forks = std::iter::successors(site.fork(), CallSite::fork);
        forks
            .any(|fork| self.winner(&fork).is_some_and(|winner| fork.branch_of(&site.branch) != Some(winner)))
    }
}

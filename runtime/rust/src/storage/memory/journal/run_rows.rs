//! The runs in memory, as rows of the journal.

use std::collections::{BTreeMap, BTreeSet};

use super::Transaction;
use super::state::StoredRun;
use crate::clock::from_milliseconds;
use crate::storage::inspection::RunStateName;
use crate::storage::journal::rows::{AskingRun, DueRun, HeldRun, Origin, RunHead, RunRows, SUSPECT};
use crate::storage::{Claim, NewRun, RunCounts, RunHandle, RunRecord, RunState, StorageError};

impl Transaction<'_> {
    fn head(&self, run: RunHandle) -> Option<RunHead> {
        self.state.runs.get(&run).map(|run| run.head.clone())
    }

    /// Changes the unfinished runs that `change` returns changed.
    fn change_unfinished(&mut self, change: impl Fn(&StoredRun) -> Option<RunHead>) {
        let unfinished = self.state.unfinished.iter().filter_map(|run| self.state.runs.get(run));
        let changed: Vec<RunHead> = unfinished.filter_map(change).collect();
        for head in changed {
            self.state.replace_head(&head);
        }
    }

    /// Returns whether a claim is still valid.
    fn is_valid(&self, claim: Claim) -> bool {
        let run = self.state.runs.get(&claim.run);
        run.is_some_and(|run| run.head.fence == claim.fence && run.head.state == RunStateName::Running)
    }
}

impl RunRows for Transaction<'_> {
    async fn insert_run(
        &mut self,
        run: &NewRun,
        origin: Option<&Origin>,
        at: i64,
    ) -> Result<Option<RunHandle>, StorageError> {
        let NewRun { run_id, job, channel, input } = run.clone();
        if self.state.by_id.contains_key(&run_id) {
            return Ok(None);
        }
        let head = RunHead {
            run: RunHandle::default(),
            run_id,
            channel,
            state: RunStateName::Running,
            due: at,
            failures: 0,
            crashes: 0,
            retries: 0,
            progress: 0,
            owner: None,
            lease: 0,
            fence: 0,
            changed: at,
            origin: origin.cloned(),
        };
        Ok(Some(self.state.add(StoredRun {
            head,
            job,
            input,
            outcome: None,
            created: at,
            calls: BTreeMap::new(),
            questions: BTreeMap::new(),
            signals: BTreeSet::new(),
            streams: BTreeMap::new(),
        })))
    }

    async fn lock_run(&mut self, run: RunHandle) -> Result<Option<RunHead>, StorageError> {
        Ok(self.head(run))
    }

    async fn lock_run_by_id(&mut self, run_id: &str) -> Result<Option<RunHead>, StorageError> {
        Ok(self.state.by_id.get(run_id).and_then(|run| self.head(*run)))
    }

    async fn read_run(&mut self, run_id: &str) -> Result<Option<RunRecord>, StorageError> {
        let run = self.state.by_id.get(run_id).and_then(|run| self.state.runs.get(run));
        Ok(run.map(|run| {
            let outcome = run.outcome.clone().unwrap_or_default();
            RunRecord {
                run: run.head.run,
                job: run.job.clone(),
                channel: run.head.channel.clone(),
                input: run.input.clone(),
                state: match run.head.state {
                    RunStateName::Running => RunState::Unfinished { waiting_for: Vec::new() },
                    RunStateName::Halted => RunState::Halted(outcome),
                    RunStateName::Completed => RunState::Completed(outcome),
                    RunStateName::Failed => RunState::Failed(outcome),
                    RunStateName::Cancelled => RunState::Cancelled,
                },
            }
        }))
    }

    async fn update_run(&mut self, head: &RunHead) -> Result<(), StorageError> {
        self.state.replace_head(head);
        Ok(())
    }

    async fn update_run_and_outcome(
        &mut self,
        head: &RunHead,
        outcome: Option<&str>,
    ) -> Result<(), StorageError> {
        self.state.replace_head(head);
        if let Some(run) = self.state.runs.get_mut(&head.run) {
            run.outcome = outcome.map(str::to_owned);
        }
        Ok(())
    }

    async fn lock_claim(&mut self, claim: Claim) -> Result<bool, StorageError> {
        Ok(self.is_valid(claim))
    }

    async fn find_valid_claims(&mut self, claims: &[Claim]) -> Result<Vec<Claim>, StorageError> {
        Ok(claims.iter().copied().filter(|claim| self.is_valid(*claim)).collect())
    }

    async fn extend_leases(
        &mut self,
        claims: &[Claim],
        owner: u32,
        lease: i64,
    ) -> Result<Vec<Claim>, StorageError> {
        let mut extended = Vec::new();
        for claim in claims {
            let is_valid = self.is_valid(*claim);
            let run = self.state.runs.get_mut(&claim.run).filter(|run| run.head.owner == Some(owner));
            if let Some(run) = run.filter(|_| is_valid) {
                run.head.lease = lease;
                extended.push(*claim);
            }
        }
        Ok(extended)
    }

    async fn list_due(
        &mut self,
        jobs: &[String],
        are_suspect: bool,
        now: i64,
        limit: usize,
    ) -> Result<Vec<DueRun>, StorageError> {
        let due = self.state.due.iter().take_while(|(due, _)| *due <= now);
        let due = due.filter_map(|(_, run)| self.state.runs.get(run)).filter(|run| {
            run.head.lease < now && (run.head.crashes >= SUSPECT) == are_suspect && jobs.contains(&run.job)
        });
        let due = due.take(limit).map(|run| DueRun {
            held: HeldRun { head: run.head.clone(), recorded: run.recorded() },
            job: run.job.clone(),
            input: run.input.clone(),
        });
        Ok(due.collect())
    }

    async fn holds_suspect(&mut self, owner: u32, now: i64) -> Result<bool, StorageError> {
        let unfinished = self.state.unfinished.iter().filter_map(|run| self.state.runs.get(run));
        Ok(unfinished
            .map(|run| &run.head)
            .any(|head| head.owner == Some(owner) && head.lease >= now && head.crashes >= SUSPECT))
    }

    async fn list_held(&mut self, owner: u32) -> Result<Vec<HeldRun>, StorageError> {
        let unfinished = self.state.unfinished.iter().filter_map(|run| self.state.runs.get(run));
        let held = unfinished.filter(|run| run.head.owner == Some(owner));
        Ok(held.map(|run| HeldRun { head: run.head.clone(), recorded: run.recorded() }).collect())
    }

    async fn release_runs(&mut self, owner: u32) -> Result<(), StorageError> {
        self.change_unfinished(|run| {
            let is_held = run.head.owner == Some(owner);
            is_held.then(|| RunHead { owner: None, lease: 0, ..run.head.clone() })
        });
        Ok(())
    }

    async fn make_due(&mut self, runs: &[RunHandle], now: i64) -> Result<(), StorageError> {
        for run in runs {
            if let Some(head) = self.head(*run).filter(|head| head.owner.is_none() && head.due > now) {
                self.state.replace_head(&RunHead { due: now, ..head });
            }
        }
        Ok(())
    }

    async fn resume_halted(&mut self, jobs: &[String], now: i64) -> Result<(), StorageError> {
        self.change_unfinished(|run| {
            let is_meant = run.head.state == RunStateName::Halted && jobs.contains(&run.job);
            is_meant.then(|| RunHead { state: RunStateName::Running, due: now, ..run.head.clone() })
        });
        Ok(())
    }

    async fn list_questions_of_channel(&mut self, channel: &str) -> Result<Vec<AskingRun>, StorageError> {
        let runs = self.state.channels.get(channel).into_iter().flatten();
        let unfinished = runs.filter(|run| self.state.unfinished.contains(run));
        let asking = |run: &RunHandle| {
            let questions = self.state.runs.get(run).into_iter().flat_map(|run| run.questions.values());
            questions
                .map(|open| AskingRun {
                    run: *run,
                    names: open.question.names.clone(),
                    asked_at: open.asked_at,
                })
                .collect::<Vec<_>>()
        };
        Ok(unfinished.flat_map(asking).collect())
    }

    async fn find_oldest_unfinished(&mut self, channel: &str) -> Result<Option<RunHandle>, StorageError> {
        let mut runs = self.state.channels.get(channel).into_iter().flatten();
        Ok(runs.find(|run| self.state.unfinished.contains(run)).copied())
    }

    async fn find_latest(&mut self, channel: &str) -> Result<Option<RunHandle>, StorageError> {
        Ok(self.state.channels.get(channel).and_then(BTreeSet::last).copied())
    }

    async fn list_ended(&mut self, before: i64, limit: usize) -> Result<Vec<RunHandle>, StorageError> {
        let ended = self.state.ended.iter().take_while(|(ended, _)| *ended < before);
        Ok(ended.take(limit).map(|(_, run)| *run).collect())
    }

    async fn delete_runs(&mut self, runs: &[RunHandle]) -> Result<(), StorageError> {
        for run in runs {
            self.state.remove(*run);
        }
        Ok(())
    }

    async fn count_runs(&mut self, now: i64) -> Result<RunCounts, StorageError> {
        let mut counts = RunCounts::default();
        for head in
            self.state.unfinished.iter().filter_map(|run| self.state.runs.get(run)).map(|run| &run.head)
        {
            let is_held = head.owner.is_some() && head.lease >= now;
            if head.state == RunStateName::Halted {
                counts.halted += 1;
            } else if is_held {
                counts.executing += 1;
            } else if head.due > now {
                counts.waiting += 1;
            } else {
                counts.due += 1;
                let due = from_milliseconds(head.due);
                counts.oldest_due = Some(counts.oldest_due.map_or(due, |oldest| oldest.min(due)));
            }
        }
        Ok(counts)
    }
}

//! The runs in memory, and what finds them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::storage::inspection::RunStateName;
use crate::storage::journal::rows::{OpenQuestion, RunHead, SignalState};
use crate::storage::{Answer, CallKind, CallSite, Outcome, RunHandle, RunStream};

/// All runs.
#[derive(Default)]
pub(super) struct State {
    pub(super) runs: BTreeMap<RunHandle, StoredRun>,
    pub(super) by_id: HashMap<String, RunHandle>,
    /// The runs of each channel.
    pub(super) channels: HashMap<String, BTreeSet<RunHandle>>,
    /// The runs that have not ended.
    pub(super) unfinished: BTreeSet<RunHandle>,
    /// The running runs by when they are due.
    pub(super) due: BTreeSet<(i64, RunHandle)>,
    /// The ended runs by when they ended.
    pub(super) ended: BTreeSet<(i64, RunHandle)>,
    pub(super) signals: BTreeMap<i64, StoredSignal>,
    /// The signals by channel and idempotency key.
    pub(super) signal_keys: HashMap<(String, [u8; 16]), i64>,
    /// The calls of open text streams by their ids.
    pub(super) streams: HashMap<String, (RunHandle, CallSite)>,
    /// Processes that ended, and whose runs are not released yet.
    pub(super) ended_processes: BTreeSet<u32>,
    last_run: i64,
    last_signal: i64,
}

pub(super) struct StoredRun {
    pub(super) head: RunHead,
    pub(super) job: String,
    pub(super) input: String,
    pub(super) outcome: Option<String>,
    pub(super) created: i64,
    pub(super) calls: BTreeMap<CallSite, StoredCall>,
    pub(super) questions: BTreeMap<CallSite, OpenQuestion>,
    pub(super) signals: BTreeSet<i64>,
    pub(super) streams: BTreeMap<CallSite, StoredStream>,
}

#[derive(Clone)]
pub(super) struct StoredCall {
    pub(super) kind: CallKind,
    pub(super) id: String,
    pub(super) outcome: Outcome,
    /// How often it failed, even if it has succeeded since.
    pub(super) failures: u32,
    pub(super) began: i64,
    pub(super) began_with: String,
    /// When the outcome was recorded.
    pub(super) at: i64,
}

pub(super) struct StoredSignal {
    pub(super) run: RunHandle,
    pub(super) answer: Answer,
    pub(super) state: SignalState,
    /// The hash of its idempotency key, and of what was sent under it.
    pub(super) key: Option<([u8; 16], [u8; 16])>,
}

pub(super) struct StoredStream {
    pub(super) stream: RunStream,
    pub(super) chunks: BTreeMap<u32, String>,
}

impl StoredRun {
    /// Returns how many calls the run has recorded.
    pub(super) fn recorded(&self) -> u32 {
        let recorded = self.calls.values().filter(|call| call.outcome.is_final()).count();
        u32::try_from(recorded).unwrap_or(u32::MAX)
    }
}

impl State {
    /// Adds a run under the next number, which becomes its handle.
    pub(super) fn add(&mut self, mut run: StoredRun) -> RunHandle {
        self.last_run += 1;
        let handle = RunHandle(self.last_run);
        run.head.run = handle;
        self.by_id.insert(run.head.run_id.clone(), handle);
        self.channels.entry(run.head.channel.clone()).or_default().insert(handle);
        self.index(&run.head);
        self.runs.insert(handle, run);
        handle
    }

    pub(super) fn replace_head(&mut self, head: &RunHead) {
        let Some(run) = self.runs.get_mut(&head.run) else { return };
        let old = std::mem::replace(&mut run.head, head.clone());
        self.unindex(&old);
        self.index(head);
    }

    pub(super) fn remove(&mut self, handle: RunHandle) {
        let Some(run) = self.runs.remove(&handle) else { return };
        self.unindex(&run.head);
        self.by_id.remove(&run.head.run_id);
        if let Some(runs) = self.channels.get_mut(&run.head.channel) {
            runs.remove(&handle);
            if runs.is_empty() {
                self.channels.remove(&run.head.channel);
            }
        }
        for stream in run.streams.values() {
            self.streams.remove(&stream.stream.stream_id);
        }
        if bug!(SignalsNotDeleted) {
            return;
        }
        for number in run.signals {
            if let Some((key, _)) = self.signals.remove(&number).and_then(|signal| signal.key) {
                self.signal_keys.remove(&(run.head.channel.clone(), key));
            }
        }
    }

    pub(super) fn next_signal(&mut self) -> i64 {
        self.last_signal += 1;
        self.last_signal
    }

    fn index(&mut self, head: &RunHead) {
        if head.has_ended() {
            self.ended.insert((head.changed, head.run));
            return;
        }
        self.unfinished.insert(head.run);
        if head.state == RunStateName::Running {
            self.due.insert((head.due, head.run));
        }
    }

    fn unindex(&mut self, head: &RunHead) {
        self.ended.remove(&(head.changed, head.run));
        self.unfinished.remove(&head.run);
        self.due.remove(&(head.due, head.run));
    }
}

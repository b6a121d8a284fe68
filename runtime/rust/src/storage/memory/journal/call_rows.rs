//! The calls, questions, signals and text streams of runs in memory, as rows of the journal.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as MapEntry;

use super::Transaction;
use super::state::{StoredCall, StoredRun, StoredSignal, StoredStream};
use crate::clock::to_milliseconds;
use crate::history::IdempotencyKey;
use crate::storage::journal::rows::{
    CallOutline, CallRows, ClosedQuestionRow, NewCall, OpenQuestion, QuestionRows, RunRows, SignalReceipt,
    SignalRows, SignalState, StreamRows,
};
use crate::storage::{
    Answer, CallKind, CallSite, Claim, NewChunk, NewSignal, Outcome, RecordedCall, RunHandle, RunStream,
    StorageError,
};

impl Transaction<'_> {
    fn run(&self, run: RunHandle) -> Option<&StoredRun> {
        self.state.runs.get(&run)
    }

    fn run_mut(&mut self, run: RunHandle) -> Result<&mut StoredRun, StorageError> {
        self.state.runs.get_mut(&run).ok_or_else(|| StorageError::new("the run was deleted"))
    }

    /// Returns recorded calls of a run.
    fn calls(&self, run: RunHandle) -> impl Iterator<Item = (&CallSite, &StoredCall)> {
        self.run(run).into_iter().flat_map(|run| &run.calls)
    }

    fn copy(
        &mut self,
        from: RunHandle,
        to: RunHandle,
        is_meant: impl Fn(&CallSite) -> bool,
    ) -> Result<(), StorageError> {
        let calls = self.calls(from).filter(|(site, _)| is_meant(site));
        let copied: Vec<_> = calls.map(|(site, call)| (site.clone(), call.clone())).collect();
        self.run_mut(to)?.calls.extend(copied);
        Ok(())
    }
}

fn recorded(site: &CallSite, call: &StoredCall) -> RecordedCall {
    RecordedCall { site: site.clone(), kind: call.kind, id: call.id.clone(), outcome: call.outcome.clone() }
}

fn failures(outcome: &Outcome) -> u32 {
    if let Outcome::Begun { failures, .. } = outcome { *failures } else { 0 }
}

impl CallRows for Transaction<'_> {
    async fn record_new_call(&mut self, claim: Claim, call: &NewCall<'_>) -> Result<bool, StorageError> {
        Ok(self.lock_claim(claim).await? && self.insert_call(claim.run, call).await?)
    }

    async fn insert_call(&mut self, run: RunHandle, call: &NewCall<'_>) -> Result<bool, StorageError> {
        let MapEntry::Vacant(entry) = self.run_mut(run)?.calls.entry(call.site.clone()) else {
            return Ok(false);
        };
        entry.insert(StoredCall {
            kind: call.kind,
            id: call.id.to_owned(),
            outcome: call.outcome.clone(),
            failures: failures(call.outcome),
            began: to_milliseconds(call.start.at),
            began_with: call.start.began_with.clone(),
            at: call.at,
        });
        Ok(true)
    }

    async fn update_call(&mut self, run: RunHandle, call: &NewCall<'_>) -> Result<(), StorageError> {
        let stored = self.run_mut(run)?.calls.get_mut(call.site);
        if let Some(stored) = stored.filter(|stored| !stored.outcome.is_final()) {
            stored.failures = stored.failures.max(failures(call.outcome));
            stored.outcome = match call.outcome {
                Outcome::Begun { due, .. } => Outcome::Begun { failures: stored.failures, due: *due },
                outcome => outcome.clone(),
            };
            stored.at = call.at;
        }
        Ok(())
    }

    async fn find_call(
        &mut self,
        run: RunHandle,
        site: &CallSite,
    ) -> Result<Option<RecordedCall>, StorageError> {
        Ok(self.run(run).and_then(|run| run.calls.get(site)).map(|call| recorded(site, call)))
    }

    async fn load_calls(&mut self, run: RunHandle) -> Result<Vec<RecordedCall>, StorageError> {
        Ok(self.calls(run).map(|(site, call)| recorded(site, call)).collect())
    }

    async fn load_fork(
        &mut self,
        run: RunHandle,
        fork: &CallSite,
    ) -> Result<Vec<RecordedCall>, StorageError> {
        let calls = self.calls(run).filter(|(site, _)| fork.branch_of(&site.branch).is_some());
        Ok(calls.map(|(site, call)| recorded(site, call)).collect())
    }

    async fn load_outlines(&mut self, run: RunHandle) -> Result<Vec<CallOutline>, StorageError> {
        let outline = |(site, call): (&CallSite, &StoredCall)| {
            let has_text = !matches!(call.kind, CallKind::Step | CallKind::Publish | CallKind::Stream);
            let outcome = match &call.outcome {
                Outcome::Value(_) if !has_text => Outcome::Value(String::new()),
                Outcome::Error(_) => Outcome::Error(String::new()),
                outcome => outcome.clone(),
            };
            let (site, began_with) = (site.clone(), call.began_with.clone());
            CallOutline { site, kind: call.kind, id: call.id.clone(), outcome, began_with }
        };
        Ok(self.calls(run).map(outline).collect())
    }

    async fn load_closed_questions(
        &mut self,
        run: RunHandle,
    ) -> Result<Vec<ClosedQuestionRow>, StorageError> {
        let read = |(site, call): (&CallSite, &StoredCall)| {
            let Outcome::Value(value) = &call.outcome else { return None };
            let question = serde_json::from_str(value).ok()?;
            Some(ClosedQuestionRow { position: site.position, at: call.at, question })
        };
        Ok(self.calls(run).filter(|(_, call)| call.kind == CallKind::Wait).filter_map(read).collect())
    }

    async fn delete_calls(&mut self, run: RunHandle, sites: &[CallSite]) -> Result<(), StorageError> {
        let run = self.run_mut(run)?;
        for site in sites {
            run.calls.remove(site);
        }
        Ok(())
    }

    async fn restart_attempts(&mut self, run: RunHandle) -> Result<(), StorageError> {
        for call in self.run_mut(run)?.calls.values_mut().filter(|call| !call.outcome.is_final()) {
            call.failures = 0;
            call.outcome = Outcome::Begun { failures: 0, due: 0 };
        }
        Ok(())
    }

    async fn end_pause(
        &mut self,
        run: RunHandle,
        site: &CallSite,
        value: Option<&str>,
        due: i64,
    ) -> Result<(), StorageError> {
        if let Some(call) = self.run_mut(run)?.calls.get_mut(site) {
            call.outcome = match value {
                Some(value) => Outcome::Value(value.to_owned()),
                None => Outcome::Begun { failures: call.failures, due },
            };
        }
        Ok(())
    }

    async fn copy_root(&mut self, from: RunHandle, to: RunHandle, before: u32) -> Result<(), StorageError> {
        self.copy(from, to, |site| site.branch.is_empty() && site.position < before)
    }

    async fn copy_fork(
        &mut self,
        from: RunHandle,
        to: RunHandle,
        fork: &CallSite,
    ) -> Result<(), StorageError> {
        self.copy(from, to, |site| fork.branch_of(&site.branch).is_some())
    }
}

impl QuestionRows for Transaction<'_> {
    async fn load_questions(&mut self, run: RunHandle) -> Result<Vec<OpenQuestion>, StorageError> {
        let questions = self.run(run).into_iter().flat_map(|run| run.questions.values());
        let mut questions: Vec<OpenQuestion> = questions.cloned().collect();
        questions.sort_by(|one, other| one.order().cmp(&other.order()));
        Ok(questions)
    }

    async fn insert_question(&mut self, run: RunHandle, question: &OpenQuestion) -> Result<(), StorageError> {
        let site = question.question.site.clone();
        self.run_mut(run)?.questions.insert(site, question.clone());
        Ok(())
    }

    async fn set_answer(&mut self, run: RunHandle, site: &CallSite, signal: i64) -> Result<(), StorageError> {
        if let Some(open) = self.run_mut(run)?.questions.get_mut(site) {
            open.answer = Some(signal);
        }
        Ok(())
    }

    async fn delete_question(&mut self, run: RunHandle, site: &CallSite) -> Result<(), StorageError> {
        self.run_mut(run)?.questions.remove(site);
        Ok(())
    }

    async fn delete_questions(&mut self, run: RunHandle) -> Result<(), StorageError> {
        self.run_mut(run)?.questions.clear();
        Ok(())
    }
}

impl SignalRows for Transaction<'_> {
    async fn insert_signal(
        &mut self,
        run: RunHandle,
        signal: &NewSignal,
        at: i64,
        state: SignalState,
    ) -> Result<i64, StorageError> {
        let number = self.state.next_signal();
        let stored = self.run_mut(run)?;
        stored.signals.insert(number);
        let channel = stored.head.channel.clone();
        if let Some(key) = signal.key {
            self.state.signal_keys.insert((channel, key.hash), number);
        }
        let NewSignal { name, payload, by, .. } = signal.clone();
        let answer = Answer { name, payload, by, at };
        let key = signal.key.map(|key| (key.hash, key.content_hash));
        self.state.signals.insert(number, StoredSignal { run, answer, state, key });
        Ok(number)
    }

    async fn find_signal_by_key(
        &mut self,
        channel: &str,
        key: &IdempotencyKey,
    ) -> Result<Option<SignalReceipt>, StorageError> {
        let number = self.state.signal_keys.get(&(channel.to_owned(), key.hash));
        let Some(signal) = number.and_then(|number| self.state.signals.get(number)) else { return Ok(None) };
        let content_hash = signal.key.map_or([0; 16], |(_, content)| content).to_vec();
        Ok(self.run(signal.run).map(|run| SignalReceipt {
            run: signal.run,
            run_id: run.head.run_id.clone(),
            content_hash,
            at: signal.answer.at,
            state: signal.state,
        }))
    }

    async fn read_signal(&mut self, number: i64) -> Result<Option<Answer>, StorageError> {
        Ok(self.state.signals.get(&number).map(|signal| signal.answer.clone()))
    }

    async fn set_signal_state(&mut self, number: i64, state: SignalState) -> Result<(), StorageError> {
        if let Some(signal) = self.state.signals.get_mut(&number) {
            signal.state = state;
        }
        Ok(())
    }

    async fn find_kept_signal(
        &mut self,
        run: RunHandle,
        names: &[String],
    ) -> Result<Option<i64>, StorageError> {
        let mut numbers = self.run(run).into_iter().flat_map(|run| &run.signals);
        let is_kept = |number: &&i64| {
            let signal = self.state.signals.get(number);
            signal.is_some_and(|signal| {
                signal.state == SignalState::Kept && names.contains(&signal.answer.name)
            })
        };
        Ok(numbers.find(is_kept).copied())
    }

    async fn drop_kept_signals(&mut self, run: RunHandle, names: &[String]) -> Result<(), StorageError> {
        while let Some(number) = self.find_kept_signal(run, names).await? {
            self.set_signal_state(number, SignalState::Dropped).await?;
        }
        Ok(())
    }

    async fn list_answers(&mut self, run: RunHandle) -> Result<Vec<i64>, StorageError> {
        let numbers = self.run(run).into_iter().flat_map(|run| &run.signals);
        let is_answer = |number: &&i64| {
            self.state.signals.get(number).is_some_and(|signal| signal.state == SignalState::Answer)
        };
        Ok(numbers.filter(is_answer).copied().collect())
    }
}

impl StreamRows for Transaction<'_> {
    async fn insert_stream(&mut self, run: RunHandle, stream: &RunStream) -> Result<(), StorageError> {
        let (id, site) = (stream.stream_id.clone(), stream.site.clone());
        if self.state.streams.contains_key(&id) || self.run_mut(run)?.streams.contains_key(&site) {
            return Err(StorageError::new(format!("the text stream {id} exists already")));
        }
        let stored = StoredStream { stream: stream.clone(), chunks: BTreeMap::new() };
        self.run_mut(run)?.streams.insert(site.clone(), stored);
        self.state.streams.insert(id, (run, site));
        Ok(())
    }

    async fn insert_chunk(&mut self, run: RunHandle, chunk: &NewChunk) -> Result<bool, StorageError> {
        let NewChunk { site, number, text } = chunk;
        let Some(stream) = self.run_mut(run)?.streams.get_mut(site) else {
            return Ok(false);
        };
        match stream.chunks.entry(*number) {
            MapEntry::Vacant(entry) => drop(entry.insert(text.clone())),
            MapEntry::Occupied(_) => {
                return Err(StorageError::new(format!("the chunk {number} exists already")));
            }
        }
        Ok(true)
    }

    async fn find_stream(&mut self, stream_id: &str) -> Result<Option<(RunHandle, CallSite)>, StorageError> {
        Ok(self.state.streams.get(stream_id).cloned())
    }

    async fn find_stream_of_call(
        &mut self,
        run: RunHandle,
        site: &CallSite,
    ) -> Result<Option<String>, StorageError> {
        let stream = self.run(run).and_then(|run| run.streams.get(site));
        Ok(stream.map(|stream| stream.stream.stream_id.clone()))
    }

    async fn load_chunks(&mut self, run: RunHandle, site: &CallSite) -> Result<Vec<String>, StorageError> {
        let stream = self.run(run).and_then(|run| run.streams.get(site));
        Ok(stream.into_iter().flat_map(|stream| stream.chunks.values()).cloned().collect())
    }

    async fn list_streams(&mut self, run: RunHandle) -> Result<Vec<RunStream>, StorageError> {
        let streams = self.run(run).into_iter().flat_map(|run| run.streams.values());
        Ok(streams.map(|stream| stream.stream.clone()).collect())
    }

    async fn delete_stream(&mut self, run: RunHandle, site: &CallSite) -> Result<bool, StorageError> {
        let removed = self.run_mut(run)?.streams.remove(site);
        if let Some(stream) = &removed {
            self.state.streams.remove(&stream.stream.stream_id);
        }
        Ok(removed.is_some())
    }
}

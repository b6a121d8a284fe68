//! The promises about runs, and a process that uses the journal.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::super::{
    CallKind, CallSite, CallStart, Claim, ClaimedRun, Engine, Entry, ExecutionEnd, NewQuestion, NewRun,
    NewSignal, Outcome, Question, QuestionState, RecordOutcome, RecordedCall, RunState, SignalOutcome,
    WaitingEventBuilder,
};
use super::place::Place;
use super::process::{Process, SAID, entry, room};
use crate::history::{IdempotencyKey, Log};
use crate::wire::LogKind;

pub(super) mod calls;
pub(super) mod claims;
pub(super) mod manage;
pub(super) mod questions;
pub(super) mod sharing;
pub(super) mod signals;

pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// A process that executes runs of one channel.
pub(super) struct Worker {
    pub(super) process: Process,
    pub(super) journal: Arc<dyn Engine>,
    pub(super) log: Arc<Log>,
}

impl Worker {
    pub(super) async fn open(place: &Place) -> Self {
        let process = place.open().await;
        let (journal, log) = (Arc::clone(&process.engine), process.log(&room("1")).await);
        Self { process, journal, log }
    }

    /// Opens a place with one run, and claims it.
    pub(super) async fn with_run(place: &Place) -> (Self, Claim) {
        let worker = Self::open(place).await;
        assert!(worker.add("run").await);
        let claim = worker.claim_run("run").await;
        (worker, claim)
    }

    /// Ends the process.
    pub(super) async fn close(self, place: &Place) {
        let Self { process, journal, log } = self;
        drop((journal, log));
        place.close(process).await;
    }

    pub(super) fn now(&self) -> SystemTime {
        self.process.engine.storage_time()
    }

    pub(super) fn later(&self) -> SystemTime {
        self.now() + HOUR
    }

    pub(super) fn message(&self, text: &str) -> Entry {
        entry(&self.log, SAID, LogKind::Data, text, None)
    }

    /// Returns the messages of the channel, including those of other processes.
    pub(super) async fn texts(&self) -> Vec<String> {
        self.process.engine.catch_up(&room("1")).await.unwrap();
        self.process.read_all(&room("1")).await.read().texts()
    }

    pub(super) async fn add(&self, run_id: &str) -> bool {
        self.add_job(run_id, "job").await
    }

    pub(super) async fn add_job(&self, run_id: &str, job: &str) -> bool {
        let [run_id, job, channel] = [run_id, job, self.log.channel().name()].map(str::to_owned);
        let event = self.message(&format!("{run_id} added"));
        let run = NewRun { run_id, job, channel, input: "null".into() };
        self.journal.add_run(run, event).await.unwrap()
    }

    /// Claims all runs that are due.
    pub(super) async fn claim(&self) -> Vec<ClaimedRun> {
        self.claim_until(self.later(), 1000).await
    }

    pub(super) async fn claim_until(&self, lease: SystemTime, limit: usize) -> Vec<ClaimedRun> {
        self.journal.claim_runs(vec!["job".into()], lease, limit).await.unwrap()
    }

    /// Claims the only run that is due.
    pub(super) async fn claim_run(&self, run_id: &str) -> Claim {
        let claimed = self.claim().await;
        assert_eq!(ids(&claimed), [run_id]);
        claimed[0].claim
    }

    pub(super) async fn record(&self, claim: Claim, call: RecordedCall) -> RecordOutcome {
        self.journal.record_call(claim, call, self.start(), None).await.unwrap()
    }

    pub(super) fn start(&self) -> CallStart {
        CallStart { at: self.now(), began_with: String::new() }
    }

    pub(super) async fn end(&self, claim: Claim, end: ExecutionEnd) {
        let event = self.message("ended");
        let ended = self.journal.end_execution(claim, end, Some(event)).await.unwrap();
        assert!(matches!(ended, RecordOutcome::Committed(None)));
    }

    /// Releases a run until a signal arrives.
    pub(super) async fn wait(&self, claim: Claim) {
        self.end(claim, ExecutionEnd::Waiting { due: self.later() }).await;
    }

    pub(super) async fn calls(&self, claim: Claim) -> Vec<RecordedCall> {
        let mut calls = self.journal.load_calls(claim.run).await.unwrap();
        calls.sort_by(|one, other| one.site.cmp(&other.site));
        calls
    }

    /// Polls the question at a site. It is open for an hour.
    pub(super) async fn ask(&self, claim: Claim, at: &str, names: &[&str]) -> QuestionState {
        self.ask_until(claim, at, names, self.later()).await
    }

    pub(super) async fn ask_until(
        &self,
        claim: Claim,
        at: &str,
        names: &[&str],
        closes_at: SystemTime,
    ) -> QuestionState {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let stored_names = names.clone();
        let question = NewQuestion {
            site: site(at),
            id: "question".into(),
            names,
            stored_names,
            began_with: String::new(),
            closes_at,
        };
        self.journal.poll_question(claim, question, self.event()).await.unwrap()
    }

    /// Builds the event `waiting for` and the names of the open questions.
    pub(super) fn event(&self) -> WaitingEventBuilder {
        let log = Arc::clone(&self.log);
        Arc::new(move |open: &[Question]| {
            let names: Vec<&str> = open.iter().flat_map(|open| &open.names).map(String::as_str).collect();
            entry(&log, SAID, LogKind::Data, &format!("waiting for [{}]", names.join(" ")), None)
        })
    }

    pub(super) fn signal(&self, name: &str, payload: &str) -> NewSignal {
        NewSignal {
            channel: self.log.channel().name().to_owned(),
            run_id: None,
            question: None,
            name: name.to_owned(),
            stored_names: vec![name.to_owned()],
            payload: payload.to_owned(),
            by: Some("user".into()),
            key: None,
            at: self.process.engine.latest_storage_time(),
        }
    }

    pub(super) async fn send(&self, name: &str, payload: &str) -> SignalOutcome {
        self.send_signal(self.signal(name, payload)).await
    }

    pub(super) async fn send_with_key(&self, name: &str, payload: &str, key: &str) -> SignalOutcome {
        let key = Some(IdempotencyKey::new(key, name, payload.as_bytes()));
        self.send_signal(NewSignal { key, ..self.signal(name, payload) }).await
    }

    pub(super) async fn send_signal(&self, signal: NewSignal) -> SignalOutcome {
        self.journal.send_signal(signal).await.unwrap()
    }

    pub(super) async fn state(&self, run_id: &str) -> Option<RunState> {
        self.journal.find_run(run_id.to_owned()).await.unwrap().map(|record| record.state)
    }
}

/// Parses the site of a call: `4` in the root and `3.1/4` in a branch.
pub(super) fn site(text: &str) -> CallSite {
    text.parse().unwrap()
}

pub(super) fn call(at: &str, kind: CallKind, outcome: Outcome) -> RecordedCall {
    RecordedCall { site: site(at), kind, id: format!("the call {at}"), outcome }
}

pub(super) fn step(at: &str, value: &str) -> RecordedCall {
    call(at, CallKind::Step, Outcome::Value(value.to_owned()))
}

/// Returns the ids of runs in the order in which they were claimed.
pub(super) fn ids(claimed: &[ClaimedRun]) -> Vec<&str> {
    claimed.iter().map(|claimed| claimed.run.run_id.as_str()).collect()
}

/// Describes the outcome of sending a signal.
pub(super) fn describe(outcome: &SignalOutcome) -> String {
    match outcome {
        SignalOutcome::Accepted { run_id, .. } => format!("accepted by {run_id}"),
        SignalOutcome::Kept { run_id, .. } => format!("kept for {run_id}"),
        SignalOutcome::AlreadyTaken(answer) => format!("already taken: {}", answer.payload),
        SignalOutcome::TooLate => "too late".into(),
        SignalOutcome::RunEnded => "the run has ended".into(),
        SignalOutcome::NoRun => "no run".into(),
        SignalOutcome::KeyReused => "the key was reused".into(),
    }
}

/// Returns the payload of the answer with which a question was closed, or `None` if it was closed without one. Panics
/// if the question is open.
pub(super) fn answer(state: &QuestionState) -> Option<String> {
    let QuestionState::Closed(value) = state else { panic!("the question is not closed") };
    let closed: super::super::ClosedQuestion = serde_json::from_str(value).unwrap();
    closed.answer.map(|answer| answer.payload)
}

pub(super) fn is_open(state: &QuestionState) -> bool {
    matches!(state, QuestionState::Open { .. })
}

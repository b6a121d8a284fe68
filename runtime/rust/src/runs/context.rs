//! The state that all handles of one execution share.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use super::call_tracker::{Activity, CallTracker, Refusal, label, method_name};
use super::waker::JobWaker;
use super::{RunError, RunsError, Shared, events};
use crate::channel::Channel;
use crate::history::Log;
use crate::hub::{CURRENT_RUN, Hub, WakeSignal};
use crate::storage::{
    CallKind, CallSite, CallStart, Claim, Engine, Entry, Outcome, RecordOutcome, RecordedCall, RunHandle,
    StorageError, WaitingEventBuilder,
};
use crate::wire::MessageId;

/// One execution of a run.
pub(super) struct Context {
    pub(super) shared: Arc<Shared>,
    run: RunHandle,
    /// Changes each time the run is claimed again.
    fence: AtomicI64,
    pub(super) run_id: Arc<str>,
    pub(super) log: Arc<Log>,
    /// The number of this attempt, from 1 on.
    pub(super) attempt: u32,
    /// How often the run was retried after it had failed or halted.
    pub(super) retries: u32,
    calls: Mutex<CallTracker>,
    /// Why the execution must end, even if its job continues.
    stop_reason: Mutex<Option<StopReason>>,
    has_progressed: AtomicBool,
    /// The bytes that the run had recorded before this execution.
    loaded_bytes: usize,
    /// The bytes that it has recorded by now.
    journal_bytes: AtomicUsize,
    is_replay: bool,
    /// Whether the run may have unfinished text streams.
    has_streams: AtomicBool,
    /// A call has begun, so the job must be polled once more before its task waits.
    poll_again: AtomicBool,
    /// Notified when a wait may be over: its time has come, a signal arrived, or the run was claimed again.
    pub(super) wake: Arc<WakeSignal>,
    job: Arc<JobWaker>,
    /// The waker that the job is polled with.
    waker: Waker,
}

/// Why an execution ends before its job does.
#[derive(Clone, Debug)]
pub(super) enum StopReason {
    /// The run was cancelled, or another process holds it.
    Lost,
    /// The code no longer matches what the run recorded.
    Halted(String),
    /// The run fails and is not retried, because it makes calls in a way that cannot be replayed or records too much.
    Failed(String),
    /// The storage failed. This does not count as a failure of the run.
    Storage(RunsError),
    /// A branch failed outside of its steps. This is not recorded, so the whole job is retried.
    Retry { message: String, after: Option<Duration> },
}

impl From<Refusal> for StopReason {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Changed(why) => Self::Halted(why),
            Refusal::Misuse(why) => Self::Failed(why),
        }
    }
}

impl Context {
    pub(super) fn new(
        shared: Arc<Shared>,
        claim: Claim,
        run_id: &str,
        attempt: u32,
        calls: Vec<RecordedCall>,
        log: Arc<Log>,
    ) -> Self {
        let job = JobWaker::new(&shared, claim.run);
        let loaded_bytes = calls.iter().map(RecordedCall::bytes).sum();
        Self {
            shared,
            run: claim.run,
            fence: AtomicI64::new(claim.fence),
            run_id: run_id.into(),
            log,
            attempt,
            retries: 0,
            is_replay: false,
            has_streams: AtomicBool::new(calls.iter().any(RecordedCall::is_open_stream)),
            loaded_bytes,
            journal_bytes: AtomicUsize::new(loaded_bytes),
            calls: Mutex::new(CallTracker::new(calls)),
            stop_reason: Mutex::new(None),
            has_progressed: AtomicBool::new(false),
            poll_again: AtomicBool::new(false),
            wake: Arc::default(),
            waker: Waker::from(Arc::clone(&job)),
            job,
        }
    }

    /// Sets how often the run was retried.
    pub(super) fn with_retries(self, retries: u32) -> Self {
        Self { retries, ..self }
    }

    /// Creates the context of a run that is replayed in a test. Calls that are not recorded wait forever.
    pub(super) fn replaying(
        shared: Arc<Shared>,
        run_id: &str,
        calls: Vec<RecordedCall>,
        log: Arc<Log>,
    ) -> Self {
        // Nothing is recorded under this claim.
        Self { is_replay: true, ..Self::new(shared, Claim::default(), run_id, 1, calls, log) }
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.shared.hub
    }

    pub(super) fn channel(&self) -> &Channel {
        self.log.channel()
    }

    pub(super) fn claim(&self) -> Claim {
        Claim { run: self.run, fence: self.fence.load(Ordering::Relaxed) }
    }

    /// Continues under a new claim.
    pub(super) fn resume(&self, claim: Claim) {
        self.fence.store(claim.fence, Ordering::Relaxed);
        self.job.resume();
        self.wake.resume();
    }

    pub(super) fn engine(&self) -> &dyn Engine {
        self.shared.engine()
    }

    /// Returns the log of any channel.
    pub(super) async fn open_log(&self, channel: &Channel) -> Arc<Log> {
        if channel == self.channel() {
            return Arc::clone(&self.log);
        }
        match self.hub().open_log(channel).await {
            Ok(log) => log,
            Err(error) => self.stop(StopReason::Storage(RunsError::from_open_error(error))).await,
        }
    }

    pub(super) fn waiting_event(&self) -> WaitingEventBuilder {
        events::waiting(&self.log, &self.run_id, self.attempt)
    }

    /// Begins a call of a branch. A call never returns in the poll in which it begins, even if its result is
    /// recorded. So the order of calls is the same whether they are replayed or not.
    pub(super) async fn begin(
        self: &Arc<Self>,
        branch: &str,
        kind: CallKind,
        id: &str,
    ) -> Result<Call, RunError> {
        let mut call = None;
        poll_fn(|context| match &call {
            None => {
                let begun = self.begin_now(branch, kind, id, context.waker());
                let is_outside_job = matches!(begun, Err(BeginError::OutsideJob(_)));
                call = Some(begun);
                let is_hasty =
                    bug!(CallReturnsInFirstPoll) && matches!(&call, Some(Ok(call)) if call.outcome.is_some());
                if is_outside_job || is_hasty {
                    return Poll::Ready(());
                }
                self.poll_again.store(true, Ordering::Relaxed);
                Poll::Pending
            }
            Some(_) => Poll::Ready(()),
        })
        .await;
        match call {
            Some(Ok(call)) if self.is_replay && !call.is_recorded() => {
                call.set_activity(Activity::Waiting(self.shared.after(Duration::MAX)));
                std::future::pending().await
            }
            Some(Ok(call)) => Ok(call),
            Some(Err(BeginError::OutsideJob(why))) => {
                self.set_stop_reason(StopReason::Failed(why.clone()));
                Err(RunError::fail(why))
            }
            Some(Err(BeginError::Refused(refusal))) => self.refuse(refusal).await,
            None => unreachable!("the future was polled"),
        }
    }

    fn begin_now(
        self: &Arc<Self>,
        branch: &str,
        kind: CallKind,
        id: &str,
        waker: &Waker,
    ) -> Result<Call, BeginError> {
        let is_here = CURRENT_RUN.try_with(|run_id| Arc::ptr_eq(run_id, &self.run_id)).unwrap_or_default();
        if !is_here || !self.waker.will_wake(waker) {
            return Err(BeginError::OutsideJob(format!(
                "{} {id:?} was not called by the job itself, but in a task that it spawned or in a collection of \
                 futures, whose order is not recorded: use `run.join` or `run.map`",
                method_name(kind)
            )));
        }
        let mut calls = self.calls();
        let (site, outcome) = calls.begin(branch, kind, id).map_err(BeginError::Refused)?;
        let start = CallStart { at: self.shared.storage_time(), began_with: calls.began_with(&site) };
        drop(calls);
        let (context, id) = (Arc::clone(self), id.to_owned());
        Ok(Call { context, site, kind, id, outcome, start, is_finished: false })
    }

    /// Returns whether a version marker is skipped, because the run recorded other calls before the marker
    /// existed.
    pub(super) fn skips_version(&self, branch: &str, id: &str) -> bool {
        !self.calls().is_next_version(branch, id)
    }

    /// Returns the id of the next recorded call of a branch.
    pub(super) fn next_recorded_id(&self, branch: &str) -> Option<String> {
        self.calls().next_recorded(branch).map(|call| call.id.clone())
    }

    /// Ends the execution.
    pub(super) async fn stop<T>(&self, stop: StopReason) -> T {
        self.set_stop_reason(stop);
        let never: Infallible = std::future::pending().await;
        match never {}
    }

    pub(super) async fn refuse<T>(&self, refusal: Refusal) -> T {
        self.stop(refusal.into()).await
    }

    pub(super) async fn fail_storage<T>(&self, error: StorageError) -> T {
        self.stop(StopReason::Storage(error.into())).await
    }

    /// Returns the id of the recorded message, if there is one. If nothing was recorded, stops the execution.
    pub(super) async fn require_recorded(
        &self,
        recorded: Result<RecordOutcome, StorageError>,
    ) -> Option<MessageId> {
        match recorded {
            Ok(RecordOutcome::Committed(id)) => id,
            Ok(RecordOutcome::ClaimLost) => self.stop(StopReason::Lost).await,
            Err(error) => self.fail_storage(error).await,
        }
    }

    /// Counts bytes that are about to be recorded. Stops the execution if the run has recorded too much.
    pub(super) async fn count_recorded(&self, bytes: usize) {
        let total = self.journal_bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if let Err(stop) = self.shared.settings.limits.check_journal(self.loaded_bytes, total) {
            self.stop(stop).await
        }
    }

    fn set_stop_reason(&self, stop: StopReason) {
        self.stop_reason.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(stop);
        self.waker.wake_by_ref();
    }

    /// Returns whether a call has begun since the last time that this was called.
    pub(super) fn take_poll_again(&self) -> bool {
        self.poll_again.swap(false, Ordering::Relaxed)
    }

    pub(super) fn stop_reason(&self) -> Option<StopReason> {
        self.stop_reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins a turn in the task of this waker, and returns the waker to poll the job with.
    pub(super) fn begin_turn(&self, task: &Waker) -> &Waker {
        self.calls().begin_turn();
        self.job.set_task(task);
        &self.waker
    }

    /// Prepares the job to be suspended. From here on, signals make its run due in the journal.
    pub(super) fn prepare_to_suspend(&self) {
        self.wake.pause();
        self.job.suspend();
    }

    /// Claims the run again if the job was woken while the run was being released.
    pub(super) fn handle_missed_wake(&self) {
        self.job.handle_missed_wake();
    }

    /// Returns whether this execution has recorded anything.
    pub(super) fn has_progressed(&self) -> bool {
        self.has_progressed.load(Ordering::Relaxed)
    }

    pub(super) fn progress(&self) {
        self.has_progressed.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_streams(&self) -> bool {
        self.has_streams.load(Ordering::Relaxed)
    }

    pub(super) fn begin_stream(&self) {
        self.has_streams.store(true, Ordering::Relaxed);
    }

    pub(super) fn calls(&self) -> MutexGuard<'_, CallTracker> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum BeginError {
    Refused(Refusal),
    /// The call was made in another task, which must receive an error because stopping the job does not end it.
    OutsideJob(String),
}

/// A call that has begun. If it is dropped before [`finish`](Self::finish), its branch cannot continue.
pub(super) struct Call {
    pub(super) context: Arc<Context>,
    pub(super) site: CallSite,
    pub(super) kind: CallKind,
    pub(super) id: String,
    /// Its recorded outcome, if there is one.
    pub(super) outcome: Option<Outcome>,
    /// When this execution reached the call.
    pub(super) start: CallStart,
    is_finished: bool,
}

impl Call {
    /// Returns whether the call does nothing new itself: it is a fork, or its outcome is recorded.
    fn is_recorded(&self) -> bool {
        self.kind.is_fork() || self.outcome.as_ref().is_some_and(Outcome::is_final)
    }

    /// Marks the call as returned.
    pub(super) fn finish(mut self) {
        self.context.calls().finish(&self.site);
        self.is_finished = true;
    }

    /// Returns the call as messages name it, such as `step "charge"`.
    pub(super) fn label(&self) -> String {
        label(self.kind, &self.id)
    }

    /// Returns the journal entry for this outcome.
    pub(super) fn to_record(&self, outcome: Outcome) -> RecordedCall {
        RecordedCall { site: self.site.clone(), kind: self.kind, id: self.id.clone(), outcome }
    }

    /// Records the outcome, and publishes its message in the same transaction.
    pub(super) async fn record(&self, outcome: Outcome, message: Option<Entry>) -> Option<MessageId> {
        let context = &self.context;
        let is_progress = outcome.is_final();
        let call = self.to_record(outcome);
        // A failed attempt replaces the previous one, and the chunks of a text are counted already.
        if is_progress && call.kind != CallKind::Stream {
            context.count_recorded(call.bytes()).await;
        }
        let start = self.start.clone();
        let recording = context.engine().record_call(context.claim(), call, start, message);
        let id = context.require_recorded(recording.await).await;
        if is_progress {
            context.progress();
        }
        id
    }

    pub(super) fn set_activity(&self, activity: Activity) {
        self.context.calls().set_activity(&self.site, activity);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.is_finished {
            self.context.calls().drop_unfinished(&self.site);
        }
    }
}

//! One execution of a run, from its claim until its end is recorded.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context as TaskContext, Poll};
use std::time::SystemTime;

use super::context::{Context, StopReason};
use super::error::Kind;
use super::job::Executing;
use super::step::{backoff, catch_panic};
use super::stream::{ABANDONED, end_streams, stream_ends};
use super::{RunError, RunsError, Shared, events};
use crate::hub::CURRENT_RUN;
use crate::metrics;
use crate::storage::{ClaimedRun, Engine, Entry, ExecutionEnd, RecordOutcome};

/// How many calls a job may begin before its task yields.
const TURNS: usize = 64;

/// A job being executed. It may be suspended while all its branches wait.
pub(super) struct Execution {
    context: Arc<Context>,
    failures: u32,
    job: Pin<Box<dyn Future<Output = Result<String, RunError>> + Send>>,
}

/// The outcome of one turn of an execution.
pub(super) enum Turn {
    Ended(Result<String, RunError>),
    Stopped(StopReason),
    /// All branches wait, at most until this time.
    Waiting(SystemTime),
}

/// Executes a run that this process has claimed. Continues its suspended execution, or starts from the beginning.
pub(super) async fn execute(shared: &Arc<Shared>, claimed: ClaimedRun, executed: &OnceLock<Arc<Context>>) {
    let (claim, run_id) = (claimed.claim, claimed.run.run_id.clone());
    let execution = match shared.take_suspended(claim) {
        Some(execution) => {
            execution.context.resume(claim);
            Ok(execution)
        }
        None => Execution::begin(shared, &claimed).await,
    };
    let (execution, end, event) = match execution {
        Ok(mut execution) => match execution.turn(executed).await {
            Turn::Waiting(due) => (Some(execution), ExecutionEnd::Waiting { due }, None),
            Turn::Stopped(stop) => {
                let Some((end, event)) = execution.end_for_stop(stop) else { return };
                (None, end, Some(event))
            }
            Turn::Ended(result) => {
                let (end, event) = execution.end_for_result(result);
                (None, end, Some(event))
            }
        },
        Err(end) => (None, end, None),
    };
    report(&run_id, &end);
    let outcome = outcome(&end);
    let due = if let ExecutionEnd::Waiting { due } | ExecutionEnd::Retry { at: due, .. } = end {
        Some(due)
    } else {
        None
    };
    let waiting = execution.map(|execution| {
        let context = Arc::clone(&execution.context);
        context.prepare_to_suspend();
        // Suspend it before it is released, because it may be claimed right after.
        shared.suspend(claim, execution);
        context
    });
    let engine = shared.engine();
    let leaves_streams = matches!(end, ExecutionEnd::Completed(_) | ExecutionEnd::Failed(_))
        && executed.get().is_some_and(|context| context.has_streams());
    // Listed before the run ends, because a retry may begin other streams right after.
    let streams = if leaves_streams {
        stream_ends(&shared.hub, engine, claim.run, &run_id, ABANDONED, |_| true).await
    } else {
        Ok(Vec::new())
    };
    match engine.end_execution(claim, end, event).await {
        Ok(RecordOutcome::Committed(_)) => {
            stop_texts(engine, &run_id, streams).await;
            metrics::record_execution(outcome);
            if let Some(context) = waiting {
                context.handle_missed_wake();
            }
            shared.wake_at(due.unwrap_or_else(|| shared.storage_time()));
        }
        Ok(RecordOutcome::ClaimLost) => {
            tracing::debug!(run_id, "the run was cancelled or is held by another process")
        }
        // The lease will expire, and the run will be executed again.
        Err(error) => tracing::error!(run_id, %error, "failed to record the end of an execution"),
    }
}

/// Returns the metric's label for how an execution ended.
fn outcome(end: &ExecutionEnd) -> &'static str {
    match end {
        ExecutionEnd::Completed(_) => "completed",
        ExecutionEnd::Failed(_) => "failed",
        ExecutionEnd::Retry { .. } => "retried",
        ExecutionEnd::Waiting { .. } => "waiting",
        ExecutionEnd::Halted(_) => "halted",
    }
}

fn report(run_id: &str, end: &ExecutionEnd) {
    match end {
        ExecutionEnd::Halted(why) => tracing::error!(run_id, why, "run halted"),
        ExecutionEnd::Failed(why) => tracing::warn!(run_id, why, "run failed"),
        ExecutionEnd::Retry { failures, .. } => {
            tracing::debug!(run_id, failures, "run will be executed again")
        }
        ExecutionEnd::Completed(_) | ExecutionEnd::Waiting { .. } => {}
    }
}

impl Execution {
    /// Begins to execute a run. If it cannot be executed at all, returns the end to record.
    async fn begin(shared: &Arc<Shared>, claimed: &ClaimedRun) -> Result<Self, ExecutionEnd> {
        let name = &claimed.run.channel;
        let retry = |error: &dyn std::fmt::Display| {
            tracing::error!(run_id = claimed.run.run_id, %error, "failed to begin an execution");
            ExecutionEnd::Retry { at: shared.after(shared.settings.backoff.0), failures: claimed.failures }
        };
        let channel = shared.hub.registry().resolve(name).ok_or_else(|| {
            ExecutionEnd::Halted(format!("this server has no definition for the run's channel {name:?}"))
        })?;
        let log = shared.hub.open_log(&channel).await;
        let log = log.map_err(|error| retry(&RunsError::from_open_error(error)))?;
        let engine = shared.engine();
        let calls = engine.load_calls(claimed.claim.run).await.map_err(|error| retry(&error))?;
        let ClaimedRun { claim, run, failures, crashes, retries } = claimed;
        let attempt = failures.saturating_add(*crashes).saturating_add(1);
        let context = Context::new(Arc::clone(shared), *claim, &run.run_id, attempt, calls, log);
        let context = Arc::new(context.with_retries(*retries));
        tracing::debug!(run_id = claimed.run.run_id, attempt = context.attempt, "executing a run");
        let execution = Self::new(context, &claimed.run.job, claimed.run.input.clone());
        Ok(Self { failures: claimed.failures, ..execution })
    }

    /// Creates an execution that has not been polled yet.
    pub(super) fn new(context: Arc<Context>, job: &str, input: String) -> Self {
        let executing: Executing = match context.shared.jobs.get(job) {
            Some(job) => job.execute(Arc::clone(&context), input),
            None => {
                let (context, why) = (Arc::clone(&context), format!("no job named {job:?} is registered"));
                Box::pin(async move { context.stop(StopReason::Halted(why)).await })
            }
        };
        Self { context, failures: 0, job: Box::pin(catch_panic(executing)) }
    }

    /// Polls the job until it ends, must stop, or all its branches wait.
    pub(super) async fn turn(&mut self, executed: &OnceLock<Arc<Context>>) -> Turn {
        let Self { context, job, .. } = self;
        let context = executed.get_or_init(|| Arc::clone(context));
        let turning = poll_fn(|task| {
            for _ in 0..TURNS {
                let waker = context.begin_turn(task.waker());
                let polled = job.as_mut().poll(&mut TaskContext::from_waker(waker));
                if let Some(stop) = context.stop_reason() {
                    return Poll::Ready(Turn::Stopped(stop));
                }
                if let Poll::Ready(result) = polled {
                    return Poll::Ready(Turn::Ended(result));
                }
                if context.take_poll_again() {
                    continue;
                }
                let due = context.calls().due();
                return due.map_or(Poll::Pending, |due| Poll::Ready(Turn::Waiting(due)));
            }
            // Yield, so that other tasks can run.
            task.waker().wake_by_ref();
            Poll::Pending
        });
        let turn = CURRENT_RUN.scope(Arc::clone(&context.run_id), turning).await;
        let Turn::Ended(result) = turn else { return turn };
        let end = context.calls().end("", result.is_ok());
        match end {
            Ok(()) => Turn::Ended(result),
            Err(refusal) => Turn::Stopped(refusal.into()),
        }
    }

    /// Returns the end to record for a stopped execution, or `None` if this process no longer holds the run.
    fn end_for_stop(&self, stop: StopReason) -> Option<(ExecutionEnd, Entry)> {
        let Context { log, run_id, attempt, shared, .. } = &*self.context;
        match stop {
            StopReason::Lost => None,
            StopReason::Failed(why) => Some(self.end_failed(why)),
            StopReason::Retry { message, after } => {
                Some(self.end_for_result(Err(RunError(Kind::Retry { message, after }))))
            }
            StopReason::Halted(why) => {
                let event = events::halted(log, run_id, &why);
                Some((ExecutionEnd::Halted(why), event))
            }
            StopReason::Storage(error) => {
                let at = shared.after(shared.settings.backoff.0);
                let event = events::running(log, run_id, *attempt, Some(&error.to_string()));
                Some((ExecutionEnd::Retry { at, failures: self.failures }, event))
            }
        }
    }

    fn end_for_result(&self, result: Result<String, RunError>) -> (ExecutionEnd, Entry) {
        let Context { log, run_id, shared, .. } = &*self.context;
        let error = match result {
            Ok(result) => {
                let event = events::completed(log, run_id, &result);
                return (ExecutionEnd::Completed(result), event);
            }
            Err(error) => shared.settings.limits.shorten(error),
        };
        match error.0 {
            Kind::Fail(message) => self.end_failed(message),
            Kind::Retry { message, after } => {
                let failures =
                    if self.context.has_progressed() { 1 } else { self.failures.saturating_add(1) };
                if failures > shared.settings.max_retries {
                    return self.end_failed(message);
                }
                let at = shared.after(after.unwrap_or_else(|| backoff(shared.settings.backoff, failures)));
                let event = events::running(log, run_id, failures.saturating_add(1), Some(&message));
                (ExecutionEnd::Retry { at, failures }, event)
            }
        }
    }

    fn end_failed(&self, message: String) -> (ExecutionEnd, Entry) {
        let event = events::failed(&self.context.log, &self.context.run_id, &message);
        (ExecutionEnd::Failed(message), event)
    }
}

/// Fails a run whose process died repeatedly while executing it.
pub(super) async fn give_up(shared: &Arc<Shared>, claimed: &ClaimedRun) {
    let ClaimedRun { claim, run, crashes, .. } = claimed;
    let run_id = &run.run_id;
    let why = format!("the server's process ended {crashes} times in a row while it executed this run");
    let event = match shared.hub.registry().resolve(&run.channel) {
        Some(channel) => shared.hub.open_log(&channel).await.ok(),
        None => None,
    };
    let event = event.map(|log| events::failed(&log, run_id, &why));
    tracing::error!(run_id, why, "run failed");
    let engine = shared.engine();
    let streams = stream_ends(&shared.hub, engine, claim.run, run_id, &why, |_| true).await;
    if let Err(error) = engine.end_execution(*claim, ExecutionEnd::Failed(why), event).await {
        return tracing::error!(run_id, %error, "failed to record the end of a run");
    }
    stop_texts(engine, run_id, streams).await;
}

/// Ends the text streams that a run left open.
async fn stop_texts(engine: &dyn Engine, run_id: &str, streams: Result<Vec<(String, Entry)>, RunsError>) {
    let ended = match streams {
        Ok(streams) => end_streams(engine, streams).await,
        Err(error) => Err(error),
    };
    if let Err(error) = ended {
        tracing::error!(run_id, %error, "failed to end the text streams of a run");
    }
}

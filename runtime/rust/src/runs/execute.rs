//! One execution of a run, from its claim to what is written down of its end.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::error::Kind;
use super::{Context, RunError, Shared, news};
use crate::hub::CURRENT_RUN;
use crate::storage::{Claimed, End, Entry, Settled};

/// Executes a run that this process holds.
pub(super) async fn execute(shared: Arc<Shared>, claimed: Claimed) {
    let run_id = claimed.run.run_id.clone();
    let Some(channel) = shared.hub.registry().resolve(&claimed.run.channel) else {
        tracing::error!(run_id, channel = claimed.run.channel, "no definition knows the channel of a run");
        return;
    };
    let log = match shared.hub.open_log(&channel).await {
        Ok(log) => log,
        Err(error) => return tracing::error!(run_id, ?error, "the channel of a run cannot be opened"),
    };
    // Only registered jobs are claimed.
    let Some(job) = shared.jobs.get(claimed.run.job.as_str()).cloned() else { return };
    let (failures, input) = (claimed.failures, claimed.run.input.clone());
    let context = Arc::new(Context::new(Arc::clone(&shared), claimed, log));
    tracing::debug!(run_id, attempt = context.attempt, "executing");
    let executing = job.execute(Arc::clone(&context), &input);
    let result = CURRENT_RUN.scope(Arc::clone(&context.run_id), caught(executing)).await;
    let result = match context.stopped() {
        Some(stopped) => Err(stopped),
        None => result.and_then(|result| context.check_end().map(|()| result)),
    };
    let Some((end, news)) = ended(&shared, &context, failures, result).await else { return };
    let settled = match context.engine() {
        Ok(engine) => engine.settle(context.hold, end, news).await,
        Err(_) => return,
    };
    match settled {
        Ok(Settled::Kept) => shared.wake.notify_one(),
        Ok(Settled::Lost) => tracing::debug!(run_id, "the run is in other hands"),
        // Its lease ends, and it is executed again.
        Err(error) => tracing::error!(run_id, %error, "the end of a run could not be written down"),
    }
}

/// A job that panics has failed like any other.
async fn caught(executing: impl Future<Output = Result<String, RunError>>) -> Result<String, RunError> {
    use futures_util::FutureExt;

    let result = std::panic::AssertUnwindSafe(executing).catch_unwind().await;
    result.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(RunError::retry(format!("the job panicked: {}", text.as_deref().unwrap_or("without a message"))))
    })
}

/// What is to be written down of an end, and told; nothing where the run is not ours any more.
async fn ended(
    shared: &Shared,
    context: &Context,
    failures: u32,
    result: Result<String, RunError>,
) -> Option<(End, Entry)> {
    let (log, run_id) = (&context.log, &*context.run_id);
    let error = match result {
        Ok(result) => {
            let news = news::completed(log, run_id, &result);
            return Some((End::Completed(result), news));
        }
        Err(error) => error,
    };
    match error.0 {
        Kind::Lost => None,
        Kind::Halted(why) => {
            tracing::error!(run_id, why, "a run is halted");
            let news = news::halted(log, run_id, &why);
            Some((End::Halted(why), news))
        }
        Kind::Fail(message) => Some((End::Failed(message.clone()), news::failed(log, run_id, &message))),
        Kind::Storage(message) => {
            let at = SystemTime::now() + shared.settings.first_retry;
            let news = news::running(log, run_id, failures + 1, Some(&message));
            Some((End::Retry { at, failures }, news))
        }
        Kind::Retry { message, after } => {
            let failures = if has_got_further(shared, context).await { 1 } else { failures + 1 };
            if failures > shared.settings.retries {
                return Some((End::Failed(message.clone()), news::failed(log, run_id, &message)));
            }
            let at = SystemTime::now() + after.unwrap_or_else(|| backoff(shared, failures));
            let news = news::running(log, run_id, failures + 1, Some(&message));
            Some((End::Retry { at, failures }, news))
        }
    }
}

/// Whether this execution has written anything down.
async fn has_got_further(shared: &Shared, context: &Context) -> bool {
    let Ok(engine) = shared.engine() else { return false };
    let record = engine.find(context.run_id.to_string()).await;
    record.ok().flatten().is_some_and(|record| record.steps as usize > context.recorded())
}

fn backoff(shared: &Shared, failures: u32) -> Duration {
    let doubled = shared.settings.first_retry.saturating_mul(1 << (failures - 1).min(20));
    doubled.min(shared.settings.longest_retry)
}

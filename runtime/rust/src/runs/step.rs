//! Steps: work whose result is recorded.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::context::{Call, StopReason};
use super::error::Kind;
use super::{Run, RunError, events};
use crate::channel::TypedChannel;
use crate::clock;
use crate::storage::{CallKind, Entry, Outcome};

/// Options of a step: its timeout and its retry policy.
///
/// Options that are not set default to the settings of [`RunsBuilder`](super::RunsBuilder).
///
/// ```
/// # use std::time::Duration;
/// # use fanfare::{Run, RunError, StepOptions, TypedChannel};
/// # async fn charge() -> Result<String, std::io::Error> { Ok("receipt".into()) }
/// # async fn job<C: TypedChannel>(run: Run<C>) -> Result<(), RunError> {
/// let options = StepOptions::new().timeout(Duration::from_secs(20)).max_retries(8);
/// let receipt = run.step_with("charge", options, async || charge().await).await?;
/// # drop(receipt);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "options do nothing until a step is run with them"]
pub struct StepOptions {
    timeout: Option<Duration>,
    retries: Option<u32>,
    backoff: Option<(Duration, Duration)>,
}

impl StepOptions {
    /// Creates options with all defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long one attempt may take. An attempt that takes longer is dropped and counts as failed.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets how often the step is retried before it fails.
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.retries = Some(retries);
        self
    }

    /// Sets the delay before a retry: `first`, then twice as long each time, up to `max`.
    pub fn backoff(mut self, first: Duration, max: Duration) -> Self {
        self.backoff = Some((first, max));
        self
    }
}

impl<C: TypedChannel> Run<C> {
    /// Does work and records its result. When the run is executed again, the step returns the recorded result
    /// without doing the work again.
    ///
    /// `work` runs at least once. It runs again if it fails, panics or takes too long, or if the process is killed
    /// before the result is recorded. After the last attempt the failure itself is recorded, and the step returns
    /// it each time. Pass it on with `?` to fail the run, or handle it like any other value.
    ///
    /// # Errors
    /// Returns the error of `work` in its last attempt.
    pub async fn step<T, E, F>(&self, id: &str, work: impl FnMut() -> F) -> Result<T, RunError>
    where
        T: Serialize + DeserializeOwned,
        E: Into<RunError>,
        F: Future<Output = Result<T, E>>,
    {
        self.step_with(id, StepOptions::new(), work).await
    }

    /// Does work and records its result, like [`step`](Self::step), with a timeout or a retry policy of its own.
    ///
    /// # Errors
    /// Returns the error of `work` in its last attempt.
    pub async fn step_with<T, E, F>(
        &self,
        id: &str,
        options: StepOptions,
        mut work: impl FnMut() -> F,
    ) -> Result<T, RunError>
    where
        T: Serialize + DeserializeOwned,
        E: Into<RunError>,
        F: Future<Output = Result<T, E>>,
    {
        let call = self.begin(CallKind::Step, id).await?;
        let recorded = match call.recorded_or_failures().await {
            Ok(recorded) => recorded,
            Err(failures) => Policy::new(&call, options).run(&call, failures, &mut work, |_| None).await,
        };
        self.end_step(call, recorded).await
    }

    /// Returns the recorded value or failure of a step.
    pub(super) async fn end_step<T: DeserializeOwned>(
        &self,
        call: Call,
        recorded: Result<String, String>,
    ) -> Result<T, RunError> {
        let value = match recorded {
            Ok(value) => value,
            Err(error) => {
                call.finish();
                return Err(RunError::fail(error));
            }
        };
        // Decode the recorded value even if it is new, so that the job receives the same value in every execution.
        match serde_json::from_str(&value) {
            Ok(value) => {
                call.finish();
                Ok(value)
            }
            Err(error) => {
                let why =
                    format!("the recorded value of step {:?} does not match its type: {error}", call.id);
                self.context.stop(StopReason::Halted(why)).await
            }
        }
    }
}

impl Call {
    /// Returns the recorded value or failure of a step. If there is none, waits until the next attempt is due, and returns
    /// how often the step has failed.
    pub(super) async fn recorded_or_failures(&self) -> Result<Result<String, String>, u32> {
        match &self.outcome {
            Some(Outcome::Value(value)) => Ok(Ok(value.clone())),
            Some(Outcome::Error(error)) => Ok(Err(error.clone())),
            Some(Outcome::Begun { failures, due }) => Err(self.wait_for_retry(*failures, *due).await),
            None => Err(0),
        }
    }

    /// Waits until the next attempt of a failed step is due, and returns its number of failures.
    pub(super) async fn wait_for_retry(&self, failures: u32, due: i64) -> u32 {
        self.wait_until(clock::from_milliseconds(due)).await;
        failures
    }
}

pub(super) struct Policy {
    pub(super) timeout: Duration,
    retries: u32,
    backoff: (Duration, Duration),
}

impl Policy {
    pub(super) fn new(call: &Call, options: StepOptions) -> Self {
        let defaults = &call.context.shared.settings;
        Self {
            timeout: options.timeout.unwrap_or(defaults.step_timeout),
            retries: options.retries.unwrap_or(defaults.max_retries),
            backoff: options.backoff.unwrap_or(defaults.backoff),
        }
    }

    /// Attempts the work until it succeeds or fails for good, and records the outcome together with its message.
    pub(super) async fn run<T, E, F>(
        &self,
        call: &Call,
        mut failures: u32,
        mut work: impl FnMut() -> F,
        message_of: impl Fn(&Outcome) -> Option<Entry>,
    ) -> Result<String, String>
    where
        T: Serialize,
        E: Into<RunError>,
        F: Future<Output = Result<T, E>>,
    {
        loop {
            match self.attempt(call, &mut work).await {
                Ok(value) => {
                    let outcome = Outcome::Value(value.clone());
                    let ending = message_of(&outcome);
                    if !bug!(StepNotRecorded) {
                        call.record(outcome, ending).await;
                    }
                    return Ok(value);
                }
                Err(error) => self.record_failure(call, &mut failures, error, &message_of).await?,
            }
        }
    }

    /// Records a failed attempt, and waits until the next one is due. Returns the failure if it is the last one.
    pub(super) async fn record_failure(
        &self,
        call: &Call,
        failures: &mut u32,
        error: RunError,
        message_of: impl Fn(&Outcome) -> Option<Entry>,
    ) -> Result<(), String> {
        let (message, after) = match error.0 {
            Kind::Retry { message, after } if *failures < self.retries => (message, after),
            Kind::Retry { message, .. } | Kind::Fail(message) => {
                let outcome = Outcome::Error(message.clone());
                let ending = message_of(&outcome);
                call.record(outcome, ending).await;
                return Err(message);
            }
        };
        *failures += 1;
        let context = &call.context;
        let due = context.shared.after(after.unwrap_or_else(|| backoff(self.backoff, *failures)));
        let event = events::running(&context.log, &context.run_id, *failures + 1, Some(&message));
        let begun = Outcome::Begun { failures: *failures, due: clock::to_milliseconds(due) };
        call.record(begun, Some(event)).await;
        call.wait_until(due).await;
        Ok(())
    }

    /// Attempts the work once, and returns its value as JSON.
    pub(super) async fn attempt<T, E, F>(
        &self,
        call: &Call,
        work: &mut impl FnMut() -> F,
    ) -> Result<String, RunError>
    where
        T: Serialize,
        E: Into<RunError>,
        F: Future<Output = Result<T, E>>,
    {
        #[cfg(feature = "testing")]
        if let Some(scripted) = call.begin_scripted().await {
            return scripted;
        }
        let attempt = catch_panic(async { work().await.map_err(Into::into) });
        let result = tokio::time::timeout(self.timeout, attempt).await.unwrap_or_else(|_| {
            Err(RunError::retry(format!(
                "step {:?} took longer than its timeout of {:?}",
                call.id, self.timeout
            )))
        });
        let limits = &call.context.shared.settings.limits;
        let result = result.map_err(|error| limits.shorten(error))?;
        let value = serde_json::to_string(&result).map_err(|error| {
            RunError::fail(format!("the value of step {:?} cannot be serialized as JSON: {error}", call.id))
        })?;
        // The writer of a text stream checks its text.
        if call.kind == CallKind::Step {
            limits.check_value(&call.label(), value.len())?;
        }
        #[cfg(feature = "testing")]
        call.end_scripted().await;
        Ok(value)
    }
}

/// Returns the delay after this many failures.
pub(super) fn backoff((first, max): (Duration, Duration), failures: u32) -> Duration {
    first.saturating_mul(1 << (failures.max(1) - 1).min(20)).min(max)
}

/// Turns a panic into an error that is retried.
pub(super) async fn catch_panic<T>(work: impl Future<Output = Result<T, RunError>>) -> Result<T, RunError> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(RunError::retry(format!("panicked: {}", text.as_deref().unwrap_or("without a message"))))
    })
}

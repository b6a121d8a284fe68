//! Runs that a test steers.

use std::fmt;
use std::future::poll_fn;
use std::ops::Deref;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::channel::{Signal, TypedChannel};
use crate::payload::Decode;
use crate::runs::{Action, Job, RunError, RunStatus, Runs, RunsBuilder, RunsError};
use crate::signal::SendSignal;
use crate::subscribe::{RunEvents, SubscribeError};

/// Runs of a test hub, whose steps the test can plan. It is a [`Runs`].
///
/// A plan is for the next attempt of a step that has this id, in any run. Several plans for one step are for
/// consecutive attempts. See [`testing`](super) for an example.
pub struct TestRuns(Runs);

impl TestRuns {
    /// Builds the runs, with the jobs and settings of the application.
    ///
    /// # Errors
    /// Returns an error in the cases in which [`RunsBuilder::build`] does.
    pub async fn build(builder: RunsBuilder) -> Result<Self, RunsError> {
        Ok(Self(builder.build().await?))
    }

    /// Makes the next attempt of a step return a value without doing its work.
    ///
    /// # Panics
    /// Panics if the value cannot be serialized as JSON.
    pub fn return_from_step<T: Serialize + ?Sized>(&self, step: &str, value: &T) {
        let value = serde_json::to_string(value)
            .unwrap_or_else(|error| panic!("the value for step {step:?} cannot be serialized: {error}"));
        self.0.script().plan(step, Action::Return(value));
    }

    /// Makes the next attempt of a step, or of a text stream, fail without doing its work.
    pub fn fail_step(&self, step: &str, error: RunError) {
        self.0.script().plan(step, Action::Fail(error));
    }

    /// Makes the process crash when the next attempt of a step, or of a text stream, begins: its run is executed again
    /// from the beginning once the lease has expired, with the results of the calls that it had recorded.
    ///
    /// It is the process that crashes only as far as this run can tell: other runs continue.
    pub fn crash_before_step(&self, step: &str) {
        self.0.script().plan(step, Action::CrashBefore);
    }

    /// Makes the process crash like [`crash_before_step`](Self::crash_before_step), but after the step has done its work
    /// and before the result is recorded: the work will be done again.
    pub fn crash_after_step(&self, step: &str) {
        self.0.script().plan(step, Action::CrashAfter);
    }

    /// Returns the steps whose plans were not carried out, because no run got there.
    #[must_use]
    pub fn unused_plans(&self) -> Vec<String> {
        self.0.script().unused()
    }

    /// Starts a run, as [`Runs::start`] does.
    ///
    /// # Errors
    /// Returns an error in the cases in which [`Runs::start`] does.
    ///
    /// # Panics
    /// Panics if the hub is shut down.
    pub async fn start<C: TypedChannel, I: Serialize>(
        &self,
        job: &Job<C, I>,
        run_id: &str,
        channel: &C,
        input: &I,
    ) -> Result<TestRun<C>, RunsError> {
        self.0.start(job, run_id, channel, input).await?;
        self.run(run_id, channel).await
    }

    /// Starts a run that pauses before each attempt of a step or a text stream. [`TestRun::next_step`] continues it.
    ///
    /// # Errors
    /// Returns an error in the cases in which [`Runs::start`] does.
    ///
    /// # Panics
    /// Panics if the hub is shut down.
    pub async fn start_paused<C: TypedChannel, I: Serialize>(
        &self,
        job: &Job<C, I>,
        run_id: &str,
        channel: &C,
        input: &I,
    ) -> Result<TestRun<C>, RunsError> {
        self.0.script().pause_at_steps(run_id);
        self.start(job, run_id, channel, input).await
    }

    /// Returns a run that the application has started.
    ///
    /// # Errors
    /// Returns an error if the storage fails or the hub has no definition of the channel.
    ///
    /// # Panics
    /// Panics if the hub is shut down.
    pub async fn run<C: TypedChannel>(&self, run_id: &str, channel: &C) -> Result<TestRun<C>, RunsError> {
        let events = RunEvents::open(self.0.hub(), channel.channel()).await;
        let events = events.map_err(|error| match error {
            SubscribeError::Storage(error) => RunsError::Storage(error),
            SubscribeError::UnknownChannel { .. } => RunsError::UnknownChannel,
            SubscribeError::Closed => panic!("{error}"),
        })?;
        let (runs, run_id, channel) = (self.0.clone(), run_id.to_owned(), channel.clone());
        Ok(TestRun { runs, run_id, channel, events: tokio::sync::Mutex::new(events) })
    }
}

impl Deref for TestRuns {
    type Target = Runs;

    fn deref(&self) -> &Runs {
        &self.0
    }
}

impl fmt::Debug for TestRuns {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TestRuns").finish_non_exhaustive()
    }
}

/// A run that a test observes. Returned by [`TestRuns::start`].
pub struct TestRun<C> {
    runs: Runs,
    run_id: String,
    channel: C,
    events: tokio::sync::Mutex<RunEvents>,
}

impl<C: TypedChannel> TestRun<C> {
    /// Returns the run's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.run_id
    }

    /// Returns the channel that the run is on.
    #[must_use]
    pub fn channel(&self) -> &C {
        &self.channel
    }

    /// Returns the state of the run now.
    ///
    /// # Panics
    /// Panics if the storage fails, or if the run was deleted.
    pub async fn status(&self) -> RunStatus {
        let status = self.runs.status(&self.run_id).await.unwrap_or_else(|error| panic!("{error}"));
        status.unwrap_or_else(|| panic!("there is no run {:?}: start it first", self.run_id))
    }

    /// Returns the calls that the run has completed, in the order in which they began, such as `step "fetch"` or
    /// `sleep "a pause"`. Those of branches come after the others.
    ///
    /// # Panics
    /// Panics if the storage fails, or if the run was deleted.
    pub async fn completed_calls(&self) -> Vec<String> {
        let calls = self.runs.completed_calls(&self.run_id).await.unwrap_or_else(|error| panic!("{error}"));
        calls.unwrap_or_else(|| panic!("there is no run {:?}: start it first", self.run_id))
    }

    /// Returns the recorded value of a step: what it returned to the job.
    ///
    /// # Panics
    /// Panics if the step is not completed, failed for good, or has another type.
    pub async fn step_value<T: DeserializeOwned>(&self, step: &str) -> T {
        let value = self.runs.step_value(&self.run_id, step).await.unwrap_or_else(|error| panic!("{error}"));
        let value = value.unwrap_or_else(|| panic!("step {step:?} of {:?} has no value yet", self.run_id));
        serde_json::from_str(&value)
            .unwrap_or_else(|error| panic!("step {step:?} has a value of another type, {value}: {error}"))
    }

    /// Continues a run that was started with [`TestRuns::start_paused`], and returns the id of the step at which it pauses
    /// next: before its first attempt, or before another one. Returns `None` if the run ends or waits for a signal first.
    ///
    /// Time passes until then, so sleeps before the step end.
    pub async fn next_step(&self) -> Option<String> {
        let script = self.runs.script();
        script.resume(&self.run_id);
        loop {
            if let Some(step) = script.paused_at(&self.run_id) {
                return Some(step);
            }
            if !matches!(self.status().await, RunStatus::Running) {
                return None;
            }
            tokio::select! {
                _ = script.wait_for_pause(&self.run_id) => {}
                () = self.next_event() => {}
            }
        }
    }

    /// Lets a run that was started with [`TestRuns::start_paused`] continue without further pauses.
    pub fn resume(&self) {
        self.runs.script().stop_pausing(&self.run_id);
    }

    /// Waits until the run waits for signals, and returns their names.
    ///
    /// # Panics
    /// Panics if the run ends before that, or is paused.
    pub async fn waits_for(&self) -> Vec<String> {
        loop {
            match self.status().await {
                RunStatus::Waiting(names) => return names,
                RunStatus::Running => self.next_change().await,
                ended => panic!("the run {:?} does not wait for a signal: {ended:?}", self.run_id),
            }
        }
    }

    /// Sends the run a signal, as [`Hub::signal`](crate::Hub::signal) does. If the run does not wait for it yet, the
    /// signal is kept until it does.
    pub fn answer<'s, P: ?Sized>(&'s self, signal: Signal<'s, P>, payload: &'s P) -> SendSignal<'s, P> {
        self.runs.hub().signal(signal, payload).run_id(self.run_id.as_str())
    }

    /// Waits until the run has ended or halted, and returns its final state. Time passes until then.
    ///
    /// # Panics
    /// Panics if the run waits for a signal, or is paused. To let a wait time out, call
    /// [`TestClock::advance`](super::TestClock::advance) before.
    pub async fn ended(&self) -> RunStatus {
        loop {
            match self.status().await {
                RunStatus::Running => self.next_change().await,
                RunStatus::Waiting(names) => panic!(
                    "the run {:?} waits for {names:?}: answer it with `TestRun::answer`, or let the wait time out with \
                     `TestClock::advance`",
                    self.run_id
                ),
                ended => return ended,
            }
        }
    }

    /// Waits like [`ended`](Self::ended), and returns the result.
    ///
    /// # Panics
    /// Panics if the run does not complete.
    pub async fn result(&self) -> C::Result
    where
        C::Result: Decode,
    {
        match self.ended().await {
            RunStatus::Completed(result) => {
                let result = serde_json::from_str(&result).map(C::Result::from_value);
                match result {
                    Ok(Ok(result)) => result,
                    other => {
                        panic!("the result of {:?} has another type: {:?}", self.run_id, other.map(drop))
                    }
                }
            }
            other => panic!("the run {:?} did not complete: {other:?}", self.run_id),
        }
    }

    /// Waits until the state of the run may have changed.
    async fn next_change(&self) {
        let script = self.runs.script();
        if let Some(step) = script.paused_at(&self.run_id) {
            panic!(
                "the run {:?} is paused at step {step:?}: continue it with `TestRun::next_step`",
                self.run_id
            );
        }
        tokio::select! {
            _ = script.wait_for_pause(&self.run_id) => {}
            () = self.next_event() => {}
        }
    }

    async fn next_event(&self) {
        let mut events = self.events.lock().await;
        let event = poll_fn(|context| events.poll_event(context)).await;
        event.unwrap_or_else(|error| panic!("the run {:?} cannot continue: {error}", self.run_id));
    }
}

impl<C> fmt::Debug for TestRun<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TestRun({})", self.run_id)
    }
}

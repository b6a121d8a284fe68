//! Jobs: what runs execute.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::context::{Context, StopReason};
use super::{Run, RunError, Shared, StartError};
use crate::channel::TypedChannel;
use crate::metrics::{self, Limit};
use crate::schema;

/// The maximum length of a run's id, in characters.
const MAX_RUN_ID_LENGTH: usize = 256;

/// A registered job with channel type `C` and input type `I`. Start its runs with [`Runs::start`](super::Runs::start).
pub struct Job<C, I> {
    name: &'static str,
    shared: Arc<OnceLock<Arc<Shared>>>,
    of: PhantomData<fn(C, I)>,
}

impl<C: TypedChannel, I: Serialize> Job<C, I> {
    pub(super) fn new(name: &'static str, shared: Arc<OnceLock<Arc<Shared>>>) -> Self {
        Self { name, shared, of: PhantomData }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn shared(&self) -> Result<&Arc<Shared>, StartError> {
        self.shared.get().ok_or(StartError::NotStarted)
    }

    /// Starts a run on a channel. Once this returns, the run is recorded and will be executed to its end, even if
    /// the server restarts. If a run with this id exists, it is left unchanged.
    ///
    /// # Errors
    /// If the run could not be recorded.
    pub async fn start(&self, run_id: &str, channel: &C, input: &I) -> Result<StartOutcome, StartError> {
        let shared = self.shared()?;
        if run_id.is_empty() || run_id.chars().nth(MAX_RUN_ID_LENGTH).is_some() {
            return Err(StartError::Id);
        }
        let input = serde_json::to_string(input).map_err(|error| StartError::Input(error.to_string()))?;
        let (bytes, max) = (input.len(), shared.settings.limits.input);
        if bytes > max {
            metrics::limit_reached(Limit::RunInputBytes);
            return Err(StartError::InputTooLarge { bytes, max });
        }
        shared.add(self.name, run_id, channel.channel(), input).await
    }
}

/// The effect of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartOutcome {
    /// The run is new.
    New,
    /// A run with this id exists. It is unchanged.
    Existing,
}

impl<C, I> Clone for Job<C, I> {
    fn clone(&self) -> Self {
        Self { name: self.name, shared: Arc::clone(&self.shared), of: PhantomData }
    }
}

impl<C, I> fmt::Debug for Job<C, I> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Job({})", self.name)
    }
}

pub(super) type Executing = Pin<Box<dyn Future<Output = Result<String, RunError>> + Send>>;

/// A job with its channel and input types erased.
pub(super) trait AnyJob: Send + Sync {
    /// Executes a run and returns its result in JSON.
    fn execute(&self, context: Arc<Context>, input: String) -> Executing;
}

pub(super) struct TypedJob<C, I, F> {
    function: Arc<F>,
    of: PhantomData<fn(C, I)>,
}

impl<C, I, F> TypedJob<C, I, F> {
    pub(super) fn new(function: F) -> Self {
        Self { function: Arc::new(function), of: PhantomData }
    }
}

impl<C, I, F, R> AnyJob for TypedJob<C, I, F>
where
    C: TypedChannel,
    I: DeserializeOwned + Send + 'static,
    F: Fn(Run<C>, I) -> R + Send + Sync + 'static,
    R: Future<Output = Result<C::Result, RunError>> + Send + 'static,
{
    fn execute(&self, context: Arc<Context>, input: String) -> Executing {
        let function = Arc::clone(&self.function);
        // Do everything inside the future, because panics are caught only while it is polled.
        Box::pin(async move {
            let Some(channel) = C::from_channel(context.channel().clone()) else {
                let why = "the run's channel has another definition than its job expects";
                return context.stop(StopReason::Halted(why.into())).await;
            };
            let input = match serde_json::from_str(&input) {
                Ok(input) => input,
                Err(error) => {
                    let why = format!("the recorded input does not match the job's input type: {error}");
                    return context.stop(StopReason::Halted(why)).await;
                }
            };
            let limits = context.shared.settings.limits;
            let (_over, run) = Run::new(context, channel, "".into());
            let result = function(run, input).await?;
            if let Some(definition) = C::DEFINITION.result {
                schema::check(definition, &result).map_err(|issues| {
                    let issues: Vec<_> = issues.iter().map(ToString::to_string).collect();
                    RunError::fail(format!("the result does not match its schema: {}", issues.join("; ")))
                })?;
            }
            let result = serde_json::to_string(&result)?;
            limits.check_result(result.len())?;
            Ok(result)
        })
    }
}

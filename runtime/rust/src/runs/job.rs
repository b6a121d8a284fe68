//! Jobs: what runs execute.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::context::{Context, StopReason};
use super::{Run, RunError};
use crate::channel::TypedChannel;
use crate::schema;

/// The maximum length of a run's id, in characters.
pub(super) const MAX_RUN_ID_LENGTH: usize = 256;

/// A handle to a registered job, which starts its runs. `C` is the type of the job's channels, `I` the type of
/// its input. See [`Runs::start`](super::Runs::start).
pub struct Job<C, I> {
    name: &'static str,
    types: PhantomData<fn(C, I)>,
}

impl<C, I> Job<C, I> {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, types: PhantomData }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
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
        *self
    }
}

impl<C, I> Copy for Job<C, I> {}

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
    types: PhantomData<fn(C, I)>,
}

impl<C, I, F> TypedJob<C, I, F> {
    pub(super) fn new(function: F) -> Self {
        Self { function: Arc::new(function), types: PhantomData }
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
            let (returned, run) = Run::new(context, channel);
            let result = function(run, input).await;
            returned.send_replace(true);
            let result = result?;
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

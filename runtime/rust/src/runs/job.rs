//! Jobs: what runs execute.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Context, Run, RunError, Shared, StartError};
use crate::channel::TypedChannel;
use crate::schema;

/// The longest id of a run, in characters.
const MAX_ID: usize = 256;

/// A registered job, to start runs of.
pub struct Job<C, I> {
    name: &'static str,
    shared: Arc<OnceLock<Arc<Shared>>>,
    of: PhantomData<fn(C, I)>,
}

impl<C: TypedChannel, I: Serialize> Job<C, I> {
    pub(super) fn new(name: &'static str, shared: Arc<OnceLock<Arc<Shared>>>) -> Self {
        Self { name, shared, of: PhantomData }
    }

    /// Starts a run on a channel. It is written down when this comes back, and will be executed
    /// to its end, whatever happens to the server. Tells whether it is new: of two starts with one
    /// id the first counts.
    ///
    /// # Errors
    /// When it could not be written down.
    pub async fn start(&self, run_id: &str, channel: &C, input: &I) -> Result<bool, StartError> {
        let shared = self.shared.get().ok_or(StartError::NotStarted)?;
        if run_id.is_empty() || run_id.chars().nth(MAX_ID).is_some() {
            return Err(StartError::Id);
        }
        let input = serde_json::to_string(input).map_err(|error| StartError::Input(error.to_string()))?;
        shared.add(self.name, run_id, channel.channel(), input).await
    }
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

type Executing = Pin<Box<dyn Future<Output = Result<String, RunError>> + Send>>;

/// A job whose types are known to itself only.
pub(super) trait AnyJob: Send + Sync {
    /// Executes a run, and gives its result in JSON.
    fn execute(&self, context: Arc<Context>, input: &str) -> Executing;
}

pub(super) struct TypedJob<C, I, F> {
    function: F,
    of: PhantomData<fn(C, I)>,
}

impl<C, I, F> TypedJob<C, I, F> {
    pub(super) fn new(function: F) -> Self {
        Self { function, of: PhantomData }
    }
}

impl<C, I, F, R> AnyJob for TypedJob<C, I, F>
where
    C: TypedChannel,
    I: DeserializeOwned + Send + 'static,
    F: Fn(Run<C>, I) -> R + Send + Sync,
    R: Future<Output = Result<C::Result, RunError>> + Send + 'static,
{
    fn execute(&self, context: Arc<Context>, input: &str) -> Executing {
        let Some(channel) = C::from_channel(context.channel().clone()) else {
            let message = "the run's channel is not of the definition that its job is for";
            return Box::pin(std::future::ready(Err(RunError::halted(message))));
        };
        let input = match serde_json::from_str(input) {
            Ok(input) => input,
            Err(error) => {
                let message = format!("the run's input is not what its job takes now: {error}");
                return Box::pin(std::future::ready(Err(RunError::halted(message))));
            }
        };
        let executing = (self.function)(Run::new(context, channel), input);
        Box::pin(async move {
            let result = executing.await?;
            if let Some(definition) = C::DEFINITION.result {
                schema::check(definition, &result).map_err(|issues| {
                    let issues: Vec<_> = issues.iter().map(ToString::to_string).collect();
                    RunError::fail(format!("the result breaks its definition: {}", issues.join("; ")))
                })?;
            }
            Ok(serde_json::to_string(&result)?)
        })
    }
}

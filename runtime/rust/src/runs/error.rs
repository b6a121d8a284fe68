//! Errors of runs.

use std::fmt;
use std::time::Duration;

use crate::hub::OpenError;
use crate::storage::StorageError;

/// The error of a job or a step. It determines whether, and when, the work is retried. Every standard error converts into one that is retried,
/// so `?` usually does the right thing. Use [`RunError::fail`] for failures that a retry cannot fix.
///
/// Calls of [`Runs`](super::Runs), outside of jobs, return a [`RunsError`].
///
/// ```
/// use fanfare::RunError;
///
/// fn parse(text: &str) -> Result<u32, RunError> {
///     if text.is_empty() {
///         return Err(RunError::fail("nothing to parse"));
///     }
///     Ok(text.parse()?)
/// }
/// # assert!(parse("").is_err() && parse("x").is_err());
/// ```
#[derive(Debug)]
pub struct RunError(pub(super) Kind);

#[derive(Debug)]
pub(super) enum Kind {
    Retry { message: String, after: Option<Duration> },
    Fail(String),
}

impl RunError {
    /// Creates an error that is retried after the backoff of the step or job.
    pub fn retry(message: impl Into<String>) -> Self {
        Self(Kind::Retry { message: message.into(), after: None })
    }

    /// Creates an error that is retried after `after`.
    pub fn retry_after(message: impl Into<String>, after: Duration) -> Self {
        Self(Kind::Retry { message: message.into(), after: Some(after) })
    }

    /// Creates an error that is not retried. It fails the step, and also the run unless the job handles it.
    pub fn fail(message: impl Into<String>) -> Self {
        Self(Kind::Fail(message.into()))
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Kind::Retry { message, .. } | Kind::Fail(message)) = &self.0;
        formatter.write_str(message)
    }
}

impl<E: std::error::Error> From<E> for RunError {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::retry(message)
    }
}

/// An error from [`Runs`](super::Runs) or its builder: runs could not be executed, or a run could not be started,
/// cancelled or looked up.
///
/// The error of a job or a step is a [`RunError`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunsError {
    /// No job with this name is registered with these runs.
    UnknownJob(String),
    /// The run's id is empty or has more than 256 characters.
    InvalidRunId,
    /// The input cannot be serialized as JSON.
    InvalidInput(String),
    /// The input exceeds `RunsBuilder::max_input_bytes`.
    InputTooLarge {
        /// The bytes of the input, in JSON.
        bytes: usize,
        /// The maximum.
        max: usize,
    },
    /// The hub has no definition for the channel.
    UnknownChannel,
    /// The storage failed.
    Storage(StorageError),
}

impl RunsError {
    pub(super) fn from_open_error(error: OpenError) -> Self {
        match error {
            OpenError::Unknown => Self::UnknownChannel,
            OpenError::Storage(error) => Self::Storage(error),
        }
    }
}

impl From<StorageError> for RunsError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl fmt::Display for RunsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownJob(name) => {
                write!(
                    formatter,
                    "no job named {name:?} is registered: register it with the builder of these runs"
                )
            }
            Self::InvalidRunId => formatter.write_str("a run's id must have 1 to 256 characters"),
            Self::InvalidInput(error) => write!(formatter, "the input cannot be serialized as JSON: {error}"),
            Self::InputTooLarge { bytes, max } => write!(
                formatter,
                "the input has {bytes} bytes, which exceeds `max_input_bytes` ({max}): store it elsewhere and pass \
                 a reference to it"
            ),
            Self::UnknownChannel => formatter.write_str(
                "the hub has no definition for the channel: build the hub with the registry that contains it",
            ),
            Self::Storage(error) => write!(formatter, "{error}"),
        }
    }
}

impl std::error::Error for RunsError {}

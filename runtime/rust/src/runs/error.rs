//! Why runs do not get on, and why they do not start.

use std::fmt;
use std::time::Duration;

use crate::hub::Unavailable;
use crate::storage::StorageError;

/// Why a run does not get on. Any error becomes one that is tried again, so `?` does what most
/// want; [`RunError::fail`] is for what no repetition mends.
///
/// ```
/// use fanfare::RunError;
///
/// fn parse(text: &str) -> Result<u32, RunError> {
///     if text.is_empty() {
///         return Err(RunError::fail("there is nothing to parse"));
///     }
///     Ok(text.parse()?)
/// }
/// # assert!(parse("").is_err() && parse("x").is_err());
/// ```
#[derive(Debug)]
pub struct RunError(pub(super) Kind);

#[derive(Debug)]
pub(super) enum Kind {
    Retry {
        message: String,
        after: Option<Duration>,
    },
    Fail(String),
    /// The storage failed: the run is tried again, and that is no failure of its own.
    Storage(String),
    /// The run is not in our hands any more, and says no more.
    Lost,
    /// The code is another than the one that began the run.
    Halted(String),
}

impl RunError {
    /// What is worth trying again: the run is executed anew after a while, and what its steps gave
    /// is kept.
    pub fn retry(message: impl Into<String>) -> Self {
        Self(Kind::Retry { message: message.into(), after: None })
    }

    /// What is worth trying again, after so long.
    pub fn retry_after(message: impl Into<String>, after: Duration) -> Self {
        Self(Kind::Retry { message: message.into(), after: Some(after) })
    }

    /// What no repetition mends: the run fails now.
    pub fn fail(message: impl Into<String>) -> Self {
        Self(Kind::Fail(message.into()))
    }

    pub(super) fn lost() -> Self {
        Self(Kind::Lost)
    }

    pub(super) fn halted(message: impl Into<String>) -> Self {
        Self(Kind::Halted(message.into()))
    }

    pub(super) fn storage(error: &StorageError) -> Self {
        Self(Kind::Storage(error.to_string()))
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Retry { message, .. }
            | Kind::Fail(message)
            | Kind::Storage(message)
            | Kind::Halted(message) => formatter.write_str(message),
            Kind::Lost => formatter.write_str("the run was cancelled, or is executed elsewhere"),
        }
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

/// Why runs are not started, cancelled or looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartError {
    /// The hub has no storage, which runs need.
    NoStorage,
    /// `RunsBuilder::start` was not called yet.
    NotStarted,
    /// A run's id has 1 to 256 characters.
    Id,
    /// The input cannot be written as JSON.
    Input(String),
    /// No definition of this hub knows the channel.
    Unknown,
    /// The storage failed.
    Storage(StorageError),
}

impl StartError {
    pub(super) fn unavailable(error: Unavailable) -> Self {
        match error {
            Unavailable::Unknown => Self::Unknown,
            Unavailable::Storage(error) => Self::Storage(error),
        }
    }
}

impl From<StorageError> for StartError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStorage => formatter.write_str(
                "runs need a storage: Hub::builder(…).storage(Sqlite::open(\"fanfare.db\")?), or \
                 Sqlite::in_memory() in a test",
            ),
            Self::NotStarted => {
                formatter.write_str("runs are executed from RunsBuilder::start on: call it first")
            }
            Self::Id => formatter.write_str("a run's id has 1 to 256 characters"),
            Self::Input(error) => write!(formatter, "the input cannot be written as JSON: {error}"),
            Self::Unknown => formatter.write_str("no definition of this hub knows the channel"),
            Self::Storage(error) => write!(formatter, "{error}"),
        }
    }
}

impl std::error::Error for StartError {}

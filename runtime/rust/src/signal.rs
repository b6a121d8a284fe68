//! Sending signals to runs.

use std::borrow::Cow;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::SystemTime;

use serde::Serialize;

use crate::channel::{Channel, Signal, SignalDefinition};
use crate::history::Key;
use crate::hub::Hub;
use crate::schema::{self, Issue};
use crate::storage::{NewSignal, Signalled, StorageError};

impl Hub {
    /// Sends a signal to the run on a channel, as clients do with `POST signal`. Await it; who
    /// sends it, and which run it is for where there are several, may come before.
    ///
    /// It is recorded when this comes back, and the run gets it: at once where it waits, once it does
    /// where it does not yet. Of several that a run could take the first counts.
    pub fn signal<'p, P: ?Sized>(&'p self, signal: Signal<'p, P>, payload: &'p P) -> SendSignal<'p, P> {
        SendSignal { hub: self, signal, payload, by: None, run_id: None, key: None }
    }

    /// Hands over a payload that its definition accepts.
    pub(crate) async fn send_signal(
        &self,
        channel: &Channel,
        signal: NewSignal,
    ) -> Result<SignalReceipt, SignalError> {
        let storage = self.storage().ok_or(SignalError::NoRun)?;
        let sent = storage.engine().signal(signal).await.map_err(SignalError::Storage)?;
        let receipt = match sent {
            Signalled::Recorded { run_id, at } => SignalReceipt { run_id, at },
            Signalled::AlreadyTaken { by, at } => return Err(SignalError::AlreadyTaken { by, at }),
            Signalled::TooLate => return Err(SignalError::TooLate),
            Signalled::RunEnded => return Err(SignalError::RunEnded),
            Signalled::NoRun => return Err(SignalError::NoRun),
            Signalled::KeyReused => return Err(SignalError::KeyReused),
        };
        self.wake_runs(channel.name());
        Ok(receipt)
    }
}

/// A signal that is being sent: [`Hub::signal`].
#[must_use = "nothing is sent until it is awaited"]
pub struct SendSignal<'p, P: ?Sized> {
    hub: &'p Hub,
    signal: Signal<'p, P>,
    payload: &'p P,
    by: Option<Cow<'p, str>>,
    run_id: Option<Cow<'p, str>>,
    key: Option<Cow<'p, str>>,
}

impl<'p, P: ?Sized> SendSignal<'p, P> {
    /// Says who sends it. The run is told, and it stands in the journal.
    pub fn by(mut self, by: impl Into<Cow<'p, str>>) -> Self {
        self.by = Some(by.into());
        self
    }

    /// Says which run it is for. Without, it is the one that waits for it for longest.
    pub fn run_id(mut self, run_id: impl Into<Cow<'p, str>>) -> Self {
        self.run_id = Some(run_id.into());
        self
    }

    /// Makes a repeat harmless: the same key on the same channel sends once.
    pub fn idempotency_key(mut self, key: impl Into<Cow<'p, str>>) -> Self {
        self.key = Some(key.into());
        self
    }
}

impl<P: Serialize + Sync + ?Sized> SendSignal<'_, P> {
    async fn send(self) -> Result<SignalReceipt, SignalError> {
        let Self { hub, signal, payload, by, run_id, key } = self;
        let (channel, definition) = (signal.channel(), signal.definition());
        schema::check(definition.schema, payload).map_err(SignalError::Invalid)?;
        let payload =
            serde_json::to_string(payload).map_err(|error| SignalError::Encode(error.to_string()))?;
        let signal =
            new_signal(channel, definition, payload, by.as_deref(), run_id.as_deref(), key.as_deref());
        hub.send_signal(channel, signal).await
    }
}

impl<'p, P: Serialize + Sync + ?Sized> IntoFuture for SendSignal<'p, P> {
    type Output = Result<SignalReceipt, SignalError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'p>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// A signal as the journal takes it.
pub(crate) fn new_signal(
    channel: &Channel,
    definition: &SignalDefinition,
    payload: String,
    by: Option<&str>,
    run_id: Option<&str>,
    key: Option<&str>,
) -> NewSignal {
    // With another payload or for another run it is no repeat.
    let content = format!("{}\n{}", run_id.unwrap_or_default(), payload);
    NewSignal {
        channel: channel.name().to_owned(),
        run_id: run_id.map(str::to_owned),
        name: definition.name.to_owned(),
        by: by.map(str::to_owned),
        key: key.map(|key| Key::new(key, definition.name, content.as_bytes())),
        payload,
    }
}

/// A signal that is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalReceipt {
    /// The run that gets it.
    pub run_id: String,
    /// When it was recorded.
    pub at: SystemTime,
}

/// Why a signal is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignalError {
    /// The payload breaks the definition.
    Invalid(Vec<Issue>),
    /// The payload's own serialization failed.
    Encode(String),
    /// Another one came first.
    AlreadyTaken {
        /// Who sent it, where that is known.
        by: Option<String>,
        /// When.
        at: SystemTime,
    },
    /// The run waited for it and does no longer.
    TooLate,
    /// The run has ended.
    RunEnded,
    /// There is no run on the channel.
    NoRun,
    /// The idempotency key was used on the channel before, for another payload or run.
    KeyReused,
    /// The storage failed.
    Storage(StorageError),
}

impl fmt::Display for SignalError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(issues) => {
                formatter.write_str("the payload breaks the signal's definition:")?;
                issues.iter().try_for_each(|issue| write!(formatter, "\n  {issue}"))
            }
            Self::Encode(error) => write!(formatter, "the payload cannot be written as JSON: {error}"),
            Self::AlreadyTaken { by: Some(by), .. } => write!(formatter, "{by} was first"),
            Self::AlreadyTaken { by: None, .. } => formatter.write_str("another one came first"),
            Self::TooLate => formatter.write_str("the run does not wait for it any more"),
            Self::RunEnded => formatter.write_str("the run has ended"),
            Self::NoRun => formatter.write_str("there is no run on the channel"),
            Self::KeyReused => formatter.write_str("the idempotency key was used for another payload or run"),
            Self::Storage(error) => write!(formatter, "the signal is not recorded: {error}"),
        }
    }
}

impl std::error::Error for SignalError {}

//! Sending signals to runs.

use std::borrow::Cow;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::SystemTime;

use serde::Serialize;
use serde_json::Value;

use crate::channel::{Channel, Signal, SignalDefinition};
use crate::clock;
use crate::history::IdempotencyKey;
use crate::hub::Hub;
use crate::schema::{self, Issue, Schema};
use crate::storage::{Answer, NewSignal, QuestionId, SignalOutcome, StorageError};

impl Hub {
    /// Sends a signal to a run on a channel, as clients do with `POST signal`. Returns a builder: set its options, then
    /// await it to send the signal.
    ///
    /// A run that waits for signals asks a question, and a question accepts one answer. The receipt states that the
    /// signal is that answer, or that it is kept because the run has not asked for it yet.
    pub fn signal<'p, P: ?Sized>(&'p self, signal: Signal<'p, P>, payload: &'p P) -> SendSignal<'p, P> {
        SendSignal { hub: self, signal, payload, options: SignalOptions::default() }
    }

    /// Records a signal and wakes the run that waits for it. All ways to send a signal end here.
    pub(crate) async fn send_signal(
        &self,
        channel: &Channel,
        definition: &SignalDefinition,
        payload: SignalPayload,
        options: SignalOptions<'_>,
    ) -> Result<SignalReceipt, SignalError> {
        let signal = options.into_signal(self, channel, definition, payload)?;
        let sent = self.storage().send_signal(signal).await.map_err(SignalError::Storage)?;
        let receipt = match sent {
            SignalOutcome::Accepted { run_id, at } => {
                SignalReceipt { run_id, received_at: at, status: SignalStatus::Accepted }
            }
            SignalOutcome::Kept { run_id, at } => {
                SignalReceipt { run_id, received_at: at, status: SignalStatus::Kept }
            }
            SignalOutcome::AlreadyTaken(answer) => {
                let Answer { name, payload, by, at } = answer;
                let received_at = clock::from_milliseconds(at);
                return Err(SignalError::AlreadyTaken { signal: name, payload, sender: by, received_at });
            }
            SignalOutcome::TooLate => return Err(SignalError::TooLate),
            SignalOutcome::RunEnded => return Err(SignalError::RunEnded),
            SignalOutcome::NoRun => return Err(SignalError::NoRun),
            SignalOutcome::KeyReused => return Err(SignalError::KeyReused),
        };
        self.wake_runs(channel.name());
        Ok(receipt)
    }
}

/// A payload that matches its definition, as the JSON that the journal stores.
pub(crate) struct SignalPayload(String);

impl SignalPayload {
    /// Checks and serializes a payload.
    fn new<P: Serialize + ?Sized>(schema: &Schema, payload: &P) -> Result<Self, SignalError> {
        schema::check(schema, payload).map_err(SignalError::Invalid)?;
        serde_json::to_string(payload).map(Self).map_err(|error| SignalError::Encode(error.to_string()))
    }

    /// Checks a payload in JSON. Whitespace and repeated keys are not kept, so that they make no difference to an
    /// idempotency key.
    pub(crate) fn from_json(schema: &Schema, json: &[u8]) -> Result<Self, SignalError> {
        let payload: Value =
            serde_json::from_slice(json).map_err(|error| SignalError::NotJson(error.to_string()))?;
        Self::new(schema, &payload)
    }
}

/// The options of a signal.
#[derive(Default)]
pub(crate) struct SignalOptions<'p> {
    pub(crate) sender: Option<Cow<'p, str>>,
    pub(crate) run_id: Option<Cow<'p, str>>,
    pub(crate) question: Option<Cow<'p, str>>,
    pub(crate) key: Option<Cow<'p, str>>,
    /// When the signal arrived; `None` means now.
    pub(crate) arrived_at: Option<SystemTime>,
}

impl SignalOptions<'_> {
    fn into_signal(
        self,
        hub: &Hub,
        channel: &Channel,
        definition: &SignalDefinition,
        SignalPayload(payload): SignalPayload,
    ) -> Result<NewSignal, SignalError> {
        let question = self.question.as_deref().map(str::parse::<QuestionId>).transpose();
        let question = question.map_err(|()| SignalError::TooLate)?;
        let (run_id, site) = match (self.run_id.as_deref(), question) {
            (Some(run_id), Some(question)) if run_id != question.run_id => return Err(SignalError::TooLate),
            (_, Some(QuestionId { run_id, site })) => (Some(run_id), Some(site)),
            (run_id, None) => (run_id.map(str::to_owned), None),
        };
        // Using a key for another payload or run is an error, not a repetition.
        let content = format!("{}\n{payload}", self.run_id.as_deref().unwrap_or_default());
        Ok(NewSignal {
            channel: channel.name().to_owned(),
            run_id,
            question: site,
            name: definition.name.to_owned(),
            stored_names: definition.names().map(str::to_owned).collect(),
            by: self.sender.as_deref().map(str::to_owned),
            key: self.key.as_deref().map(|key| IdempotencyKey::new(key, definition.name, content.as_bytes())),
            payload,
            at: self.arrived_at.unwrap_or_else(|| hub.arrival_time()),
        })
    }
}

/// A signal to send, which is sent when awaited. Returned by [`Hub::signal`].
#[must_use = "nothing is sent until it is awaited"]
pub struct SendSignal<'p, P: ?Sized> {
    hub: &'p Hub,
    signal: Signal<'p, P>,
    payload: &'p P,
    options: SignalOptions<'p>,
}

impl<'p, P: ?Sized> SendSignal<'p, P> {
    /// Sets the sender, such as the id of a user. The run receives it, and the journal records it.
    pub fn sender(mut self, sender: impl Into<Cow<'p, str>>) -> Self {
        self.options.sender = Some(sender.into());
        self
    }

    /// Sets the run that receives it. Without it, the signal goes to the run that has waited longest for it; if none
    /// waits for it, to the oldest unfinished run, which keeps it.
    pub fn run_id(mut self, run_id: impl Into<Cow<'p, str>>) -> Self {
        self.options.run_id = Some(run_id.into());
        self
    }

    /// Sets the question that it answers, by the id in a run event, which also selects the run. If that question is
    /// closed, the signal is rejected, even if the run waits for the same signal again.
    pub fn question(mut self, question: impl Into<Cow<'p, str>>) -> Self {
        self.options.question = Some(question.into());
        self
    }

    /// Makes repeating the call safe: a key sends one signal per channel, however often it is used. It is kept as long
    /// as the run that received the signal.
    pub fn idempotency_key(mut self, key: impl Into<Cow<'p, str>>) -> Self {
        self.options.key = Some(key.into());
        self
    }
}

impl<P: Serialize + Sync + ?Sized> SendSignal<'_, P> {
    async fn send(self) -> Result<SignalReceipt, SignalError> {
        let Self { hub, signal, payload, options } = self;
        let payload = SignalPayload::new(signal.definition().schema, payload)?;
        hub.send_signal(signal.channel(), signal.definition(), payload, options).await
    }
}

impl<'p, P: Serialize + Sync + ?Sized> IntoFuture for SendSignal<'p, P> {
    type Output = Result<SignalReceipt, SignalError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'p>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// The receipt for a recorded signal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignalReceipt {
    /// The run that receives it.
    pub run_id: String,
    /// When it arrived at the server, by the storage's clock.
    pub received_at: SystemTime,
    /// Whether it was accepted or kept.
    pub status: SignalStatus,
}

/// Whether a recorded signal answered a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignalStatus {
    /// It is the answer to an open question of the run.
    Accepted,
    /// The run has not asked for it yet. It is kept for the first question that asks for it. If signals of several
    /// names are kept for that question, the earliest is the answer and the others are dropped.
    Kept,
}

/// An error from sending a signal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignalError {
    /// The payload does not match its definition.
    Invalid(Vec<Issue>),
    /// The payload is not JSON.
    NotJson(String),
    /// The payload cannot be serialized.
    Encode(String),
    /// The question has an answer, or an earlier signal of this name is kept for it.
    AlreadyTaken {
        /// The name of that other signal.
        signal: String,
        /// Its payload, in JSON.
        payload: String,
        /// Its sender, if known.
        sender: Option<String>,
        /// When it arrived at the server, by the storage's clock.
        received_at: SystemTime,
    },
    /// The question was closed without an answer, or the run or channel has no such question, and the run has not
    /// ended.
    TooLate,
    /// The run has ended. It never asked for the signal, or its question was closed without an answer.
    RunEnded,
    /// The channel has no run, or no run with the id that was set.
    NoRun,
    /// The idempotency key was already used on the channel, with another signal, payload or run.
    KeyReused,
    /// The storage failed.
    Storage(StorageError),
}

impl fmt::Display for SignalError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(issues) => {
                formatter.write_str("the payload does not match the signal's definition:")?;
                issues.iter().try_for_each(|issue| write!(formatter, "\n  {issue}"))
            }
            Self::NotJson(error) => write!(formatter, "the payload is not JSON: {error}"),
            Self::Encode(error) => write!(formatter, "the payload cannot be serialized as JSON: {error}"),
            Self::AlreadyTaken { signal, sender: Some(sender), .. } => {
                write!(formatter, "the run already has an answer: {sender} sent {signal:?}")
            }
            Self::AlreadyTaken { signal, sender: None, .. } => {
                write!(formatter, "the run already has an answer: the signal {signal:?}")
            }
            Self::TooLate => {
                formatter.write_str("the question is not open: wait until the run asks again, then send the signal")
            }
            Self::RunEnded => formatter.write_str("the run has ended and receives no more signals"),
            Self::NoRun => {
                formatter.write_str(
                    "the channel has no run, or none with this id: start the run before you send it signals",
                )
            }
            Self::KeyReused => {
                formatter.write_str(
                    "the idempotency key was already used on this channel for another signal, payload or run: use a \
                     new key for each signal",
                )
            }
            Self::Storage(error) => write!(formatter, "failed to record the signal: {error}"),
        }
    }
}

impl std::error::Error for SignalError {}

//! Waiting for signals.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::call_tracker::Activity;
use super::context::{Call, StopReason};
use super::{Run, RunError};
use crate::channel::{Signal, SignalDefinition, TypedChannel};
use crate::clock;
use crate::payload::Decode;
use crate::schema;
use crate::storage::{Answer, CallKind, ClosedQuestion, NewQuestion, Outcome, QuestionState};

/// Separates the names in the id of a wait for several signals.
const WAIT_SEPARATOR: &str = " or ";

/// A signal that a run received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedSignal<T> {
    /// The payload of the signal.
    pub payload: T,
    /// The sender: the subject of the token or the session, or the one set with
    /// [`SendSignal::sender`](crate::SendSignal::sender).
    pub sender: Option<String>,
    /// When it arrived at the server, by the storage's clock.
    pub received_at: SystemTime,
}

impl<C: TypedChannel> Run<C> {
    /// Waits for a signal, for at most `timeout`, even if the server restarts meanwhile. Returns `None` if no
    /// signal arrived in time. A waiting run holds no slot, no lease and no thread.
    ///
    /// A wait is a question that takes one answer: the first signal that arrives while it is open. A signal that
    /// was sent before the run first asked for it answers at once.
    ///
    /// # Errors
    /// Returns an error if the call is not made by the job itself, but for example in a spawned task. The run then
    /// fails.
    pub async fn wait_for<P>(
        &self,
        signal: Signal<'_, P>,
        timeout: Duration,
    ) -> Result<Option<ReceivedSignal<P::Owned>>, RunError>
    where
        P: ToOwned<Owned: Decode> + ?Sized,
    {
        self.wait_any().on(signal, |payload| payload).timeout(timeout).await
    }

    /// Waits for the first of several signals, as one question:
    /// `run.wait_any().on(ch.approve(), Answer::Approve).on(ch.stop(), Answer::Stop).timeout(day).await?`
    pub fn wait_any<T>(&self) -> WaitAny<'_, C, T> {
        WaitAny { run: self, signals: Vec::new() }
    }
}

type Decoder<'r, T> = Box<dyn Fn(Value) -> Result<T, StopReason> + Send + Sync + 'r>;

/// Several signals to wait for. Returned by [`Run::wait_any`].
#[must_use = "nothing waits until `timeout` is awaited"]
pub struct WaitAny<'r, C, T> {
    run: &'r Run<C>,
    signals: Vec<(&'static SignalDefinition, Decoder<'r, T>)>,
}

impl<'r, C: TypedChannel, T> WaitAny<'r, C, T> {
    /// Adds a signal, and a function that turns its payload into the common answer type.
    pub fn on<P>(mut self, signal: Signal<'_, P>, to: impl Fn(P::Owned) -> T + Send + Sync + 'r) -> Self
    where
        P: ToOwned<Owned: Decode> + ?Sized,
    {
        let definition = signal.definition();
        let decode = move |payload: Value| {
            let accepted = schema::check(definition.schema, &payload).is_ok();
            let payload = P::Owned::from_value(payload).ok().filter(|_| accepted);
            payload.map(&to).ok_or_else(|| {
                let name = definition.name;
                StopReason::Halted(format!(
                    "the recorded payload of the signal {name:?} does not match its current schema"
                ))
            })
        };
        self.signals.push((definition, Box::new(decode)));
        self
    }

    /// Waits for one of the signals, for at most `timeout`. Returns `None` if no signal arrived in time.
    ///
    /// # Errors
    /// Returns an error if the call is not made by the job itself, but for example in a spawned task. The run then
    /// fails.
    pub async fn timeout(self, timeout: Duration) -> Result<Option<ReceivedSignal<T>>, RunError> {
        let signals: Vec<_> = self.signals.iter().map(|(definition, _)| *definition).collect();
        let call = self.run.begin(CallKind::Wait, &self.run.wait_id(&signals)).await?;
        let value = match &call.outcome {
            Some(Outcome::Value(value)) => value.clone(),
            _ => ask(&call, &signals, call.context.shared.after(timeout)).await,
        };
        match self.decode(&value) {
            Ok(received) => {
                call.finish();
                Ok(received)
            }
            Err(stop) => self.run.context.stop(stop).await,
        }
    }

    fn decode(&self, value: &str) -> Result<Option<ReceivedSignal<T>>, StopReason> {
        let unreadable = |error| StopReason::Halted(format!("a recorded answer cannot be read: {error}"));
        let question: ClosedQuestion = serde_json::from_str(value).map_err(unreadable)?;
        let Some(Answer { name, payload, by, at }) = question.answer else { return Ok(None) };
        let decoder = self.signals.iter().find(|(signal, _)| signal.names().any(|known| known == name));
        let (_, decoder) = decoder
            .ok_or_else(|| StopReason::Halted(format!("the job no longer waits for the signal {name:?}")))?;
        let payload = decoder(serde_json::from_str(&payload).map_err(unreadable)?)?;
        let received_at = clock::from_milliseconds(at);
        Ok(Some(ReceivedSignal { payload, sender: by, received_at }))
    }
}

impl<C: TypedChannel> Run<C> {
    /// Returns the id of a wait: the names of its signals, or those that they had when the wait was recorded.
    fn wait_id(&self, signals: &[&SignalDefinition]) -> String {
        let recorded = self.context.next_recorded_id(&self.branch).filter(|recorded| {
            let names: Vec<&str> = recorded.split(WAIT_SEPARATOR).collect();
            let is_former =
                |(name, signal): (&&str, &&SignalDefinition)| signal.names().any(|known| known == *name);
            names.len() == signals.len() && names.iter().zip(signals).all(is_former)
        });
        let names = || signals.iter().map(|signal| signal.name).collect::<Vec<_>>().join(WAIT_SEPARATOR);
        recorded.unwrap_or_else(names)
    }
}

/// Asks a question, waits until it is closed, and returns how it ended, in JSON.
async fn ask(call: &Call, signals: &[&SignalDefinition], closes_at: SystemTime) -> String {
    let context = &call.context;
    let _listening = context.hub().listen_for_signals(context.channel().name(), &context.wake);
    let question = NewQuestion {
        site: call.site.clone(),
        id: call.id.clone(),
        names: signals.iter().map(|signal| signal.name.to_owned()).collect(),
        stored_names: signals.iter().flat_map(|signal| signal.names()).map(str::to_owned).collect(),
        began_with: call.start.began_with.clone(),
        closes_at,
    };
    loop {
        // Register before reading the journal, so that no signal is missed in between.
        let woken = context.wake.notified();
        let mut woken = std::pin::pin!(woken);
        woken.as_mut().enable();
        let engine = context.engine();
        let state = engine.poll_question(context.claim(), question.clone(), context.waiting_event()).await;
        let closes_at = match state {
            Ok(QuestionState::Closed(value)) => {
                context.progress();
                context.count_recorded(value.len()).await;
                return value;
            }
            Ok(QuestionState::Open { closes_at }) => closes_at,
            Ok(QuestionState::ClaimLost) => return context.stop(StopReason::Lost).await,
            Err(error) => return context.fail_storage(error).await,
        };
        call.set_activity(Activity::Waiting(closes_at));
        let left = closes_at.duration_since(context.shared.storage_time()).unwrap_or_default();
        let _ = tokio::time::timeout(left, woken).await;
        call.set_activity(Activity::Working);
    }
}

//! Waiting for signals.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::{Context, Run, RunError};
use crate::channel::{Signal, TypedChannel};
use crate::payload::Read;
use crate::schema;
use crate::storage::{StepKind, Taken, Wait, WaitEnd, Waited};

/// How often to look, in case that another process took the signal.
const LOOK: Duration = Duration::from_millis(500);

/// A signal that a run got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received<T> {
    /// What was sent.
    pub payload: T,
    /// Who sent it: the subject of the token, where it had one.
    pub by: Option<String>,
    /// When it was sent.
    pub at: SystemTime,
}

impl<C: TypedChannel> Run<C> {
    /// Waits for a signal for so long, also across restarts of the server. One that came before is
    /// taken at once. Nothing where none came in time.
    ///
    /// # Errors
    /// When it cannot be written down, or the run was cancelled.
    pub async fn wait_for<P>(
        &self,
        signal: Signal<'_, P>,
        timeout: Duration,
    ) -> Result<Option<Received<P::Owned>>, RunError>
    where
        P: ToOwned<Owned: Read> + ?Sized,
    {
        self.wait_any().on(signal, |payload| payload).within(timeout).await
    }

    /// Waits for the first of several signals:
    /// `run.wait_any().on(ch.approve(), Answer::Approve).on(ch.stop(), Answer::Stop).within(day).await?`
    pub fn wait_any<T>(&self) -> WaitAny<'_, C, T> {
        WaitAny { run: self, signals: Vec::new() }
    }
}

type Reader<'r, T> = Box<dyn Fn(Value) -> Result<T, RunError> + Send + 'r>;

/// Several signals to wait for: [`Run::wait_any`].
#[must_use = "nothing waits until `within` is awaited"]
pub struct WaitAny<'r, C, T> {
    run: &'r Run<C>,
    signals: Vec<(&'static str, Reader<'r, T>)>,
}

impl<'r, C: TypedChannel, T> WaitAny<'r, C, T> {
    /// Waits for this one, too, and makes of its payload what all of them become.
    pub fn on<P>(mut self, signal: Signal<'_, P>, to: impl Fn(P::Owned) -> T + Send + 'r) -> Self
    where
        P: ToOwned<Owned: Read> + ?Sized,
    {
        let definition = signal.definition();
        let reader = move |payload: Value| {
            let accepted = schema::check(definition.schema, &payload).is_ok();
            let payload = P::Owned::read(payload).ok().filter(|_| accepted);
            let message =
                || format!("what was sent as {:?} is not what its definition says now", definition.name);
            payload.map(&to).ok_or_else(|| RunError::halted(message()))
        };
        self.signals.push((definition.name, Box::new(reader)));
        self
    }

    /// Waits for so long.
    ///
    /// # Errors
    /// As [`Run::wait_for`].
    pub async fn within(self, timeout: Duration) -> Result<Option<Received<T>>, RunError> {
        let context = &self.run.context;
        let names: Vec<String> = self.signals.iter().map(|(name, _)| (*name).to_owned()).collect();
        let call = context.call(StepKind::Wait, &format!("wait for {}", names.join(" or ")))?;
        let value = match call.recorded {
            Some(value) => value,
            None => {
                let far = Duration::from_secs(10 * 365 * 86_400);
                let until = SystemTime::now() + timeout.min(far);
                take(context, Wait { position: call.position, key: call.key, names, until }).await?
            }
        };
        let end: WaitEnd = serde_json::from_str(&value)
            .map_err(|error| context.stop(RunError::halted(format!("a wait cannot be read: {error}"))))?;
        let Some(Taken { name, payload, by, at }) = end.taken else { return Ok(None) };
        let reader = self.signals.iter().find(|(known, _)| *known == name);
        let payload = serde_json::from_str(&payload)?;
        let (_, reader) = reader.ok_or_else(|| RunError::halted("the run waits for other signals now"))?;
        let payload = reader(payload).map_err(|error| context.stop(error))?;
        let at = UNIX_EPOCH + Duration::from_millis(u64::try_from(at).unwrap_or(0));
        Ok(Some(Received { payload, by, at }))
    }
}

/// Waits until one of the signals is there, or it took too long, and writes down which.
async fn take(context: &Context, wait: Wait) -> Result<String, RunError> {
    let _listening = context.hub().listen_for_signals(context.channel().name(), &context.news);
    loop {
        let waited = context.engine()?.wait(context.hold, wait.clone()).await;
        let until = match waited.map_err(|error| RunError::storage(&error))? {
            Waited::Done(value) => return Ok(value),
            Waited::Lost => return Err(context.stop(RunError::lost())),
            Waited::Until(until) => until,
        };
        let left = until.duration_since(SystemTime::now()).unwrap_or_default();
        let _ = tokio::time::timeout(left.min(LOOK), context.news.notified()).await;
    }
}

//! What all handles of one execution share.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::call::{Call, Calls};
use super::error::Kind;
use super::{RunError, Shared};
use crate::channel::Channel;
use crate::history::Log;
use crate::hub::Hub;
use crate::storage::{Claimed, Engine, Entry, Hold, Recorded, Step, StepKind};
use crate::wire::MessageId;

/// One execution of a run.
pub(super) struct Context {
    shared: Arc<Shared>,
    pub(super) hold: Hold,
    pub(super) run_id: Arc<str>,
    pub(super) log: Arc<Log>,
    /// Which attempt this is, from 1 on.
    pub(super) attempt: u32,
    calls: Mutex<Calls>,
    /// Why it must not go on, whatever its code makes of the errors that it was given.
    stopped: Mutex<Option<Kind>>,
    /// A signal may have come, or the run been cancelled.
    pub(super) news: Arc<Notify>,
}

impl Context {
    pub(super) fn new(shared: Arc<Shared>, claimed: Claimed, log: Arc<Log>) -> Self {
        let Claimed { hold, run, failures, steps } = claimed;
        let news = Arc::new(Notify::new());
        Self {
            shared,
            hold,
            run_id: run.run_id.into(),
            log,
            attempt: failures + 1,
            calls: Mutex::new(Calls::new(steps)),
            stopped: Mutex::new(None),
            news,
        }
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.shared.hub
    }

    pub(super) fn channel(&self) -> &Channel {
        self.log.channel()
    }

    pub(super) fn engine(&self) -> Result<&dyn Engine, RunError> {
        self.shared.engine().map_err(|error| RunError::retry(error.to_string()))
    }

    /// The next call of the run.
    pub(super) fn call(&self, kind: StepKind, id: &str) -> Result<Call, RunError> {
        if let Some(stopped) = self.stopped() {
            return Err(stopped);
        }
        let call = self.calls().next(kind, id);
        call.map_err(|error| self.stop(error))
    }

    /// Writes down what came of a call, with the message that belongs to it.
    pub(super) async fn record(
        &self,
        call: &Call,
        value: String,
        message: Option<Entry>,
    ) -> Result<Option<MessageId>, RunError> {
        let step = Step { position: call.position, key: call.key.clone(), kind: call.kind, value };
        match self.engine()?.record(self.hold, step, message).await {
            Ok(Recorded::Kept(id)) => Ok(id),
            Ok(Recorded::Lost) => Err(self.stop(RunError::lost())),
            Err(error) => Err(RunError::storage(&error)),
        }
    }

    /// Remembers why the run must not go on.
    pub(super) fn stop(&self, error: RunError) -> RunError {
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        if stopped.is_none() {
            *stopped = match &error.0 {
                Kind::Halted(why) => Some(Kind::Halted(why.clone())),
                _ => Some(Kind::Lost),
            };
        }
        error
    }

    /// Why the run must not go on, where that is so.
    pub(super) fn stopped(&self) -> Option<RunError> {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        stopped.as_ref().map(|kind| match kind {
            Kind::Halted(why) => RunError::halted(why.clone()),
            _ => RunError::lost(),
        })
    }

    pub(super) fn check_end(&self) -> Result<(), RunError> {
        self.calls().check_end()
    }

    /// How many calls were written down before this execution.
    pub(super) fn recorded(&self) -> usize {
        self.calls().recorded()
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

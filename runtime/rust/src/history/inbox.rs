//! Notifies a reader of many logs which of them have new messages.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Collects the keys of the logs that a parked reader can read again. A log adds its key once each time the reader was
/// parked on it, so there are never more keys than logs.
///
/// Apart from timers and its client, only this wakes a connection: waiting for one thing costs less than waiting for
/// several.
#[derive(Default)]
pub(crate) struct Inbox {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: Vec<u64>,
    alarmed: bool,
    /// The parked reader.
    reader: Option<Waker>,
}

impl Inbox {
    pub(crate) fn put(&self, key: u64) {
        self.wake(|state| state.keys.push(key));
    }

    /// Makes the reader check for changes other than new messages.
    pub(crate) fn alarm(&self) {
        self.wake(|state| state.alarmed = true);
    }

    /// Moves the keys that have arrived to the end of `keys`. Returns `true` if there was an alarm.
    pub(crate) fn take(&self, keys: &mut impl Extend<u64>) -> bool {
        let mut state = self.lock();
        keys.extend(state.keys.drain(..));
        mem::take(&mut state.alarmed)
    }

    /// Waits until there are keys or an alarm.
    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.alarmed || !state.keys.is_empty() {
            return Poll::Ready(());
        }
        state.reader = Some(context.waker().clone());
        Poll::Pending
    }

    fn wake(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

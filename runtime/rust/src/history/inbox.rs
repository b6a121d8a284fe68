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

impl State {
    fn take(&mut self, keys: &mut impl Extend<u64>) -> bool {
        keys.extend(self.keys.drain(..));
        mem::take(&mut self.alarmed)
    }
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
        self.lock().take(keys)
    }

    /// Waits until there are keys or an alarm, and [takes](Self::take) them.
    pub(crate) fn poll_take(&self, keys: &mut impl Extend<u64>, context: &Context<'_>) -> Poll<bool> {
        let mut state = self.lock();
        if state.alarmed || !state.keys.is_empty() {
            return Poll::Ready(state.take(keys));
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

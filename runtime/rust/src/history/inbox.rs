//! How a log tells a reader of many logs which of them to read.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Collects the keys of the logs that a parked reader can read again. A log puts its
/// key once each time it was parked on, so there are never more keys than logs.
///
/// It is all that wakes a connection but the time and its client: to wait for one thing costs
/// less than to wait for several.
#[derive(Default)]
pub(crate) struct Inbox {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: Vec<u64>,
    alarmed: bool,
    /// Whom to wake.
    reader: Option<Waker>,
}

impl Inbox {
    pub(crate) fn put(&self, key: u64) {
        self.wake(|state| state.keys.push(key));
    }

    /// Has the reader look at what else than logs may have changed.
    pub(crate) fn alarm(&self) {
        self.wake(|state| state.alarmed = true);
    }

    /// Moves the keys that have arrived to the end of `keys`. Tells whether there was an alarm.
    pub(crate) fn take(&self, keys: &mut impl Extend<u64>) -> bool {
        let mut state = self.lock();
        keys.extend(state.keys.drain(..));
        mem::take(&mut state.alarmed)
    }

    /// Waits until there is something to take.
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

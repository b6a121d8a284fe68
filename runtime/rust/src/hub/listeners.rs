//! Wakes waiting runs when a signal arrives.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::Hub;

tokio::task_local! {
    /// The run whose job is being executed.
    pub(crate) static CURRENT_RUN: Arc<str>;
}

/// Wakes the waits of one execution.
#[derive(Default)]
pub(crate) struct WakeSignal {
    notify: Notify,
    is_paused: AtomicBool,
}

impl WakeSignal {
    pub(crate) fn notified(&self) -> Notified<'_> {
        self.notify.notified()
    }

    /// Wakes all waits so that they check again, unless paused.
    pub(crate) fn wake(&self) {
        if !self.is_paused.load(Ordering::SeqCst) {
            self.notify.notify_waiters();
        }
    }

    pub(crate) fn pause(&self) {
        self.is_paused.store(true, Ordering::SeqCst);
    }

    /// Ends a pause, and wakes all waits to check for signals that arrived meanwhile.
    pub(crate) fn resume(&self) {
        self.is_paused.store(false, Ordering::SeqCst);
        self.wake();
    }
}

/// The listeners for signals in this process.
#[derive(Default)]
pub(super) struct Listeners {
    /// Executions of runs, by the name of their channel.
    by_channel: Mutex<HashMap<String, Vec<Arc<WakeSignal>>>>,
    /// The tasks that claim runs, because a signal may be for a run that is not executing.
    claiming: Mutex<Vec<Arc<Notify>>>,
}

/// A listener for signals, until this is dropped.
pub(crate) struct Listening {
    hub: Hub,
    channel: String,
    wake: Arc<WakeSignal>,
}

impl Hub {
    /// Wakes `wake` whenever a signal arrives for a run on a channel, until the result is dropped.
    pub(crate) fn listen_for_signals(&self, channel: &str, wake: &Arc<WakeSignal>) -> Listening {
        let listeners = &self.shared.listeners.by_channel;
        let mut listeners = listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.entry(channel.to_owned()).or_default().push(Arc::clone(wake));
        Listening { hub: self.clone(), channel: channel.to_owned(), wake: Arc::clone(wake) }
    }

    /// Notifies `notify` whenever a signal arrives for any run.
    pub(crate) fn listen_for_all_signals(&self, notify: &Arc<Notify>) {
        let claiming = &self.shared.listeners.claiming;
        claiming.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(notify));
    }

    /// Wakes this process's waiting runs on a channel, and its tasks that claim runs.
    pub(crate) fn wake_runs(&self, channel: &str) {
        let Listeners { by_channel, claiming } = &self.shared.listeners;
        for listener in
            by_channel.lock().unwrap_or_else(PoisonError::into_inner).get(channel).into_iter().flatten()
        {
            listener.wake();
        }
        for claiming in claiming.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            claiming.notify_one();
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let listeners = &self.hub.shared.listeners.by_channel;
        let mut listeners = listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(of_channel) = listeners.get_mut(&self.channel) else { return };
        // Remove one entry only: other waits of the same execution may still listen.
        if let Some(at) = of_channel.iter().position(|wake| Arc::ptr_eq(wake, &self.wake)) {
            of_channel.swap_remove(at);
        }
        if of_channel.is_empty() {
            listeners.remove(&self.channel);
        }
    }
}

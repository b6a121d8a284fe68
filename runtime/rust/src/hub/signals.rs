//! What to wake when a signal arrives for a run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::Hub;

tokio::task_local! {
    /// The run whose job is being executed.
    pub(crate) static CURRENT_RUN: Arc<str>;
}

/// What waits for signals in this process.
#[derive(Default)]
pub(super) struct Listeners {
    /// Executions of runs, by the name of their channel.
    by_channel: Mutex<HashMap<String, Vec<Arc<Notify>>>>,
    /// Those that claim runs: a signal may be for a run that was put aside.
    claiming: Mutex<Vec<Arc<Notify>>>,
}

/// Listens until it is dropped.
pub(crate) struct Listening {
    hub: Hub,
    channel: String,
    notify: Arc<Notify>,
}

impl Hub {
    /// Has `notify` woken when something came for a run on a channel.
    pub(crate) fn listen_for_signals(&self, channel: &str, notify: &Arc<Notify>) -> Listening {
        let listeners = &self.shared.listeners.by_channel;
        let mut listeners = listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.entry(channel.to_owned()).or_default().push(Arc::clone(notify));
        Listening { hub: self.clone(), channel: channel.to_owned(), notify: Arc::clone(notify) }
    }

    /// Has `notify` woken whenever a signal arrived for any run.
    pub(crate) fn listen_for_all_signals(&self, notify: &Arc<Notify>) {
        let claiming = &self.shared.listeners.claiming;
        claiming.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(notify));
    }

    /// Wakes the runs of this process that wait on a channel.
    pub(crate) fn wake_runs(&self, channel: &str) {
        let Listeners { by_channel, claiming } = &self.shared.listeners;
        for listener in
            by_channel.lock().unwrap_or_else(PoisonError::into_inner).get(channel).into_iter().flatten()
        {
            // All waits of an execution share it.
            listener.notify_waiters();
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
        // The waits of one execution share a `Notify`, and others may still listen.
        if let Some(at) = of_channel.iter().position(|notify| Arc::ptr_eq(notify, &self.notify)) {
            of_channel.swap_remove(at);
        }
        if of_channel.is_empty() {
            listeners.remove(&self.channel);
        }
    }
}

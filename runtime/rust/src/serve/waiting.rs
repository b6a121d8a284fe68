//! The connections that have not sent a request yet.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::AbortHandle;

/// A bounded queue, the longest waiting first. Those that have asked or ended are taken out only when it is full.
pub(super) struct Waiting {
    most: usize,
    connections: VecDeque<(Arc<AtomicBool>, AbortHandle)>,
}

impl Waiting {
    pub(super) fn new(most: usize) -> Self {
        Self { most, connections: VecDeque::new() }
    }

    /// Adds a connection, which says itself when it has asked. Where there are too many, the longest waiting ends.
    pub(super) fn add(&mut self, asked: Arc<AtomicBool>, task: AbortHandle) {
        if self.connections.len() >= self.most {
            self.tidy();
            self.end_first((self.connections.len() + 1).saturating_sub(self.most));
        }
        self.connections.push_back((asked, task));
    }

    /// Ends so many of those that have waited longest.
    pub(super) fn end(&mut self, count: usize) {
        self.tidy();
        self.end_first(count);
    }

    fn tidy(&mut self) {
        self.connections.retain(|(asked, task)| !asked.load(Ordering::Relaxed) && !task.is_finished());
    }

    fn end_first(&mut self, count: usize) {
        for (_, task) in self.connections.drain(..count.min(self.connections.len())) {
            task.abort();
        }
    }
}

//! Spins for a moment before sleeping.
//!
//! Waking a thread takes about as long as a transaction, and a run that proceeds from step to step would pay for two
//! wake-ups per step: the writer's and its own. So the writer and a caller that is alone poll for a moment before they
//! sleep. With many concurrent callers this gains nothing: the writer does not sleep, and its answers wake many
//! callers at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::yield_now;
use std::time::{Duration, Instant};

use tokio::sync::oneshot::{Receiver, error::TryRecvError};

/// How long to spin: one and a half transactions, so that other tasks of the thread are not late.
const SPIN_TIME: Duration = Duration::from_micros(40);

/// Polls for a moment, and yields to other threads in between.
pub(super) fn spin<T>(mut poll: impl FnMut() -> Option<T>) -> Option<T> {
    let since = Instant::now();
    loop {
        let found = poll();
        if found.is_some() || since.elapsed() >= SPIN_TIME {
            return found;
        }
        yield_now();
    }
}

/// Counts the callers that wait for answers.
#[derive(Debug, Default)]
pub(super) struct Callers(Arc<AtomicUsize>);

impl Callers {
    pub(super) fn register(&self) -> Caller {
        let is_alone = self.0.fetch_add(1, Ordering::Relaxed) == 0;
        // In a simulation the writer is a task of the same thread, so it answers only after this task waits.
        #[cfg(feature = "simulation")]
        let is_alone = is_alone && crate::simulation::world().is_none();
        Caller { is_alone, all: Arc::clone(&self.0) }
    }
}

/// A waiting caller. It is counted until this is dropped.
pub(super) struct Caller {
    is_alone: bool,
    all: Arc<AtomicUsize>,
}

impl Caller {
    /// Waits for the answer. Returns `None` if the sender was dropped.
    pub(super) async fn wait<T>(self, mut answer: Receiver<T>) -> Option<T> {
        let mut poll = || match answer.try_recv() {
            Err(TryRecvError::Empty) => None,
            answered => Some(answered.ok()),
        };
        if self.is_alone
            && let Some(answered) = spin(&mut poll)
        {
            return answered;
        }
        answer.await.ok()
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot::channel;

    #[tokio::test]
    async fn an_answer_is_returned_whether_it_arrives_soon_late_or_never() {
        let callers = Callers::default();
        let (reply, answer) = channel();
        reply.send("soon").unwrap();
        assert_eq!(callers.register().wait(answer).await, Some("soon"));
        let (reply, answer) = channel();
        let late = tokio::spawn(callers.register().wait(answer));
        tokio::time::sleep(5 * SPIN_TIME).await;
        reply.send("late").unwrap();
        assert_eq!(late.await.unwrap(), Some("late"));
        let (reply, answer) = channel::<()>();
        drop(reply);
        assert_eq!(callers.register().wait(answer).await, None);
    }

    #[test]
    fn only_the_first_caller_is_alone() {
        let callers = Callers::default();
        let first = callers.register();
        assert!(first.is_alone && !callers.register().is_alone);
        drop(first);
        assert!(callers.register().is_alone);
    }
}

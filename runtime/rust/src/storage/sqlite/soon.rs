//! Waiting for what comes soon, without sleeping.
//!
//! To wake a thread takes about as long as a transaction, and a run that goes from step to step would
//! pay for two wakings a step: the writer's, and its own. So the writer and whoever asks it alone
//! look for a moment before they sleep. Where many ask at a time there is nothing to gain: the
//! writer does not sleep, and its answers wake many at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::yield_now;
use std::time::{Duration, Instant};

use tokio::sync::oneshot::{Receiver, error::TryRecvError};

/// How long to look: a transaction and a half, so that no task that waits for the thread is late.
const MOMENT: Duration = Duration::from_micros(40);

/// Looks for a moment. Other threads that have something to do go first.
pub(super) fn soon<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let since = Instant::now();
    loop {
        let found = look();
        if found.is_some() || since.elapsed() >= MOMENT {
            return found;
        }
        yield_now();
    }
}

/// Counts those who wait for answers.
#[derive(Debug, Default)]
pub(super) struct Askers(Arc<AtomicUsize>);

impl Askers {
    pub(super) fn one_more(&self) -> Asker {
        let is_alone = self.0.fetch_add(1, Ordering::Relaxed) == 0;
        // The writer is a task of the same thread: it answers only once this one waits.
        #[cfg(feature = "simulation")]
        let is_alone = is_alone && crate::simulation::world().is_none();
        Asker { is_alone, all: Arc::clone(&self.0) }
    }
}

/// One who waits for an answer, until it is dropped.
pub(super) struct Asker {
    is_alone: bool,
    all: Arc<AtomicUsize>,
}

impl Asker {
    /// The answer; none where it was given up.
    pub(super) async fn wait<T>(self, mut answer: Receiver<T>) -> Option<T> {
        let mut look = || match answer.try_recv() {
            Err(TryRecvError::Empty) => None,
            answered => Some(answered.ok()),
        };
        if self.is_alone
            && let Some(answered) = soon(&mut look)
        {
            return answered;
        }
        answer.await.ok()
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot::channel;

    #[tokio::test]
    async fn an_answer_is_found_whether_it_comes_soon_or_late_or_never() {
        let askers = Askers::default();
        let (reply, answer) = channel();
        reply.send("soon").unwrap();
        assert_eq!(askers.one_more().wait(answer).await, Some("soon"));
        let (reply, answer) = channel();
        let late = tokio::spawn(askers.one_more().wait(answer));
        tokio::time::sleep(5 * MOMENT).await;
        reply.send("late").unwrap();
        assert_eq!(late.await.unwrap(), Some("late"));
        let (reply, answer) = channel::<()>();
        drop(reply);
        assert_eq!(askers.one_more().wait(answer).await, None);
    }

    #[test]
    fn only_the_first_of_those_who_wait_is_alone() {
        let askers = Askers::default();
        let first = askers.one_more();
        assert!(first.is_alone && !askers.one_more().is_alone);
        drop(first);
        assert!(askers.one_more().is_alone);
    }
}

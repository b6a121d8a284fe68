//! Wakes the readers of a log.
//!
//! If many readers were woken at once, everything else in the runtime would wait until each has written, including
//! publishers. So a task wakes some, and lets other tasks run before it wakes the next ones. Readers that are woken
//! later find more messages, and write them together.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::yield_now;

use super::Inbox;

/// The number of readers that are woken before other tasks run.
const AT_ONCE: usize = 32;

/// A parked reader, and the key that its inbox receives.
pub(super) type Parked = (Arc<Inbox>, u64);

/// The readers of a log that are yet to be woken.
#[derive(Default)]
pub(super) struct Waking {
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    readers: VecDeque<Parked>,
    /// Whether a task is waking the readers.
    has_task: bool,
}

/// Wakes the readers until there are none left. If it is dropped before, because its runtime shuts down, wakes the
/// rest at once: readers may belong to another runtime.
struct Task {
    waking: Arc<Waking>,
    has_ended: bool,
}

/// Readers that were taken from a log's parked ones, to wake them.
pub(super) struct ToWake {
    readers: Vec<Parked>,
    /// `None` if the log never had many readers.
    waking: Option<Arc<Waking>>,
}

impl ToWake {
    /// `waking` is a field of the log's state. This sets it once there are many readers.
    pub(super) fn new(readers: Vec<Parked>, waking: &mut Option<Arc<Waking>>) -> Self {
        if readers.len() > AT_ONCE {
            waking.get_or_insert_default();
        }
        Self { readers, waking: waking.clone() }
    }

    /// Wakes the readers, after those that are yet to be woken.
    pub(super) fn wake(self) {
        match self.waking {
            Some(waking) => waking.wake(self.readers),
            None => wake(self.readers),
        }
    }
}

impl Waking {
    /// Wakes readers, after those that are yet to be woken.
    fn wake(self: Arc<Self>, parked: Vec<Parked>) {
        let mut queue = self.lock();
        if !queue.has_task && (parked.len() <= AT_ONCE || !is_task_possible()) {
            drop(queue);
            wake(parked);
            return;
        }
        queue.readers.extend(parked);
        if !std::mem::replace(&mut queue.has_task, true) {
            drop(queue);
            tokio::spawn(Task { waking: self, has_ended: false }.run());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Task {
    async fn run(mut self) {
        loop {
            wake(self.take());
            if self.has_ended {
                return;
            }
            yield_now().await;
        }
    }

    /// Takes the readers to wake next. If they are the last ones, the task has ended.
    fn take(&mut self) -> Vec<Parked> {
        let mut queue = self.waking.lock();
        let next = queue.readers.len().min(AT_ONCE);
        let next = queue.readers.drain(..next).collect();
        queue.has_task = !queue.readers.is_empty();
        self.has_ended = !queue.has_task;
        next
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if !self.has_ended {
            let mut queue = self.waking.lock();
            queue.has_task = false;
            let rest = std::mem::take(&mut queue.readers);
            drop(queue);
            wake(rest);
        }
    }
}

/// Returns `true` if a spawned task is certain to continue. In a runtime with one thread, that thread may do
/// something else once the publisher has its answer.
fn is_task_possible() -> bool {
    Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread)
}

fn wake(readers: impl IntoIterator<Item = Parked>) {
    for (inbox, key) in readers {
        inbox.put(key);
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use tokio::runtime::{Builder, Runtime};

    use super::*;

    fn readers(count: usize) -> Vec<Parked> {
        (0..count).map(|_| (Arc::default(), 7)).collect()
    }

    fn count_woken(readers: &[Parked]) -> usize {
        let context = Context::from_waker(Waker::noop());
        readers.iter().filter(|(inbox, _)| inbox.poll_take(&mut Vec::new(), &context).is_ready()).count()
    }

    fn runtime() -> Runtime {
        Builder::new_multi_thread().worker_threads(1).build().unwrap()
    }

    #[test]
    fn tasks_run_between_many_readers() {
        runtime().block_on(async {
            tokio::spawn(async {
                let (waking, readers) = (Arc::<Waking>::default(), readers(10 * AT_ONCE));
                Arc::clone(&waking).wake(readers.clone());
                assert_eq!(count_woken(&readers), 0, "the publisher continues first");
                let mut woken = 0;
                let mut turns = 0;
                while woken < readers.len() {
                    yield_now().await;
                    let now = count_woken(&readers);
                    assert!(now <= AT_ONCE || turns == 0, "{now}");
                    (woken, turns) = (woken + now, turns + 1);
                    assert!(turns < 1_000, "{woken}");
                }
                assert!(!waking.lock().has_task);
            })
            .await
            .unwrap();
        });
    }

    #[test]
    fn readers_are_woken_if_the_runtime_of_the_publisher_ends() {
        for _ in 0..100 {
            let (waking, readers) = (Arc::<Waking>::default(), readers(10 * AT_ONCE));
            let runtime = runtime();
            runtime.block_on(async { Arc::clone(&waking).wake(readers.clone()) });
            drop(runtime);
            assert_eq!(count_woken(&readers), readers.len());
            assert!(!waking.lock().has_task);
        }
    }

    #[test]
    fn readers_are_woken_at_once_if_a_task_might_not_continue() {
        let single = Builder::new_current_thread().build().unwrap();
        for is_in_runtime in [false, true] {
            let readers = readers(10 * AT_ONCE);
            let publish = || Arc::<Waking>::default().wake(readers.clone());
            if is_in_runtime {
                single.block_on(async { publish() })
            } else {
                publish()
            }
            assert_eq!(count_woken(&readers), readers.len());
        }
    }
}

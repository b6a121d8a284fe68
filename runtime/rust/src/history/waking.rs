//! Wakes the readers of a log.
//!
//! If a log woke many readers at once, all other tasks of the runtime, including publishers, would wait until each
//! reader has written. So it wakes some at once, and a task wakes the others in batches, between which other tasks run.
//! Readers that are woken later find more messages, and write them together.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::mem::{replace, take};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::runtime::{Handle, RuntimeFlavor};

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
    /// Whether a task wakes the readers.
    has_task: bool,
}

/// Wakes the readers until there are none left. If it is dropped earlier, because its runtime shuts down, it wakes the
/// rest at once: readers may belong to another runtime.
struct Task {
    waking: Arc<Waking>,
    has_ended: bool,
}

/// Readers that are no longer parked in a log and must be woken.
pub(super) struct ToWake {
    readers: Vec<Parked>,
    /// `None` if the log never had many readers.
    waking: Option<Arc<Waking>>,
}

impl ToWake {
    /// Sets `waking`, which the log keeps, if there are many readers.
    pub(super) fn new(readers: Vec<Parked>, waking: &mut Option<Arc<Waking>>) -> Self {
        if readers.len() > AT_ONCE {
            waking.get_or_insert_default();
        }
        Self { readers, waking: waking.clone() }
    }

    /// Wakes the readers after those that are yet to be woken: in batches if there are many, unless `all_now`.
    pub(super) fn wake(self, all_now: bool) {
        match self.waking {
            Some(waking) => waking.wake(self.readers, all_now),
            None => wake(self.readers),
        }
    }
}

impl Waking {
    fn wake(self: Arc<Self>, parked: Vec<Parked>, all_now: bool) {
        let mut queue = self.lock();
        if all_now || (!queue.has_task && (parked.len() <= AT_ONCE || !is_task_possible())) {
            let earlier = take(&mut queue.readers);
            drop(queue);
            wake(earlier);
            wake(parked);
            return;
        }
        queue.readers.extend(parked);
        if replace(&mut queue.has_task, true) {
            return;
        }
        let first = queue.take_next();
        drop(queue);
        // Spawned first, because waking readers moves the task out of the slot from which other threads cannot take it.
        tokio::spawn(Task { waking: self, has_ended: false }.run());
        wake(first);
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn take_next(&mut self) -> Vec<Parked> {
        let next = self.readers.len().min(AT_ONCE);
        self.readers.drain(..next).collect()
    }
}

impl Task {
    async fn run(mut self) {
        while !self.has_ended {
            requeue().await;
            let mut queue = self.waking.lock();
            let next = queue.take_next();
            queue.has_task = !queue.readers.is_empty();
            self.has_ended = !queue.has_task;
            drop(queue);
            wake(next);
        }
    }
}

/// Moves the current task to the end of the run queue. Unlike tokio's `yield_now`, which waits until the thread has
/// nothing else to do, this lets another thread take the task.
pub(crate) async fn requeue() {
    let mut is_requeued = false;
    let requeued = poll_fn(|context| {
        if replace(&mut is_requeued, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    });
    requeued.await;
}

impl Drop for Task {
    fn drop(&mut self) {
        if !self.has_ended {
            let mut queue = self.waking.lock();
            queue.has_task = false;
            let rest = take(&mut queue.readers);
            drop(queue);
            wake(rest);
        }
    }
}

/// Returns whether a spawned task continues without this thread: the only thread of a runtime may run no further tasks
/// once the publisher has its answer.
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
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Waker};
    use std::time::{Duration, Instant};

    use tokio::runtime::{Builder, Runtime};

    use super::*;

    fn readers(count: usize) -> Vec<Parked> {
        (0..count).map(|_| (Arc::default(), 7)).collect()
    }

    fn count_woken(readers: &[Parked]) -> usize {
        let context = Context::from_waker(Waker::noop());
        readers.iter().filter(|(inbox, _)| inbox.poll_take(&mut Vec::new(), &context).is_ready()).count()
    }

    fn runtime(threads: usize) -> Runtime {
        Builder::new_multi_thread().worker_threads(threads).enable_time().build().unwrap()
    }

    #[test]
    fn tasks_run_between_many_readers() {
        runtime(1).block_on(async {
            tokio::spawn(async {
                let (waking, readers) = (Arc::<Waking>::default(), readers(10 * AT_ONCE));
                Arc::clone(&waking).wake(readers.clone(), false);
                let (mut woken, mut turns) = (0, 0);
                while woken < readers.len() {
                    let now = count_woken(&readers);
                    assert!(now <= 2 * AT_ONCE, "{now}");
                    (woken, turns) = (woken + now, turns + 1);
                    assert!(turns < 1_000, "{woken}");
                    requeue().await;
                }
                assert!(!waking.lock().has_task);
            })
            .await
            .unwrap();
        });
    }

    #[test]
    fn readers_are_woken_although_the_thread_of_the_publisher_is_busy() {
        runtime(2).block_on(async {
            let (readers, woken) = (readers(10 * AT_ONCE), Arc::<AtomicUsize>::default());
            for (inbox, _) in readers.clone() {
                let woken = Arc::clone(&woken);
                tokio::spawn(async move {
                    poll_fn(|context| inbox.poll_take(&mut Vec::new(), context)).await;
                    woken.fetch_add(1, Ordering::SeqCst);
                });
            }
            let publish = async move {
                // The readers must be waiting.
                tokio::time::sleep(Duration::from_millis(100)).await;
                Arc::<Waking>::default().wake(readers.clone(), false);
                let since = Instant::now();
                // There is no await, so this thread executes no other task. It keeps the task that was woken last,
                // because tokio does not let another thread take it.
                while woken.load(Ordering::SeqCst) < readers.len() - 1 {
                    assert!(since.elapsed() < Duration::from_secs(20), "{woken:?}");
                }
            };
            tokio::spawn(publish).await.unwrap();
        });
    }

    #[test]
    fn all_readers_can_be_woken_now() {
        runtime(1).block_on(async {
            tokio::spawn(async {
                let (waking, readers) = (Arc::<Waking>::default(), readers(10 * AT_ONCE));
                Arc::clone(&waking).wake(readers[AT_ONCE..].to_vec(), false);
                Arc::clone(&waking).wake(readers[..AT_ONCE].to_vec(), true);
                assert_eq!(count_woken(&readers), readers.len());
            })
            .await
            .unwrap();
        });
    }

    #[test]
    fn readers_are_woken_if_the_runtime_of_the_publisher_ends() {
        for _ in 0..100 {
            let (waking, readers) = (Arc::<Waking>::default(), readers(10 * AT_ONCE));
            let runtime = runtime(1);
            runtime.block_on(async { Arc::clone(&waking).wake(readers.clone(), false) });
            drop(runtime);
            assert_eq!(count_woken(&readers), readers.len());
            assert!(!waking.lock().has_task);
        }
    }

    #[test]
    fn readers_are_woken_at_once_where_a_task_might_not_continue() {
        let single = Builder::new_current_thread().build().unwrap();
        for is_in_runtime in [false, true] {
            let readers = readers(10 * AT_ONCE);
            let publish = || Arc::<Waking>::default().wake(readers.clone(), false);
            if is_in_runtime {
                single.block_on(async { publish() })
            } else {
                publish()
            }
            assert_eq!(count_woken(&readers), readers.len());
        }
    }
}

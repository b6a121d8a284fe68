//! Decides whether a socket must be polled for a frame.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_util::task::{ArcWake, AtomicWaker, waker_ref};

/// Polls a socket only if it may have a frame. A connection is mostly woken by messages, and looking for a frame
/// each time costs as much as reading the messages.
pub(super) struct ReadSignal {
    is_set: AtomicBool,
    task: AtomicWaker,
}

impl Default for ReadSignal {
    fn default() -> Self {
        Self { is_set: AtomicBool::new(true), task: AtomicWaker::new() }
    }
}

impl ReadSignal {
    /// Makes the next [`poll`](Self::poll) poll.
    pub(super) fn set(&self) {
        self.is_set.store(true, Ordering::Release);
    }

    /// Polls if the waker of the last poll was woken, or if that poll was ready, because more may follow. `poll` must
    /// keep the waker between two calls, even if its future is dropped.
    pub(super) fn poll<T>(
        self: &Arc<Self>,
        context: &Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        if !self.is_set.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        self.task.register(context.waker());
        let polled = poll(&mut Context::from_waker(&waker_ref(self)));
        if polled.is_ready() {
            self.set();
        }
        polled
    }
}

impl ArcWake for ReadSignal {
    fn wake_by_ref(signal: &Arc<Self>) {
        signal.set();
        signal.task.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::task::Waker;

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl ArcWake for Wakes {
        fn wake_by_ref(wakes: &Arc<Self>) {
            wakes.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_socket_is_polled_again_once_it_was_ready_or_woken() {
        let (signal, count) = (Arc::new(ReadSignal::default()), Arc::new(Wakes::default()));
        let waker = waker_ref(&count);
        let context = Context::from_waker(&waker);
        let (mut polls, mut kept) = (0, None::<Waker>);
        let mut poll = |result: Poll<()>| {
            let polled = signal.poll(&context, |context| {
                (polls, kept) = (polls + 1, Some(context.waker().clone()));
                result
            });
            (polled, polls, kept.clone())
        };
        assert_eq!(poll(Poll::Ready(())).1, 1);
        let (polled, times, kept) = poll(Poll::Pending);
        assert_eq!((polled, times), (Poll::Pending, 2), "more may follow a poll that was ready");
        assert_eq!(poll(Poll::Ready(())).1, 2, "nothing has woken it");
        kept.unwrap().wake();
        assert_eq!(count.0.load(Ordering::Relaxed), 1, "the task is woken, too");
        assert_eq!(poll(Poll::Pending).1, 3);
        signal.set();
        assert_eq!(poll(Poll::Pending).1, 4);
    }
}

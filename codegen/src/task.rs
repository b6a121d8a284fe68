//! Computations on other threads.

use std::thread::{Builder, Scope, ScopedJoinHandle};

/// A computation on another thread. It is done on this one if no thread can be started.
pub(crate) enum Task<'s, T> {
    Started(ScopedJoinHandle<'s, T>),
    Done(T),
}

impl<'s, T: Send + 's> Task<'s, T> {
    /// The stack size of a main thread: deeply nested types need as much.
    const STACK: usize = 8 << 20;

    pub(crate) fn start<'e>(scope: &'s Scope<'s, 'e>, compute: &'s (impl Fn() -> T + Sync)) -> Self {
        Self::start_with_stack(scope, Self::STACK, compute)
    }

    /// Starts a computation with a stack of some bytes.
    pub(crate) fn start_with_stack<'e>(
        scope: &'s Scope<'s, 'e>,
        stack_size: usize,
        compute: &'s (impl Fn() -> T + Sync),
    ) -> Self {
        match Builder::new().stack_size(stack_size).spawn_scoped(scope, compute) {
            Ok(thread) => Self::Started(thread),
            Err(_) => Self::Done(compute()),
        }
    }

    /// Waits for the result. A panic of the other thread continues in this one.
    pub(crate) fn join(self) -> T {
        match self {
            Self::Started(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Self::Done(result) => result,
        }
    }
}

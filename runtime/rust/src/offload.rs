//! Running work on large payloads outside the threads that serve connections.
//!
//! Parsing and checking 1 MiB takes some milliseconds. On a thread that serves connections, everyone else would wait for
//! as long, again at each step of their message.

use std::future::pending;
use std::panic::resume_unwind;
use std::sync::OnceLock;
use std::thread::available_parallelism;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Work on smaller payloads takes less time than handing it to another thread is worth.
const LARGE: usize = 32 * 1024;

/// Runs work on a payload of so many bytes. Large payloads are worked on one per core at a time, which also bounds
/// the memory that their values take.
pub(crate) async fn run<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> T {
    static CORES: OnceLock<Semaphore> = OnceLock::new();
    if bytes < LARGE {
        return work();
    }
    let cores = CORES.get_or_init(|| Semaphore::new(available_parallelism().map_or(1, usize::from)));
    // Nobody closes the semaphore.
    let permit = cores.acquire().await.ok();
    let done = spawn_blocking(work).await;
    drop(permit);
    match done.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(result) => result,
        Err(Ok(panic)) => resume_unwind(panic),
        // The runtime is shutting down, and drops this task next.
        Err(Err(_)) => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::thread::current;

    use super::*;

    #[tokio::test]
    async fn only_large_payloads_leave_the_thread_that_serves() {
        let serving = current().id();
        assert_eq!(run(LARGE - 1, || current().id()).await, serving);
        assert_ne!(run(LARGE, || current().id()).await, serving);
    }

    #[tokio::test]
    async fn a_panic_reaches_the_caller_and_frees_its_core() {
        for _ in 0..100 {
            let panics = tokio::spawn(run(LARGE, || panic!("as asked")));
            assert!(panics.await.is_err_and(|error| error.is_panic()));
        }
        assert_eq!(run(LARGE, || 1).await, 1);
    }
}

//! Running work on large payloads outside the threads that serve connections.
//!
//! Parsing and checking 1 MiB takes a few milliseconds. On a thread that serves connections, each step of every other
//! message would wait that long.

use std::future::pending;
use std::panic::resume_unwind;
use std::sync::OnceLock;
use std::thread::available_parallelism;

use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, spawn_blocking};

/// Smaller payloads are processed on the calling thread, because a switch would take longer than the work.
const MIN_OFFLOADED: usize = 32 * 1024;

/// Runs work on a payload of `bytes` bytes. Large payloads are processed one per core at a time, which also bounds the
/// memory of their values.
pub(crate) async fn run<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> T {
    static CORES: OnceLock<Semaphore> = OnceLock::new();
    if bytes < MIN_OFFLOADED {
        return work();
    }
    let cores = CORES.get_or_init(|| Semaphore::new(available_parallelism().map_or(1, usize::from)));
    run_on(cores, work).await
}

/// Runs work that blocks its thread, such as reading a file.
#[cfg(feature = "sqlite")]
pub(crate) async fn block<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    finish(spawn_blocking(work)).await
}

async fn run_on<T: Send + 'static>(
    cores: &'static Semaphore,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    // The semaphore is never closed.
    let permit = cores.acquire().await.ok();
    // The work continues if the caller is dropped, so it holds the permit itself.
    finish(spawn_blocking(move || {
        let _permit = permit;
        work()
    }))
    .await
}

async fn finish<T>(done: JoinHandle<T>) -> T {
    match done.await.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(result) => result,
        Err(Ok(panic)) => resume_unwind(panic),
        // The runtime is shutting down, and drops this task next.
        Err(Err(_)) => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::thread::current;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn only_large_payloads_leave_the_thread_that_serves() {
        let serving = current().id();
        assert_eq!(run(MIN_OFFLOADED - 1, || current().id()).await, serving);
        assert_ne!(run(MIN_OFFLOADED, || current().id()).await, serving);
    }

    #[tokio::test]
    async fn abandoned_work_keeps_its_core_until_it_ends() {
        static CORES: Semaphore = Semaphore::const_new(1);
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let abandoned = run_on(&CORES, move || ended.recv());
        assert!(timeout(Duration::from_millis(50), abandoned).await.is_err(), "the work continues");
        assert_eq!(CORES.available_permits(), 0);
        drop(end);
        run_on(&CORES, || ()).await;
    }

    #[tokio::test]
    async fn a_panic_reaches_the_caller_and_frees_its_core() {
        for _ in 0..100 {
            let panics = tokio::spawn(run(MIN_OFFLOADED, || panic!("as asked")));
            assert!(panics.await.is_err_and(|error| error.is_panic()));
        }
        assert_eq!(run(MIN_OFFLOADED, || 1).await, 1);
    }
}

use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread::{ThreadId, current};
use std::time::Duration;

use futures_util::FutureExt;
use rusqlite::Connection;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep, timeout};

use super::super::super::{Messages, StorageError, StorageFuture};
use super::super::writer::Pace;
use super::super::{Batch, Sqlite};

/// A file in a folder of its own, which is deleted when this is dropped.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("fanfare-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.join("fanfare.db")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Writes a fact, and returns the thread that does.
fn write(storage: &Sqlite, name: impl Into<String>) -> StorageFuture<Result<ThreadId, StorageError>> {
    let name = name.into();
    storage.submit_short(0, move |batch: &mut Batch<'_>| {
        batch.transaction.execute("INSERT INTO facts VALUES (?1, 'written')", [&name])?;
        Ok(current().id())
    })
}

/// Counts the written facts, after all work that was queued before.
async fn count(storage: &Sqlite) -> usize {
    let sql = "SELECT count(*) FROM facts WHERE value = 'written'";
    storage.submit(move |batch| batch.transaction.query_row(sql, [], |row| row.get(0))).await.unwrap()
}

#[tokio::test]
async fn a_caller_executes_its_work_unless_commits_wait_for_the_disk() {
    let (fast, durable) = (File::new("fast"), File::new("durable"));
    let storage = Sqlite::open(fast.path()).unwrap();
    // The writer's thread may have periodic work just now, or the machine may be busy.
    let (mut attempt, since) = (0, Instant::now());
    while write(&storage, attempt.to_string()).await.unwrap() != current().id() {
        assert!(since.elapsed() < Duration::from_secs(10), "{attempt} attempts");
        attempt += 1;
    }
    let storage = Sqlite::open_durable(durable.path()).unwrap();
    assert_ne!(write(&storage, "durable").await.unwrap(), current().id());
}

#[tokio::test]
async fn callers_on_one_thread_share_a_transaction() {
    let storage = Sqlite::in_memory().unwrap();
    let mut shared = 0;
    for _ in 0..20 {
        let events = Arc::new(Mutex::new(Vec::new()));
        let call = |name: &'static str| {
            let (executed, answered) = (Arc::clone(&events), Arc::clone(&events));
            let work = storage.submit_short(0, move |_: &mut Batch<'_>| {
                executed.lock().unwrap().push(format!("{name} executed"));
                Ok(())
            });
            async move {
                work.await.unwrap();
                answered.lock().unwrap().push(format!("{name} answered"));
            }
        };
        tokio::join!(call("first"), call("second"));
        let events = events.lock().unwrap();
        shared += usize::from(events[..2] == ["first executed", "second executed"]);
    }
    // The writer's thread may execute the first alone.
    assert!(shared > 0);
}

#[tokio::test]
async fn tasks_that_write_in_turn_share_transactions() {
    let storage = Arc::new(Sqlite::in_memory().unwrap());
    // `true` when work is executed, `false` when it is answered.
    let events = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = JoinSet::new();
    for _ in 0..10 {
        let (storage, events) = (Arc::clone(&storage), Arc::clone(&events));
        tasks.spawn(async move {
            for _ in 0..20 {
                let executed = Arc::clone(&events);
                let work = move |_: &mut Batch<'_>| {
                    executed.lock().unwrap().push(true);
                    Ok(())
                };
                storage.submit_short(0, work).await.unwrap();
                events.lock().unwrap().push(false);
            }
        });
    }
    tasks.join_all().await;
    let events = events.lock().unwrap();
    let longest = events.split(|is_executed| !is_executed).map(<[bool]>::len).max();
    assert!(longest >= Some(8), "{events:?}");
}

#[tokio::test]
async fn work_is_executed_even_if_its_caller_is_dropped() {
    let storage = Sqlite::in_memory().unwrap();
    // The writer is in use until the channel is closed.
    let (release, released) = channel::<()>();
    let (start, started) = channel();
    let blocking = storage.submit(move |_| {
        let _ = (start.send(()), released.recv());
        Ok(())
    });
    started.recv().unwrap();
    drop(write(&storage, "never polled"));
    let mut polled = write(&storage, "polled once");
    assert!((&mut polled).now_or_never().is_none());
    drop((polled, release));
    blocking.await.unwrap();
    assert_eq!(count(&storage).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_work_is_lost_or_repeated_whichever_thread_executes_it() {
    let file = File::new("many");
    let storage = Arc::new(Sqlite::open(file.path()).unwrap());
    let mut tasks = JoinSet::new();
    for task in 0..12_u32 {
        let storage = Arc::clone(&storage);
        tasks.spawn(async move {
            for number in 0..60_u32 {
                // Writing a fact twice would fail.
                let mut call = write(&storage, format!("{task}-{number}"));
                match (task + number) % 5 {
                    0 => drop(call),
                    1 => {
                        let _ = (&mut call).now_or_never();
                        drop(call);
                    }
                    2 => {
                        yield_now().await;
                        call.await.unwrap();
                    }
                    3 => storage.submit(|_| Ok(())).await.unwrap(),
                    _ => drop(call.await.unwrap()),
                }
            }
        });
    }
    timeout(Duration::from_secs(60), tasks.join_all()).await.expect("every caller is answered");
    assert_eq!(count(&storage).await, 12 * 60);
    let storage = Arc::into_inner(storage).unwrap();
    drop(write(&storage, "last"));
    drop(storage);
    let facts = Connection::open(file.path()).unwrap();
    let written: usize =
        facts.query_row("SELECT count(*) FROM facts WHERE value = 'written'", [], |row| row.get(0)).unwrap();
    assert_eq!(written, 12 * 60 + 1, "closing the storage executes what is queued");
}

#[tokio::test]
async fn a_locked_file_does_not_block_the_thread_of_a_caller() {
    let file = File::new("locked");
    let storage = Sqlite::open(file.path()).unwrap();
    let other = Connection::open(file.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut waiting = write(&storage, "waiting");
    let started = Instant::now();
    assert!(timeout(Duration::from_millis(300), &mut waiting).await.is_err());
    assert!(started.elapsed() < Duration::from_secs(2), "the timer ran meanwhile");
    assert_eq!(storage.health(), Ok(()), "waiting is not a failure");
    other.execute_batch("ROLLBACK").unwrap();
    waiting.await.unwrap();
    assert_eq!(count(&storage).await, 1);
}

#[tokio::test]
async fn work_that_fails_does_not_fail_the_work_that_shares_its_transaction() {
    let storage = Sqlite::in_memory().unwrap();
    let (first, again, other) =
        tokio::join!(write(&storage, "same"), write(&storage, "same"), write(&storage, "other"));
    assert!(first.is_ok() && again.is_err() && other.is_ok());
    assert_eq!(count(&storage).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_fails_all_calls_and_does_not_block_closing() {
    let storage = Arc::new(Sqlite::in_memory().unwrap());
    let ours = Arc::clone(&storage);
    let panics = tokio::spawn(async move {
        ours.submit_short(0, |_: &mut Batch<'_>| -> rusqlite::Result<()> { panic!("as asked") }).await
    });
    let queued = write(&storage, "queued");
    assert!(!matches!(panics.await, Ok(Ok(()))));
    assert!(write(&storage, "later").await.is_err());
    assert!(queued.await.is_ok_and(|_| true) || storage.submit(|_| Ok(())).await.is_err());
    let until = Instant::now() + Duration::from_secs(10);
    while storage.health().is_ok() {
        assert!(Instant::now() < until, "the storage reports that it has ended");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_writers_thread_copies_a_large_log() {
    let file = File::new("large");
    let storage = Sqlite::open(file.path()).unwrap();
    for number in 0..600 {
        let work = storage.submit_short(30_000, move |batch: &mut Batch<'_>| {
            let sql = "INSERT INTO facts VALUES (?1, printf('%.30000c', 'x'))";
            batch.transaction.execute(sql, [number]).map(drop)
        });
        work.await.unwrap();
    }
    let until = Instant::now() + Duration::from_secs(10);
    let size = || std::fs::metadata(file.path()).unwrap().len();
    // The log has some pages several times.
    while size() < 8_000_000 {
        assert!(Instant::now() < until, "the file has the pages of the log: {} bytes", size());
        sleep(Duration::from_millis(10)).await;
    }
    assert!(write(&storage, "later").await.is_ok());
}

#[test]
fn callers_leave_transactions_to_the_thread_while_the_disk_is_slow_but_not_after_one_delay() {
    let fast = Duration::from_micros(30);
    let mut pace = Pace::default();
    pace.record(Duration::from_secs(1));
    assert!(pace.is_fast());
    (0..3).for_each(|_| pace.record(Duration::from_millis(5)));
    assert!(!pace.is_fast());
    (0..20).for_each(|_| pace.record(fast));
    assert!(pace.is_fast());
}

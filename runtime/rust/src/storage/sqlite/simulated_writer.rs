//! The writer as a task of a simulated process. The simulated world decides its pauses, its batch sizes and its
//! failures.

use std::time::Duration;

use rusqlite::{Error, ffi};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep, timeout};

use super::writer::{Command, FOLLOW_INTERVAL, Writer};
use crate::clock::poll_interval;
use crate::simulation::world;

/// How often to check again while the file is locked.
const LOCK_POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Runs the writer on the current runtime until all senders of commands are dropped.
pub(super) fn spawn(writer: Writer) -> UnboundedSender<Command> {
    let (commands, received) = unbounded_channel();
    tokio::spawn(run(writer, received));
    commands
}

async fn run(mut writer: Writer, mut commands: UnboundedReceiver<Command>) {
    loop {
        let mut batch = match timeout(poll_interval(FOLLOW_INTERVAL), commands.recv()).await {
            Ok(Some(first)) => vec![first],
            Ok(None) => break,
            Err(_) => Vec::new(),
        };
        if !batch.is_empty() {
            pause().await;
            let max = world().map_or(1, |world| world.max_batch());
            while batch.len() < max
                && let Ok(command) = commands.try_recv()
            {
                batch.push(command);
            }
            wait_for_lock(writer.lock_timeout()).await;
            let done = writer.execute(batch);
            pause().await;
            writer.notify_callers(done);
        }
        writer.maintain();
    }
    writer.close();
}

async fn pause() {
    let pause = world().map(|world| world.writer_pause()).unwrap_or_default();
    if !pause.is_zero() {
        sleep(pause).await;
    }
}

/// Waits for a locked file as SQLite does, but lets the process continue meanwhile.
async fn wait_for_lock(lock_timeout: Duration) {
    let until = Instant::now() + lock_timeout;
    while is_locked() && Instant::now() < until {
        sleep(LOCK_POLL_INTERVAL).await;
    }
}

fn is_locked() -> bool {
    world().is_some_and(|world| world.is_locked())
}

/// Fails if the simulated world has locked the file.
pub(super) fn fail_locked() -> rusqlite::Result<()> {
    if is_locked() {
        return Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None));
    }
    Ok(())
}

/// Fails if the simulated disk is full.
pub(super) fn fail_commit() -> rusqlite::Result<()> {
    if world().is_some_and(|world| world.fails_commit()) {
        let why = Some("the simulated disk is full".to_owned());
        return Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), why));
    }
    Ok(())
}

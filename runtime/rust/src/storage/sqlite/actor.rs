//! The writer as a task of a simulated process: it pauses, takes as much at a time, and fails, as the world decides.

use std::time::Duration;

use rusqlite::{Error, ffi};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep, timeout};

use super::writer::{Command, FOLLOWING, Writer};
use crate::simulation::world;

/// How often to try again while the file is locked.
const RETRY: Duration = Duration::from_millis(10);

/// Runs the writer on the runtime that is executed now, until nobody can send commands any more.
pub(super) fn spawn(writer: Writer) -> UnboundedSender<Command> {
    let (commands, received) = unbounded_channel();
    tokio::spawn(run(writer, received));
    commands
}

async fn run(mut writer: Writer, mut commands: UnboundedReceiver<Command>) {
    loop {
        let mut batch = match timeout(FOLLOWING, commands.recv()).await {
            Ok(Some(first)) => vec![first],
            Ok(None) => break,
            Err(_) => Vec::new(),
        };
        if !batch.is_empty() {
            pause().await;
            let most = world().map_or(1, |world| world.batch());
            while batch.len() < most
                && let Ok(command) = commands.try_recv()
            {
                batch.push(command);
            }
            wait_for_lock(writer.patience()).await;
            let done = writer.execute(batch);
            pause().await;
            writer.report(done);
        }
        writer.keep_up();
    }
    writer.end();
}

async fn pause() {
    let pause = world().map(|world| world.pause()).unwrap_or_default();
    if !pause.is_zero() {
        sleep(pause).await;
    }
}

/// Waits as SQLite does for a file that is locked, but lets the process go on meanwhile.
async fn wait_for_lock(patience: Duration) {
    let until = Instant::now() + patience;
    while is_locked() && Instant::now() < until {
        sleep(RETRY).await;
    }
}

fn is_locked() -> bool {
    world().is_some_and(|world| world.is_locked())
}

/// Fails if the world says that another program has locked the file.
pub(super) fn fail_locked() -> rusqlite::Result<()> {
    if is_locked() {
        return Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None));
    }
    Ok(())
}

/// Fails where the world says that the disk is full.
pub(super) fn fail_commit() -> rusqlite::Result<()> {
    if world().is_some_and(|world| world.fails_commit()) {
        let why = Some("the simulated disk is full".to_owned());
        return Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), why));
    }
    Ok(())
}

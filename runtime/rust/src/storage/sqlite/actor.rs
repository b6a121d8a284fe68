//! The writer as a task of a simulated process: it pauses, takes as much at a time, and fails, as the world decides.

use rusqlite::{Error, ffi};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{sleep, timeout};

use super::writer::{Command, FOLLOWING, Writer};
use crate::simulation::world;

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

/// Fails where the world says that the disk is full.
pub(super) fn fail_commit() -> rusqlite::Result<()> {
    if world().is_some_and(|world| world.fails_commit()) {
        let why = Some("the simulated disk is full".to_owned());
        return Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), why));
    }
    Ok(())
}

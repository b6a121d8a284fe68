//! Processes whose wall clock is wrong.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use fanfare::{Run, RunError, Sqlite};
use rusqlite::Connection;

use crate::support::definition::{Outcome, Room, room};
use crate::support::file::File;
use crate::support::runs::{completed, done, ended, runs};
use crate::support::server::Server;

/// The environment variable with the file that processes share in [`runs_and_revocations_ignore_a_wrong_wall_clock`].
const FILE: &str = "FANFARE_TEST_CLOCKS";

const NAP: Duration = Duration::from_millis(1500);

async fn naps(run: Run<Room>, (): ()) -> Result<Outcome, RunError> {
    run.sleep("nap", NAP).await?;
    Ok(done("rested"))
}

/// Finds the library of Debian's package faketime, which changes the clock of a process.
fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    folders.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|library| library.is_file())
}

/// A process of the test below.
#[tokio::test]
#[ignore = "a process of another test"]
async fn process_with_a_wrong_clock() {
    let Some(path) = std::env::var_os(FILE) else { return };
    let written = std::fs::metadata(&path).unwrap().modified().unwrap();
    let now = SystemTime::now();
    let off = now.duration_since(written).unwrap_or_else(|error| error.duration());
    assert!(off > Duration::from_secs(3000), "the clock is right");
    let storage = Sqlite::open(path).unwrap();
    let server = Server::start_with(|builder| builder.storage(storage)).await;
    let (runs, _) = runs(&server, naps).await;
    assert_eq!(ended(&runs, "run_1").await, completed("rested"));
    server.hub.revoke("there").await.unwrap();
    let token = server.hub.token(room("1").grant(["said"])).id("here").mint().unwrap();
    assert_eq!(server.refusal(&token).await.status, 401);
    server.stop().await;
}

#[tokio::test]
async fn runs_and_revocations_ignore_a_wrong_wall_clock() {
    let Some(library) = faketime() else {
        return println!("skipped: the library of Debian's package faketime is not there");
    };
    for wrong in ["-1h", "+1d", "+3d"] {
        let file = File::new();
        let server = file.server().await;
        let (runs, job) = runs(&server, naps).await;
        server.hub.revoke("here").await.unwrap();
        let since = Instant::now();
        runs.start(&job, "run_1", &Room(room("1")), &()).await.unwrap();
        // Waits until it sleeps.
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.stop().await;
        let mut process = Command::new(std::env::current_exe().unwrap());
        process.args(["--exact", "clocks::process_with_a_wrong_clock", "--ignored"]).env(FILE, file.path());
        process.env("LD_PRELOAD", &library).env("FAKETIME", wrong);
        process.env("NO_FAKE_STAT", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let output = process.output().unwrap();
        let took = since.elapsed();
        assert!(output.status.success(), "{wrong}: {}", String::from_utf8_lossy(&output.stdout));
        assert!(NAP <= took && took < NAP + Duration::from_secs(60), "{wrong}: {took:?}");
        let revoked = Connection::open(file.path()).unwrap();
        let revoked = revoked.query_row("SELECT count(*) FROM revoked", [], |row| row.get(0));
        assert_eq!(revoked, Ok(2), "{wrong}");
        let server = file.server().await;
        let token = server.hub.token(room("1").grant(["said"])).id("there").mint().unwrap();
        assert_eq!(server.refusal(&token).await.status, 401, "{wrong}");
        server.stop().await;
    }
}

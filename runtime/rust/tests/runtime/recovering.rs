//! Files that are locked, deleted, replaced or damaged.

use std::fs;
use std::future::pending;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use fanfare::wire::ServerFrame;
use fanfare::{
    Channel, PublishError, ReplayError, ReplayOutcome, Run, RunError, RunRecording, RunsError, Sqlite,
};
use rusqlite::Connection;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::definition::{Room, Status, draft, room, said, status};
use crate::support::file::File;
use crate::support::http;
use crate::support::runs::{completed, done, ended, runs};
use crate::support::server::Server;
use crate::text_streams::post_stream;

/// A storage notices within about a second that its file is gone.
const SOON: Duration = Duration::from_secs(20);

const TICK: Duration = Duration::from_millis(10);

async fn say(server: &Server, channel: &Channel, text: &str) -> String {
    server.hub.publish(said(channel), text).await.unwrap().to_string()
}

fn failure(error: PublishError) -> String {
    let PublishError::Storage(error) = error else { panic!("{error}") };
    error.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishing_fails_quickly_while_another_program_locks_the_file() {
    let file = File::new();
    let server = file.server().await;
    say(&server, &room("0"), "before").await;
    let other = Connection::open(file.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let since = Instant::now();
    // Half of them publish to channels of their own, and half to one channel that is not open yet.
    let publishers = (0..50).map(|number| {
        let (hub, number) = (server.hub.clone(), if number < 25 { number } else { 25 });
        tokio::spawn(async move { hub.publish(said(&room(&number.to_string())), "x").await })
    });
    for publisher in publishers.collect::<Vec<_>>() {
        let error = failure(publisher.await.unwrap().unwrap_err());
        assert!(error.contains("locked"), "{error}");
    }
    assert!(since.elapsed() < Duration::from_secs(9), "{:?}", since.elapsed());
    let late = Instant::now();
    server.hub.publish(said(&room("0")), "x").await.unwrap_err();
    assert!(late.elapsed() < Duration::from_secs(4), "{:?}", late.elapsed());

    other.execute_batch("COMMIT").unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    say(&server, &room("0"), "after").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_of_a_busy_storage_is_bounded_and_further_calls_fail_at_once() {
    let file = File::new();
    let storage = Sqlite::open(file.path()).unwrap().max_queue_bytes(4_000_000);
    let server = Server::start_with(|builder| builder.storage(storage)).await;
    say(&server, &room("0"), "before").await;
    let other = Connection::open(file.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let large = std::sync::Arc::new("x".repeat(1_000_000));
    let publishers: Vec<_> = (0..3)
        .map(|_| {
            let (hub, large) = (server.hub.clone(), std::sync::Arc::clone(&large));
            tokio::spawn(async move { hub.publish(said(&room("0")), large.as_str()).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let since = Instant::now();
    let error = failure(server.hub.publish(said(&room("0")), large.as_str()).await.unwrap_err());
    assert!(error.contains("the storage is busy"), "{error}");
    let answer = server.publish("room:0", "said", large.as_bytes()).await;
    assert_eq!(answer.status, 503);
    assert!(answer.error().contains("the storage is busy"), "{}", answer.error());
    assert!(since.elapsed() < Duration::from_secs(4), "{:?}", since.elapsed());
    other.execute_batch("COMMIT").unwrap();
    for publisher in publishers {
        publisher.await.unwrap().unwrap();
    }
    server.hub.publish(said(&room("0")), large.as_str()).await.unwrap();
}

#[tokio::test]
async fn a_text_stream_that_could_not_be_stored_ends_once_the_storage_works_again() {
    let (file, channel) = (File::new(), room("1"));
    let server = file.server().await;
    let mut reader = server.subscribe(&channel, &["draft"]).await;
    reader.ready().await;
    let mut writer = server.hub.stream(channel.topic(5)).await.unwrap();
    assert!(matches!(reader.frame().await, ServerFrame::DatastreamStart { .. }));
    let other = Connection::open(file.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    writer.write("lost").await.unwrap();
    failure(writer.end().await.unwrap_err());
    other.execute_batch("COMMIT").unwrap();
    let frame = reader.frame().await;
    assert!(matches!(frame, ServerFrame::DatastreamEnd { error: Some(_), .. }), "{frame:?}");
}

#[tokio::test]
async fn a_text_stream_that_could_not_be_stored_returns_the_same_error_from_every_call() {
    for ending in ["end", "fail", "stop"] {
        let file = File::new();
        let server = file.server().await;
        let mut writer = server.hub.stream(draft(&room("1"))).await.unwrap();
        fs::remove_file(file.path()).unwrap();
        let since = Instant::now();
        let error = loop {
            if let Err(error) = writer.write("lost").await {
                break error;
            }
            assert!(since.elapsed() < SOON);
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        assert!(matches!(error, PublishError::Storage(_)), "{error}");
        for text in ["more", ""] {
            assert_eq!(writer.write(text).await, Err(error.clone()));
        }
        let ended = match ending {
            "end" => writer.end().await,
            "fail" => writer.fail("failed").await,
            _ => writer.stop("stopped").await,
        };
        assert_eq!(ended, Err(error), "{ending}");
    }
}

#[tokio::test]
async fn a_body_that_could_not_be_stored_to_its_end_is_answered_with_503() {
    let file = File::new();
    let server = file.server().await;
    let mut reader = server.subscribe(&room("1"), &["draft"]).await;
    reader.ready().await;
    let mut posting = post_stream(&server, "draft").await;
    assert!(matches!(reader.frame().await, ServerFrame::DatastreamStart { .. }));
    fs::remove_file(file.path()).unwrap();
    // The server answers at the first part that it cannot take, so later ones may not be sent.
    let is_answered = async |posting: &TcpStream| timeout(TICK, posting.peek(&mut [0])).await.is_ok();
    let since = Instant::now();
    while !is_answered(&posting).await {
        assert!(since.elapsed() < SOON);
        let _ = posting.write_all(b"4\r\nlost\r\n").await;
    }
    let mut answer = [0; 12];
    posting.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 503");
}

#[tokio::test]
async fn a_file_that_is_deleted_or_replaced_while_it_is_open_fails_with_a_clear_error() {
    for is_replaced in [false, true] {
        let (file, channel) = (File::new(), room("1"));
        let server = file.server().await;
        say(&server, &channel, "before").await;
        if is_replaced {
            let copy = file.folder.join("copy.db");
            fs::copy(file.path(), &copy).unwrap();
            fs::rename(copy, file.path()).unwrap();
        } else {
            fs::remove_file(file.path()).unwrap();
        }
        let since = Instant::now();
        let error = loop {
            match server.hub.publish(said(&channel), "after").await {
                Ok(_) => assert!(since.elapsed() < SOON),
                Err(error) => break failure(error),
            }
            tokio::time::sleep(TICK).await;
        };
        assert!(error.contains("fanfare.db was deleted or replaced while it was open"), "{error}");
        for path in ["/healthz", "/v1/realtime/healthz"] {
            let health = http::get_path(server.address, path).await;
            assert_eq!((health.status, &health.body["status"]), (503, &json!("failing")));
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn a_replay_reports_a_failing_storage_as_such() {
    let (file, channel) = (File::new(), Room(room("1")));
    let server = file.server().await;
    let (runs, job) = runs(&server, |run: Run<Room>, (): ()| async move {
        let step =
            async |run: Run<Room>| run.step("work", async || Ok::<_, RunError>("worked".to_owned())).await;
        Ok(done(run.race(step, async |_| pending().await).await?))
    })
    .await;
    runs.start(&job, "run_1", &channel, &()).await.unwrap();
    assert_eq!(ended(&runs, "run_1").await, completed("worked"));
    // As if the process had ended before it recorded which branch won.
    let recording = runs.recording("run_1").await.unwrap().unwrap().to_json();
    let mut recording: serde_json::Value = serde_json::from_str(&recording).unwrap();
    recording["calls"].as_array_mut().unwrap().retain(|call| call["id"] == "work");
    let recording = RunRecording::from_json(&recording.to_string()).unwrap();
    assert_eq!(runs.replay(&recording).await, Ok(ReplayOutcome::Unfinished));
    fs::remove_file(file.path()).unwrap();
    let since = Instant::now();
    let replayed = loop {
        let replayed = runs.replay(&recording).await;
        if replayed.is_err() || since.elapsed() > SOON {
            break replayed;
        }
        tokio::time::sleep(TICK).await;
    };
    assert!(matches!(replayed, Err(ReplayError::Runs(RunsError::Storage(_)))), "{replayed:?}");
}

/// Replaces a database by a copy, as when restoring a backup.
fn restore(backup: &Path, file: &File) {
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(file.folder.join(format!("fanfare.db{suffix}")));
    }
    fs::copy(backup, file.path()).unwrap();
}

#[tokio::test]
async fn a_restored_backup_begins_new_epochs() {
    let (file, channel) = (File::new(), room("1"));
    let backup = file.folder.join("backup.db");
    let first = file.server().await;
    say(&first, &channel, "in the backup").await;
    first.stop().await;
    fs::copy(file.path(), &backup).unwrap();
    let second = file.server().await;
    let mut ids = Vec::new();
    for number in 0..10 {
        ids.push(say(&second, &channel, &number.to_string()).await);
    }
    second.stop().await;
    restore(&backup, &file);

    let third = file.server().await;
    let mut new = Vec::new();
    for number in 0..20 {
        new.push((say(&third, &channel, &format!("new {number}")).await, json!(format!("new {number}"))));
    }
    assert!(new[0].0 > ids[9]);
    let mut reader = third.resume(&channel, &["said"], &ids[9]).await;
    reader.ready().await;
    assert_eq!(reader.gap().await.0, ids[9]);
    for message in &new {
        assert_eq!(&reader.id_and_data().await, message);
    }
    third.stop().await;

    // The restore is detected once, and not again on later starts.
    let fourth = file.server().await;
    let mut reader = fourth.resume(&channel, &["said"], &new[18].0).await;
    reader.ready().await;
    assert_eq!(reader.id_and_data().await, new[19]);
    fourth.stop().await;
}

#[tokio::test]
async fn a_backup_of_a_server_that_was_killed_later_is_detected() {
    let (file, channel) = (File::new(), room("1"));
    let (backup, mark) = (file.folder.join("backup.db"), file.folder.join("fanfare.db-mark"));
    let server = file.server().await;
    say(&server, &channel, "in the backup").await;
    Connection::open(file.path()).unwrap().execute("VACUUM INTO ?1", [backup.to_str().unwrap()]).unwrap();
    let last = say(&server, &channel, "not in the backup").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    // The files of a server that is killed at this moment.
    let mark_then = fs::read(&mark).unwrap();
    server.stop().await;
    restore(&backup, &file);
    fs::write(&mark, mark_then).unwrap();
    let server = file.server().await;
    let mut reader = server.resume(&channel, &["said"], &last).await;
    reader.ready().await;
    assert!(say(&server, &channel, "new").await > last);
    assert_eq!(reader.gap().await.0, last);
    server.stop().await;
}

#[tokio::test]
async fn a_file_is_never_mistaken_for_a_backup_after_any_kind_of_restart() {
    let (file, channel) = (File::new(), room("1"));
    let first = file.server().await;
    let id = say(&first, &channel, "1").await;
    // A killed server does not clean up its files.
    let copy = File::new();
    for suffix in ["", "-wal", "-mark"] {
        let name = format!("fanfare.db{suffix}");
        fs::copy(file.folder.join(&name), copy.folder.join(&name)).unwrap();
    }
    let opened = (0..4).map(|_| {
        let path = copy.path();
        std::thread::spawn(move || Sqlite::open(path).unwrap())
    });
    let opened: Vec<Sqlite> =
        opened.collect::<Vec<_>>().into_iter().map(|open| open.join().unwrap()).collect();
    drop(opened);
    let second = copy.server().await;
    let mut reader = second.resume(&channel, &["said"], &id).await;
    reader.ready().await;
    reader.expect_silence().await;
    second.stop().await;
    #[cfg(unix)]
    {
        let link = copy.folder.join("link.db");
        std::os::unix::fs::symlink(copy.path(), &link).unwrap();
        drop(Sqlite::open(link).unwrap());
        let linked = copy.server().await;
        let mut reader = linked.resume(&channel, &["said"], &id).await;
        reader.ready().await;
        reader.expect_silence().await;
        linked.stop().await;
    }

    // The documented way to restore the whole machine.
    fs::remove_file(copy.folder.join("fanfare.db-mark")).unwrap();
    let third = copy.server().await;
    let mut reader = third.resume(&channel, &["said"], &id).await;
    reader.ready().await;
    say(&third, &channel, "2").await;
    assert_eq!(reader.gap().await.0, id);
    assert_eq!(reader.data().await, json!("2"));
}

/// Damages the pages of a file that contain `text` and no other text in capitals.
fn damage(path: &Path, text: &str) -> usize {
    let mut bytes = fs::read(path).unwrap();
    let size = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
    let mut damaged = 0;
    for page in bytes.chunks_mut(size).skip(1) {
        // A table leaf page.
        if page[0] == 13 && find(page, text) && !find(page, "HEALTHY") && !find(page, "CREATE") {
            page[..200].fill(0xA5);
            damaged += 1;
        }
    }
    fs::write(path, bytes).unwrap();
    damaged
}

fn find(page: &[u8], text: &str) -> bool {
    page.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Creates a file with a damaged and an intact channel. Returns the latest id of each.
async fn damaged(file: &File) -> [String; 2] {
    let server = file.server().await;
    let (mut ids, filler) = (Vec::new(), "x".repeat(500));
    for (channel, word) in [("sick", "SICK"), ("healthy", "HEALTHY")] {
        let channel = room(channel);
        for number in 0..50 {
            say(&server, &channel, &format!("{word} {number} {filler}")).await;
        }
        ids.push(say(&server, &channel, &format!("{word} last {filler}")).await);
        server.hub.publish(status(&channel), &Status::new(word)).await.unwrap();
    }
    server.stop().await;
    assert!(damage(&file.path(), "SICK") > 3);
    [ids[0].clone(), ids[1].clone()]
}

#[tokio::test]
async fn a_damaged_channel_continues_and_others_are_not_affected() {
    let file = File::new();
    let [sick_id, healthy_id] = damaged(&file).await;
    let server = file.server().await;
    for round in 0..2 {
        let (sick, healthy) = (room("sick"), room("healthy"));
        let mut of_sick = server.resume(&sick, &["said"], &sick_id).await;
        let mut of_healthy = server.resume(&healthy, &["said"], &healthy_id).await;
        of_sick.ready().await;
        of_healthy.ready().await;
        if round == 0 {
            say(&server, &sick, "1").await;
            say(&server, &healthy, "1").await;
        }
        assert_eq!(of_sick.gap().await.0, sick_id);
        assert_eq!(of_sick.data().await, json!("1"));
        assert_eq!(of_healthy.data().await, json!("1"));
    }
    server.stop().await;
    let names = Connection::open(file.path()).unwrap();
    let aside: String = names
        .query_row("SELECT name FROM channels WHERE name LIKE 'damaged/%'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(aside, "damaged/1/room:sick");
}

#[tokio::test]
async fn a_file_of_an_earlier_version_is_migrated_if_a_channel_is_damaged() {
    let file = File::new();
    damaged(&file).await;
    let connection = Connection::open(file.path()).unwrap();
    for (table, column) in
        [("steps", "began_with"), ("waits", "began_with"), ("channels", "messages"), ("channels", "bytes")]
    {
        connection.execute_batch(&format!("ALTER TABLE {table} DROP COLUMN {column}")).unwrap();
    }
    connection.pragma_update(None, "user_version", 5).unwrap();
    drop(connection);
    let server = file.server().await;
    for channel in ["sick", "healthy"] {
        say(&server, &room(channel), "1").await;
    }
    server.stop().await;
}

/// Returns `true` if the program `sqlite3` can recover files. Some distributions omit this.
fn sqlite3_recovers(folder: &Path) -> bool {
    let mut sqlite3 = Command::new("sqlite3");
    sqlite3.args(["intact.db", "CREATE TABLE t (a); INSERT INTO t VALUES (1);", ".recover"]);
    let output = sqlite3.current_dir(folder).output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("COMMIT"))
}

#[tokio::test]
async fn a_file_that_sqlite_recovered_can_be_used() {
    let file = File::new();
    if !sqlite3_recovers(&file.folder) {
        return println!("skipped: there is no sqlite3 that recovers files");
    }
    let [_, healthy_id] = damaged(&file).await;
    let script = "sqlite3 fanfare.db .recover | sqlite3 new.db
        mv new.db fanfare.db && rm -f fanfare.db-wal fanfare.db-shm fanfare.db-mark";
    let status = Command::new("sh").args(["-c", script]).current_dir(&file.folder).status().unwrap();
    assert!(status.success());
    let server = file.server().await;
    let healthy = room("healthy");
    let mut retained = server.subscribe(&healthy, &["status"]).await;
    retained.ready().await;
    assert_eq!(retained.data().await, json!({ "message": "HEALTHY" }));
    for channel in [room("sick"), healthy] {
        let mut reader = server.resume(&channel, &["said"], &healthy_id).await;
        reader.ready().await;
        let id = say(&server, &channel, "1").await;
        assert!(id > healthy_id);
        reader.gap().await;
        assert_eq!(reader.id_and_data().await, (id, json!("1")));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_a_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let file = File::new();
    let server = file.server().await;
    say(&server, &room("1"), "x").await;
    for suffix in ["", "-wal"] {
        let name = file.folder.join(format!("fanfare.db{suffix}"));
        assert_eq!(fs::metadata(name).unwrap().permissions().mode() & 0o777, 0o600, "{suffix}");
    }
    server.stop().await;
}

//! Files of earlier and later versions.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rusqlite::Connection;

use super::super::inspection::{ChannelQuery, RunQuery};
use super::super::sql::inspection::{calls, channels, runs};
use super::revocations;
use super::schema::prepare;
use super::statements::{Statements, finish};
use super::tests::{count, database, open, room};

#[test]
fn a_file_of_a_later_version_is_rejected() {
    let mut connection = database();
    connection.pragma_update(None, "user_version", 99).unwrap();
    assert!(prepare(&mut connection).unwrap_err().to_string().contains("update the server"));
    let mut other = Connection::open_in_memory().unwrap();
    other.execute_batch("CREATE TABLE theirs (a)").unwrap();
    assert!(prepare(&mut other).unwrap_err().to_string().contains("another program"));
}

#[test]
fn a_file_with_another_journal_version_is_rejected() {
    let mut connection = database();
    connection.execute("UPDATE facts SET value = '99' WHERE name = 'journal'", []).unwrap();
    let error = prepare(&mut connection).unwrap_err().to_string();
    assert!(error.contains("have journal version 99") && error.contains("replays version"), "{error}");
}

#[test]
fn a_file_of_version_1_is_migrated_unless_it_has_unfinished_runs() {
    let mut connection = database();
    for drop in ["runs", "steps", "waits", "signals", "streams", "pieces"] {
        connection.execute_batch(&format!("DROP TABLE {drop}")).unwrap();
    }
    let first = "CREATE TABLE runs (id, state); CREATE TABLE steps (a); CREATE TABLE waits (a); CREATE TABLE signals (a);
        INSERT INTO runs VALUES (1, 'running'), (2, 'completed'); DELETE FROM facts WHERE name = 'journal';";
    connection.execute_batch(first).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    let error = prepare(&mut connection).unwrap_err().to_string();
    assert!(error.contains("has 1 unfinished runs") && error.contains("finish or cancel them"), "{error}");
    connection.execute("DELETE FROM runs WHERE state = 'running'", []).unwrap();
    prepare(&mut connection).unwrap();
    assert_eq!(count(&connection, "runs"), 0);
    prepare(&mut connection).unwrap();
}

/// Returns the tables and indexes of a file, with the statements that created them.
fn schema(connection: &Connection) -> Vec<(String, Option<String>)> {
    let sql = "SELECT name, sql FROM sqlite_schema ORDER BY name";
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(|row| row.unwrap()).collect()
}

/// Removes the columns of version 6.
fn drop_version_6(connection: &Connection) {
    for (table, column) in
        [("steps", "began_with"), ("waits", "began_with"), ("channels", "messages"), ("channels", "bytes")]
    {
        connection.execute_batch(&format!("ALTER TABLE {table} DROP COLUMN {column}")).unwrap();
    }
}

/// Removes the columns and indexes of version 5.
fn drop_version_5(connection: &Connection) {
    drop_version_6(connection);
    for index in
        ["open_runs", "ended_runs_by_state", "ended_runs_by_job", "begun_steps_by_run", "signals_by_arrival"]
    {
        connection.execute_batch(&format!("DROP INDEX {index}")).unwrap();
    }
    for column in ["created", "retries", "origin", "origin_call"] {
        connection.execute_batch(&format!("ALTER TABLE runs DROP COLUMN {column}")).unwrap();
    }
    connection.execute_batch("ALTER TABLE steps DROP COLUMN began").unwrap();
}

fn drop_indexes_of_version_4(connection: &Connection) {
    drop_version_5(connection);
    for index in [
        "revoked_by_time",
        "halted_runs_by_job",
        "ended_waits_by_run",
        "signals_by_key",
        "kept_signals_by_run",
    ] {
        connection.execute_batch(&format!("DROP INDEX {index}")).unwrap();
    }
}

#[test]
fn a_file_of_version_3_gets_the_missing_indexes_and_keeps_its_runs_and_signals() {
    let mut connection = database();
    let created = schema(&connection);
    drop_indexes_of_version_4(&connection);
    connection
        .execute_batch(
            "INSERT INTO runs (run, job, channel, input, state, due, changed)
                 VALUES ('a', 'job', 'c', '', 'halted', 1, 0);
             INSERT INTO signals (run, name, payload, at, key, content, state)
                 VALUES (1, 'go', '1', 0, x'01', x'02', 'kept');
             INSERT INTO revoked (token, at) VALUES ('t', 5);",
        )
        .unwrap();
    connection.pragma_update(None, "user_version", 3).unwrap();
    prepare(&mut connection).unwrap();
    assert_eq!(schema(&connection), created);
    for table in ["runs", "signals", "revoked"] {
        assert_eq!(count(&connection, table), 1, "{table}");
    }
    let version: i32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 6);
}

#[test]
fn the_messages_of_a_file_of_version_5_are_counted() {
    let mut connection = database();
    let created = schema(&connection);
    for id in 1..3 {
        open(&mut connection, &room(id));
    }
    drop_version_6(&connection);
    connection
        .execute_batch(
            "INSERT INTO messages (channel, offset, topic, published, frame)
                 VALUES (1, 1, 'said', 0, 'four'), (1, 2, 'said', 0, 'ünf');
             INSERT INTO steps (run, branch, position, kind, id, value, at) VALUES (1, '', 0, 'step', 'a', '1', 0);",
        )
        .unwrap();
    connection.pragma_update(None, "user_version", 5).unwrap();
    prepare(&mut connection).unwrap();
    assert_eq!(schema(&connection), created);
    let query = ChannelQuery {
        prefix: String::new(),
        is_wanted: Arc::new(|_| true),
        after: String::new(),
        limit: 10,
    };
    let transaction = connection.transaction().unwrap();
    let channels = finish(channels::list(&mut Statements(&transaction), &query)).unwrap().rows;
    let counted: Vec<_> = channels.iter().map(|channel| (channel.messages, channel.bytes)).collect();
    assert_eq!(counted, [(2, 8), (0, 0)]);
}

#[test]
fn a_file_of_version_4_keeps_its_runs_without_the_times_that_it_did_not_record() {
    let mut connection = database();
    let created = schema(&connection);
    drop_version_5(&connection);
    connection
        .execute_batch(
            "INSERT INTO runs (run, job, channel, input, state, due, changed)
                 VALUES ('a', 'job', 'room:1', '1', 'running', 1, 0), ('b', 'job', 'room:1', '2', 'failed', 1, 9);
             INSERT INTO steps VALUES (1, '', 0, 'step', 'count', '7', NULL, 0, 0, 8);",
        )
        .unwrap();
    connection.pragma_update(None, "user_version", 4).unwrap();
    prepare(&mut connection).unwrap();
    assert_eq!(schema(&connection), created);
    let transaction = connection.transaction().unwrap();
    let query = RunQuery { limit: 10, ..RunQuery::default() };
    let listed = finish(runs::list(&mut Statements(&transaction), &query, 100)).unwrap();
    let listed: Vec<_> = listed.rows.iter().map(|run| (run.run_id.as_str(), run.created)).collect();
    assert_eq!(listed, [("b", None), ("a", None)]);
    let calls = finish(calls::list(&mut Statements(&transaction), "a", None, 10)).unwrap().unwrap().rows;
    assert_eq!((calls[0].began, calls[0].ended, calls[0].value.as_deref()), (None, 8, Some("7")));
}

#[test]
fn a_file_of_version_2_keeps_its_channels_and_revocations() {
    let mut connection = database();
    let created = schema(&connection);
    drop_indexes_of_version_4(&connection);
    let second = "
        DROP TABLE channels; DROP TABLE revoked;
        CREATE TABLE channels (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, life INTEGER NOT NULL,
            head INTEGER NOT NULL, first INTEGER NOT NULL, fingerprint TEXT NOT NULL, used INTEGER NOT NULL,
            sweep_at INTEGER NOT NULL) STRICT;
        CREATE INDEX channels_by_sweep ON channels (sweep_at);
        CREATE TABLE revoked (token TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        INSERT INTO channels VALUES (3, 'room:3', 7, 20, 15, 'f', 30, 40), (8, 'room:8', 9, 1, 1, 'f', 50, 60);
        INSERT INTO revoked VALUES ('b', 11), ('a', 12);
        INSERT INTO runs (run, job, channel, input, state, due, changed) VALUES ('a', 'job', 'c', '', 'running', 1, 0);";
    connection.execute_batch(second).unwrap();
    connection.pragma_update(None, "user_version", 2).unwrap();
    prepare(&mut connection).unwrap();
    assert_eq!(schema(&connection), created);
    let stored = open(&mut connection, &room(3));
    assert_eq!((stored.channel.id(), stored.epoch, stored.head), (3, 7, 20));
    assert_eq!((count(&connection, "channels"), count(&connection, "runs")), (2, 1));
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(12);
    let (mut revoked, _) = revocations::read(&connection, 0, now).unwrap();
    revoked.sort();
    let revoked: Vec<_> = revoked.iter().map(|(id, age)| (id.as_str(), age.as_secs())).collect();
    assert_eq!(revoked, [("a", 0), ("b", 1)]);
    connection.execute("DELETE FROM channels WHERE id = 8", []).unwrap();
    assert_eq!(open(&mut connection, &room(9)).channel.id(), 9, "ids are not reused");
    prepare(&mut connection).unwrap();
}

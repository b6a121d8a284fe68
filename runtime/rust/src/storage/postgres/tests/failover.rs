//! A standby takes over, and servers that reach only a part of the database.

use std::sync::Arc;

use fanfare_test_servers::postgres::TestServer;
use tokio_postgres::NoTls;

use super::{
    AppendError, Inbox, Log, Postgres, REGISTRY, SOON, append, entry, new_schema, open, read, room, rows,
    wait_until,
};
use crate::history::Gap;
use crate::storage::{Messages, StorageError};
use crate::wire::{Cursor, MessageId};

async fn connect(url: &str) -> Result<Postgres, StorageError> {
    let postgres = Postgres::connect(url).await?;
    postgres.set_registry(&REGISTRY);
    Ok(postgres)
}

async fn execute(server: &TestServer, sql: &str) -> Vec<String> {
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    rows(&client, sql).await
}

/// Appends until the database confirms it.
async fn append_repeatedly(postgres: &Postgres, text: &str) -> MessageId {
    loop {
        let appended = match postgres.open_log(room(1), super::Limits::none()).await {
            Ok(opened) => postgres.append(entry(&opened.log, text, Some(text))).await,
            Err(error) => Err(AppendError::Storage(error)),
        };
        match appended {
            Ok(appended) => return appended.id,
            Err(AppendError::Storage(_)) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Returns what a subscriber receives that resumes after a message.
fn resume(log: &Log, after: MessageId) -> (Option<Gap>, Vec<String>) {
    let (mut cursor, _) = log.start(&[0], Cursor::After(after));
    let read = log.read(&mut cursor, usize::MAX, &Arc::new(Inbox::default()), 0);
    let frames = read.messages.iter().flat_map(|batch| batch.messages());
    let text = |frame: &str| {
        let frame: serde_json::Value = serde_json::from_str(frame).unwrap();
        frame["data"].as_str().unwrap().to_owned()
    };
    (read.gap, frames.map(|frame| text(frame)).collect())
}

fn texts(log: &Log) -> Vec<String> {
    read(log).into_iter().map(|(_, text)| text).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_synchronous_standby_takes_over_without_a_gap() {
    let mut primary = TestServer::start(false);
    let standby = primary.start_standby();
    execute(&primary, "ALTER SYSTEM SET synchronous_standby_names = '*'").await;
    execute(&primary, "SELECT pg_reload_conf()").await;
    let url = primary.url_with(&standby);
    let servers = [connect(&url).await.unwrap(), connect(&url).await.unwrap()];
    let log = open(&servers[0], &room(1)).await;
    let mut ids = Vec::new();
    for text in ["1", "2", "3"] {
        ids.push(append(&servers[0], &log, text).await.unwrap().id);
    }
    tokio::task::spawn_blocking(move || primary.kill("KILL")).await.unwrap();
    standby.promote();
    let id = append_repeatedly(&servers[1], "4").await;
    assert!(id.epoch() > ids[2].epoch());
    wait_until(SOON, || log.is_retired()).await;
    for server in &servers {
        let log = open(server, &room(1)).await;
        // Messages keep their offsets. Readers receive them in the new epoch.
        let expected = [1, 2, 3, 4].map(|offset| (MessageId::new(id.epoch(), offset), offset.to_string()));
        assert_eq!(read(&log), expected);
        assert!(ids.iter().map(|id| id.offset()).eq(1..=3));
        for (index, id) in ids.iter().enumerate() {
            let expected = ["2", "3", "4"].into_iter().skip(index).map(str::to_owned).collect();
            assert_eq!(resume(&log, *id), (None, expected));
        }
        let repeated = server.append(entry(&log, "4", Some("4"))).await.unwrap();
        assert!(repeated.repeated && repeated.id == id);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_receive_a_gap_for_commits_that_a_standby_lacks() {
    let mut primary = TestServer::start(false);
    let standby = primary.start_standby();
    let url = primary.url_with(&standby);
    let postgres = connect(&url).await.unwrap();
    let log = open(&postgres, &room(1)).await;
    let mut ids = Vec::new();
    for text in ["1", "2"] {
        ids.push(append(&postgres, &log, text).await.unwrap().id);
    }
    let replayed = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) <= 0 FROM pg_stat_replication";
    while execute(&primary, replayed).await != ["t"] {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    execute(&standby, "ALTER SYSTEM SET primary_conninfo = ''").await;
    execute(&standby, "SELECT pg_reload_conf()").await;
    while !execute(&standby, "SELECT 1 FROM pg_stat_wal_receiver").await.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    for text in ["lost", "lost, too"] {
        ids.push(append(&postgres, &log, text).await.unwrap().id);
    }
    tokio::task::spawn_blocking(move || primary.kill("KILL")).await.unwrap();
    standby.promote();
    let id = append_repeatedly(&postgres, "3").await;
    assert!(id.epoch() > ids[3].epoch() && !ids.contains(&id));
    let log = open(&postgres, &room(1)).await;
    assert_eq!(texts(&log), ["1", "2", "3"]);
    assert_eq!(resume(&log, ids[0]), (None, vec!["2".to_owned(), "3".to_owned()]));
    assert_eq!(resume(&log, ids[1]), (None, vec!["3".to_owned()]));
    for after in [ids[2], ids[3]] {
        assert_eq!(resume(&log, after), (Some(Gap { after, before: id }), vec!["3".to_owned()]));
    }
}

#[tokio::test]
async fn a_replica_is_refused() {
    let primary = TestServer::start(false);
    drop(connect(&primary.url()).await.unwrap());
    let replica = primary.start_standby();
    let error = connect(&replica.url()).await.err().unwrap().to_string();
    assert!(error.contains("is a replica") && error.contains("target_session_attrs"), "{error}");
    drop(connect(&replica.url_with(&primary)).await.unwrap());
}

#[tokio::test]
async fn a_read_only_database_is_refused() {
    let server = TestServer::shared();
    let url = format!("{} options='-c default_transaction_read_only=on'", server.url());
    let error = Postgres::connect(&url).schema(&new_schema()).await.err().unwrap().to_string();
    assert!(error.contains("the database is read-only"), "{error}");
}

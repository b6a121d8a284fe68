//! Tests of notifications between servers, and of statements that are prepared once.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fanfare_test_servers::postgres::TestServer;
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, NoTls};

use super::super::channels::read_changes;
use super::super::connection::Link;
use super::super::logs::channel_id;
use super::{SOON, append, connect, new_schema, open, read, room, rows, wait_until};
use crate::metrics;
use crate::storage::remote_clock::steady_milliseconds;

/// Receives the notifications of a schema, except those of reports.
async fn listen(server: &TestServer, schema: &str) -> (Client, mpsc::UnboundedReceiver<String>) {
    let (client, mut connection) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(notice) = message
                && !notice.payload().starts_with("beat:")
            {
                let _ = sender.send(notice.payload().to_owned());
            }
        }
    });
    client.batch_execute(&format!("LISTEN \"{schema}.messages\"")).await.unwrap();
    (client, receiver)
}

#[tokio::test]
async fn a_server_notifies_from_when_another_has_started() {
    let (server, schema) = (TestServer::shared(), new_schema());
    let first = connect(server, &schema).await;
    let log = open(&first, &room(1)).await;
    let (_client, mut notices) = listen(server, &schema).await;
    append(&first, &log, "1").await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(first.shared.is_alone() && notices.try_recv().is_err());
    let second = connect(server, &schema).await;
    let followed = open(&second, &room(1)).await;
    // If the other server is not known yet, it finds this message without a notification.
    append(&first, &log, "2").await.unwrap();
    wait_until(SOON, || followed.head() == 2).await;
    wait_until(SOON, || !first.shared.is_alone()).await;
    append(&first, &log, "3").await.unwrap();
    let [optional, expected] = ["2", "3"].map(|number| format!("{}:{number}", channel_id(&log)));
    let mut notice = notices.recv().await.unwrap();
    if notice == optional {
        notice = notices.recv().await.unwrap();
    }
    assert_eq!(notice, expected);
    wait_until(SOON, || followed.head() == 3).await;
    assert_eq!(read(&log), read(&followed));
    drop(second);
    wait_until(SOON, || first.shared.is_alone()).await;
}

#[tokio::test]
async fn a_statement_that_the_server_no_longer_has_is_executed_unprepared() {
    let (server, schema) = (TestServer::shared(), new_schema());
    let postgres = connect(server, &schema).await;
    let log = open(&postgres, &room(1)).await;
    append(&postgres, &log, "1").await.unwrap();
    let database = &postgres.shared.link.database;
    wait_until(SOON, || database.is_direct()).await;
    let link = Link::new(Arc::clone(database));
    let session = link.session().await.unwrap();
    for prepared in ["1", "0"] {
        let changes = read_changes(&link, &[(channel_id(&log), &log)], &[0]).await.unwrap();
        assert_eq!(changes[0].messages.len(), 1);
        let count = rows(&session.client, "SELECT count(*) FROM pg_prepared_statements").await;
        assert_eq!(count, [prepared]);
        session.client.batch_execute("DEALLOCATE ALL").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lag_grows_while_the_database_does_not_answer() {
    let mut server = TestServer::start(false);
    let postgres = connect(&server, &new_schema()).await;
    let lag = || steady_milliseconds() - postgres.shared.current_at.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let working = lag();
    assert!(working < 2_900, "{working} ms");
    server.kill("QUIT");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(lag() >= 3_000, "{} ms", lag());
    let disconnects =
        metrics::samples().into_iter().find(|sample| sample.name == metrics::STORAGE_DISCONNECTS);
    assert!(disconnects.is_some_and(|sample| sample.value > 0.0));
}

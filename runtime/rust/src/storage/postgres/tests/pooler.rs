//! Servers behind a pooler that gives each transaction another connection.

use std::time::Duration;

use fanfare_test_servers::postgres::{TestPooler, TestServer};
use tokio_postgres::NoTls;

use super::{REGISTRY, SOON, append, new_schema, open, read, room, rows, wait_until};
use crate::Postgres;
use crate::storage::Messages;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_behind_a_pooler_receive_messages_and_do_not_ask_for_notifications() {
    let server = TestServer::start(false);
    let Some(pooler) = TestPooler::start(&server, 3) else {
        println!("PgBouncer is not installed");
        return;
    };
    let schema = new_schema();
    let url = pooler.url();
    let connect = async || {
        let postgres = Postgres::connect(&url).schema(&schema).await.unwrap();
        postgres.set_registry(&REGISTRY);
        postgres
    };
    let [here, there] = [connect().await, connect().await];
    let [published, followed] = [open(&here, &room(1)).await, open(&there, &room(1)).await];
    // The tails have started by then.
    tokio::time::sleep(Duration::from_secs(2)).await;
    for number in 0..200 {
        append(&here, &published, &number.to_string()).await.unwrap();
    }
    wait_until(SOON, || followed.head() == 200).await;
    assert_eq!(read(&published), read(&followed));
    // PgBouncer would lose answers on a connection that receives notifications.
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    for _ in 0..50 {
        assert_eq!(rows(&client, "SELECT count(*) FROM pg_listening_channels()").await, ["0"]);
    }
}

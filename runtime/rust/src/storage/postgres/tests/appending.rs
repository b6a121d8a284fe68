//! The statements that append and read messages.

use fanfare_test_servers::postgres::TestServer;

use super::{append, client, connect, entry, new_schema, open, room, rows};
use crate::storage::Messages;

#[tokio::test]
async fn a_channel_counts_its_messages_with_and_without_keys() {
    let (server, schema) = (TestServer::shared(), new_schema());
    let postgres = connect(server, &schema).await;
    let logs = [open(&postgres, &room(1)).await, open(&postgres, &room(2)).await];
    for (number, key) in [None, Some("a"), None, Some("a"), Some("b")].into_iter().enumerate() {
        let log = &logs[number % 2];
        assert!(postgres.append(entry(log, "é", key)).await.is_ok());
    }
    let client = client(server).await;
    let sql = format!(
        "SELECT c.messages, c.bytes, c.head, count(*), sum(octet_length(m.frame)), max(m.\"offset\")
         FROM {schema}.channels c JOIN {schema}.messages m ON m.channel = c.id GROUP BY c.id ORDER BY c.id"
    );
    let counted = rows(&client, &sql).await;
    assert_eq!(counted.len(), 2);
    for row in counted {
        let columns: Vec<_> = row.split(' ').collect();
        assert_eq!(columns[..3], columns[3..], "{row}");
    }
}

#[tokio::test]
async fn reading_what_changed_does_not_read_the_whole_history() {
    let (server, schema) = (TestServer::shared(), new_schema());
    let postgres = connect(server, &schema).await;
    let log = open(&postgres, &room(1)).await;
    append(&postgres, &log, "first").await.unwrap();
    let client = client(server).await;
    let history = format!(
        "INSERT INTO {schema}.messages (channel, \"offset\", topic, published, frame)
         SELECT channel, n, topic, published, frame FROM {schema}.messages, generate_series(2, 20000) AS n;
         UPDATE {schema}.channels SET head = 20000;
         ANALYZE {schema}.messages"
    );
    rows(&client, &history).await;
    // As long as PostgreSQL plans for the arguments, and once it keeps a plan.
    for _ in 0..8 {
        let sql = format!(
            "EXPLAIN (ANALYZE, BUFFERS) SELECT * FROM {schema}.read_changes(
                array(SELECT id FROM {schema}.channels), array(SELECT epoch FROM {schema}.channels), ARRAY[19990])"
        );
        let plan = rows(&client, &sql).await.join("\n");
        let function = plan.lines().skip_while(|line| !line.contains("Function Scan"));
        let buffers = function.take(3).find_map(|line| line.split("shared hit=").nth(1)).unwrap();
        let read: u32 = buffers.split(' ').next().unwrap().parse().unwrap();
        assert!(plan.contains("rows=10 ") && read < 200, "{plan}");
    }
}

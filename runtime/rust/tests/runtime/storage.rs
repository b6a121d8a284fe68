//! History in a file, which outlives the process.

use std::time::Duration;

use fanfare::wire::ServerFrame;
use fanfare::{Channel, Hub, PublishError, Sqlite};
use serde_json::json;

use crate::support::client::Client;
use crate::support::definition::{Status, brief, journal, room, said, small, status, strict_room};
use crate::support::file::File;
use crate::support::server::{KEY, Server};
use crate::text_streams::write_long;

async fn say(server: &Server, channel: &Channel, numbers: std::ops::Range<u32>) -> Vec<String> {
    let mut ids = Vec::new();
    for number in numbers {
        ids.push(server.hub.publish(said(channel), &number.to_string()).await.unwrap().to_string());
    }
    ids
}

#[tokio::test]
async fn a_restarted_server_continues_where_it_stopped() {
    let (file, channel) = (File::new(), room("1"));
    let first = file.server().await;
    let ids = say(&first, &channel, 0..20).await;
    first.stop().await;

    let second = file.server().await;
    let mut resumed = second.resume(&channel, &["said"], &ids[9]).await;
    assert_eq!(resumed.ready().await, ids[9]);
    let more = say(&second, &channel, 20..25).await;
    assert!(ids.iter().chain(&more).is_sorted_by(|a, b| a < b));
    for number in 10..25 {
        let (id, data) = resumed.id_and_data().await;
        assert_eq!(data, json!(number.to_string()));
        assert_eq!(Some(&id), ids.iter().chain(&more).nth(number));
    }
    let mut from_start = second.resume(&channel, &["said"], "start").await;
    from_start.ready().await;
    for number in 0..25 {
        assert_eq!(from_start.data().await, json!(number.to_string()));
    }
    let mut up_to_date = second.resume(&channel, &["said"], &more[4]).await;
    assert_eq!(up_to_date.ready().await, more[4]);
    up_to_date.expect_silence().await;
}

#[tokio::test]
async fn a_gap_is_exact_across_restarts() {
    let (file, channel) = (File::new(), small("1"));
    let first = file.server().await;
    let ids = say(&first, &channel, 0..700).await;
    first.stop().await;
    for known in [0, 300, 690, 693] {
        let server = file.server().await;
        let mut client = server.resume(&channel, &["said"], &ids[known]).await;
        client.ready().await;
        assert_eq!(client.gap().await, (ids[known].clone(), ids[695].clone()));
        for number in 695..700 {
            assert_eq!(client.data().await, json!(number.to_string()));
        }
        server.stop().await;
    }
    let server = file.server().await;
    for (known, id) in ids.iter().enumerate().skip(694) {
        let mut client = server.resume(&channel, &["said"], id).await;
        client.ready().await;
        for number in known + 1..700 {
            assert_eq!(client.data().await, json!(number.to_string()));
        }
        client.expect_silence().await;
    }
}

#[tokio::test]
async fn a_long_text_stream_outlives_history_and_process() {
    let (file, channel) = (File::new(), brief("1"));
    let first = file.server().await;
    for number in 0..30 {
        first.hub.publish(journal(&channel), &number.to_string()).await.unwrap();
    }
    let (text, writer) = write_long(&first, &channel, 200).await;
    writer.end().await.unwrap();
    first.stop().await;
    for _ in 0..2 {
        let server = file.server().await;
        let mut client = server.subscribe(&channel, &["journal", "draft"]).await;
        client.ready().await;
        for number in 0..30 {
            assert_eq!(client.data().await, json!(number.to_string()));
        }
        assert!(matches!(client.frame().await, ServerFrame::DatastreamStart { .. }));
        let mut received = String::new();
        while let ServerFrame::Chunk { data, .. } = client.frame().await {
            received.push_str(&data);
        }
        assert_eq!(received, text);
        server.stop().await;
    }
}

#[tokio::test]
async fn a_server_that_missed_deleted_messages_sends_a_gap() {
    let (file, channel) = (File::new(), small("1"));
    let (first, second) = (file.server().await, file.server().await);
    let before = say(&first, &channel, 0..2).await;
    let mut client = second.subscribe(&channel, &["said"]).await;
    client.ready().await;
    // Published and deleted by another server while this one was stopped.
    let other = rusqlite::Connection::open(file.path()).unwrap();
    let skip = "UPDATE channels SET head = 700; UPDATE messages SET offset = offset + 698;
                INSERT OR REPLACE INTO gone SELECT channel, 'said', 698 FROM messages LIMIT 1;";
    other.execute_batch(&format!("BEGIN IMMEDIATE; {skip} COMMIT;")).unwrap();
    let (after, _) = client.gap().await;
    assert_eq!(after, before[1]);
    for number in 0..2 {
        assert_eq!(client.data().await, json!(number.to_string()));
    }
    let more = say(&first, &channel, 2..3).await;
    assert_eq!(client.id_and_data().await, (more[0].clone(), json!("2")));
}

#[tokio::test]
async fn retained_messages_outlive_history_and_process() {
    let (file, channel) = (File::new(), small("1"));
    let first = file.server().await;
    let retained = first.hub.publish(status(&channel), &Status::new("kept")).await.unwrap().to_string();
    say(&first, &channel, 0..400).await;
    first.hub.publish(journal(&channel), "written").await.unwrap();
    first.stop().await;
    let second = file.server().await;
    let mut client = second.subscribe(&channel, &["status", "journal", "said"]).await;
    client.ready().await;
    assert_eq!(client.id_and_data().await, (retained, json!({ "message": "kept" })));
    assert_eq!(client.data().await, json!("written"));
    client.expect_silence().await;
}

#[tokio::test]
async fn an_idempotency_key_publishes_once_across_restarts() {
    let (file, channel) = (File::new(), room("1"));
    let first = file.server().await;
    let publish = |server: &Server, text: &'static str| {
        let (hub, channel) = (server.hub.clone(), channel.clone());
        async move { hub.publish(said(&channel), text).idempotency_key("k1").await }
    };
    let id = publish(&first, "once").await.unwrap();
    assert_eq!(publish(&first, "once").await, Ok(id));
    assert_eq!(publish(&first, "twice").await, Err(PublishError::KeyReused));
    first.stop().await;
    let second = file.server().await;
    assert_eq!(publish(&second, "once").await, Ok(id));
    let mut client = second.resume(&channel, &["said"], "start").await;
    client.ready().await;
    assert_eq!(client.data().await, json!("once"));
    client.expect_silence().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_publishers_get_distinct_ids_and_all_readers_one_order() {
    const PUBLISHERS: usize = 8;
    const EACH: usize = 150;
    let (file, channel) = (File::new(), room("1"));
    let server = file.server().await;
    let mut readers =
        vec![server.subscribe(&channel, &["said"]).await, server.subscribe(&channel, &["said"]).await];
    let publishers = (0..PUBLISHERS).map(|publisher| {
        let (hub, channel) = (server.hub.clone(), channel.clone());
        tokio::spawn(async move {
            for number in 0..EACH {
                hub.publish(said(&channel), &format!("{publisher} {number}")).await.unwrap();
            }
        })
    });
    for publisher in publishers.collect::<Vec<_>>() {
        publisher.await.unwrap();
    }
    let mut logs = Vec::new();
    for reader in &mut readers {
        reader.ready().await;
        let mut log = Vec::new();
        for _ in 0..PUBLISHERS * EACH {
            log.push(reader.id_and_data().await);
        }
        assert!(log.is_sorted_by(|(a, _), (b, _)| a < b));
        logs.push(log);
    }
    assert_eq!(logs[0], logs[1]);
    for publisher in 0..PUBLISHERS {
        let of_publisher = format!("{publisher} ");
        let texts = logs[0].iter().filter_map(|(_, data)| data.as_str()?.strip_prefix(&of_publisher));
        assert!(texts.map(|number| number.parse::<usize>().unwrap()).eq(0..EACH));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_two_servers_on_one_file_see_one_order() {
    const EACH: u32 = 300;
    let (file, channel) = (File::new(), room("1"));
    let servers = [file.server().await, file.server().await];
    let mut readers = Vec::new();
    for server in &servers {
        let mut reader = server.subscribe(&channel, &["said"]).await;
        reader.ready().await;
        readers.push(reader);
    }
    let saying = servers.iter().enumerate().map(|(index, server)| {
        let (hub, channel) = (server.hub.clone(), channel.clone());
        tokio::spawn(async move {
            for number in 0..EACH {
                hub.publish(said(&channel), &format!("{index} {number}")).await.unwrap();
            }
        })
    });
    for saying in saying.collect::<Vec<_>>() {
        saying.await.unwrap();
    }
    let mut logs = Vec::new();
    for reader in &mut readers {
        let mut log = Vec::new();
        for _ in 0..2 * EACH {
            log.push(reader.id_and_data().await);
        }
        assert!(log.is_sorted_by(|(a, _), (b, _)| a < b));
        reader.expect_silence().await;
        logs.push(log);
    }
    assert_eq!(logs[0], logs[1]);
}

#[tokio::test]
async fn messages_that_a_new_definition_rejects_become_a_gap() {
    let (file, channel) = (File::new(), room("1"));
    let first = file.server().await;
    let ids = say(&first, &channel, 0..6).await;
    let long = first.hub.publish(said(&channel), "longer than the new definition allows").await.unwrap();
    let after = say(&first, &channel, 7..9).await;
    first.stop().await;

    let (registry, channel) = strict_room("1");
    let hub =
        Hub::builder(registry).signing_key(KEY).storage(Sqlite::open(file.path()).unwrap()).build().unwrap();
    let second = Server::serve(hub).await;
    let mut client = second.resume(&channel, &["said"], &ids[2]).await;
    client.any_ready().await;
    assert_eq!(client.gap().await, (ids[2].clone(), after[0].clone()));
    assert!(long.to_string() < after[0]);
    assert_eq!(client.data().await, json!("7"));
    assert_eq!(client.data().await, json!("8"));
    client.expect_silence().await;
}

#[tokio::test]
async fn an_abandoned_text_stream_is_ended_by_the_next_process() {
    let (file, channel) = (File::new(), room("1"));
    let first = file.server().await;
    let mut writer = first.hub.stream(channel.topic(5)).await.unwrap();
    writer.write("half of it").await.unwrap();
    let mut client = first.subscribe(&channel, &["draft"]).await;
    client.ready().await;
    assert!(matches!(client.frame().await, ServerFrame::DatastreamStart { .. }));
    let ServerFrame::Chunk { id, .. } = client.frame().await else { panic!("expected a chunk") };
    first.stop().await;
    // After the shutdown, the end of a stream is rejected, too.
    drop(writer);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let second = file.server().await;
    let mut client = second.resume(&channel, &["draft"], &id.to_string()).await;
    client.ready().await;
    let frame = client.frame().await;
    let ServerFrame::DatastreamEnd { error, .. } = &frame else { panic!("expected the end, got {frame:?}") };
    assert_eq!(error.as_deref(), Some("the server was restarted"));
}

#[tokio::test]
async fn a_text_stream_that_another_server_writes_is_not_ended() {
    let (file, channel) = (File::new(), room("1"));
    let servers = [file.server().await, file.server().await];
    let mut writer = servers[0].hub.stream(channel.topic(5)).await.unwrap();
    writer.write("half of it, ").await.unwrap();
    let mut client = servers[1].subscribe(&channel, &["draft"]).await;
    client.ready().await;
    assert!(matches!(client.frame().await, ServerFrame::DatastreamStart { .. }));
    let mut text = String::new();
    writer.write("and the rest").await.unwrap();
    writer.end().await.unwrap();
    loop {
        match client.frame().await {
            ServerFrame::Chunk { data, .. } => text.push_str(&data),
            ServerFrame::DatastreamEnd { error, .. } => break assert_eq!(error, None),
            other => panic!("expected a chunk or the end, got {other:?}"),
        }
    }
    assert_eq!(text, "half of it, and the rest");
}

#[tokio::test]
async fn a_revoked_token_stays_revoked_after_a_restart() {
    let (file, channel) = (File::new(), room("1"));
    let first = file.server().await;
    let token = first.hub.token(channel.grant(["said"])).id("login_17").mint().unwrap();
    first.hub.revoke("login_17").await.unwrap();
    assert_eq!(first.refusal(&token).await.status, 401);
    first.stop().await;
    let second = file.server().await;
    assert_eq!(second.refusal(&token).await.status, 401);
}

#[tokio::test]
async fn files_of_other_programs_are_rejected_and_untouched() {
    let file = File::new();
    std::fs::write(
        file.path(),
        "not a database, but long enough to be looked at as if it were one\n".repeat(20),
    )
    .unwrap();
    let error = Sqlite::open(file.path()).unwrap_err().to_string();
    assert!(error.contains("fanfare.db") && error.contains("not a database"), "{error}");
    let folder = Sqlite::open(&file.folder).unwrap_err().to_string();
    assert!(folder.contains("unable to open"), "{folder}");
    let uri = Sqlite::open("file:fanfare.db?mode=memory").unwrap_err().to_string();
    assert!(uri.contains("`file:` URI"), "{uri}");
}

#[tokio::test]
async fn a_revoked_token_stays_revoked() {
    let (file, channel) = (File::new(), room("1"));
    let first = file.server().await;
    let token = first.hub.token(channel.grant(["said"])).id("login_17").mint().unwrap();
    first.hub.revoke("login_17").await.unwrap();
    first.stop().await;

    let second = file.server().await;
    assert_eq!(second.refusal(&token).await.status, 401);
    let other = second.hub.token(channel.grant(["said"])).id("login_18").mint().unwrap();
    Client::connect(&second, &other, None).await.unwrap().ready().await;
}

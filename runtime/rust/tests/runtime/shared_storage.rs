//! Several servers that share one file.

use std::time::{Duration, Instant};

use fanfare::wire::{MessageId, ServerFrame};
use rusqlite::Connection;
use serde_json::json;

use crate::support::client::Client;
use crate::support::definition::{draft, room, said};
use crate::support::file::File;

const SECOND: Duration = Duration::from_secs(1);

/// Deletes a channel, as a process does once it was unused for a week.
fn forget(file: &File, channel: &str) {
    let connection = Connection::open(file.path()).unwrap();
    connection
        .execute("DELETE FROM messages WHERE channel = (SELECT id FROM channels WHERE name = ?1)", [channel])
        .unwrap();
    assert_eq!(connection.execute("DELETE FROM channels WHERE name = ?1", [channel]).unwrap(), 1);
}

#[tokio::test]
async fn a_channel_that_another_server_deleted_receives_no_messages_of_other_channels() {
    let (file, alice, mallory) = (File::new(), room("alice"), room("mallory"));
    let [here, there] = [file.server().await, file.server().await];
    let first = there.hub.publish(said(&alice), "before").await.unwrap();
    let mut reader = there.resume(&alice, &["said"], &first.to_string()).await;
    reader.ready().await;
    forget(&file, "room:alice");
    let mut spy = here.subscribe(&mallory, &["said"]).await;
    spy.ready().await;
    here.hub.publish(said(&mallory), "for mallory").await.unwrap();

    let since = Instant::now();
    assert_eq!(reader.close_code().await, 1011);
    assert!(since.elapsed() < 10 * SECOND, "{:?}", since.elapsed());
    let second = there.hub.publish(said(&alice), "for alice").await.unwrap();
    let mut resumed = there.resume(&alice, &["said"], &first.to_string()).await;
    resumed.ready().await;
    assert_eq!(resumed.gap().await.0, first.to_string());
    assert_eq!(resumed.id_and_data().await, (second.to_string(), json!("for alice")));
    resumed.expect_silence().await;
    assert_eq!(spy.data().await, json!("for mallory"));
    spy.expect_silence().await;
}

#[tokio::test]
async fn publishing_to_a_channel_that_another_server_deleted_succeeds_and_closes_its_readers() {
    let (file, channel) = (File::new(), room("1"));
    let server = file.server().await;
    let ids: Vec<MessageId> = [
        server.hub.publish(said(&channel), "1").await.unwrap(),
        server.hub.publish(said(&channel), "2").await.unwrap(),
    ]
    .into();
    let mut reader = server.subscribe(&channel, &["said"]).await;
    reader.ready().await;
    forget(&file, "room:1");
    // At once, so that only the publish itself can notice.
    let next = server.hub.publish(said(&channel), "3").await.unwrap();
    assert!(next > ids[1]);
    assert_eq!(reader.close_code().await, 1011);
    let mut resumed = server.resume(&channel, &["said"], &ids[1].to_string()).await;
    resumed.ready().await;
    resumed.gap().await;
    assert_eq!(resumed.data().await, json!("3"));
    let more = server.hub.publish(said(&channel), "4").await.unwrap();
    assert_eq!(resumed.id_and_data().await, (more.to_string(), json!("4")));
}

#[tokio::test]
async fn a_new_epoch_reaches_readers_in_all_servers() {
    let (file, channel) = (File::new(), room("1"));
    let servers = [file.server().await, file.server().await];
    servers[0].hub.publish(said(&channel), "old").await.unwrap();
    let mut readers = Vec::new();
    for server in &servers {
        let mut reader = server.subscribe(&channel, &["said"]).await;
        reader.ready().await;
        readers.push(reader);
    }
    Connection::open(file.path()).unwrap().execute("UPDATE channels SET life = 0", []).unwrap();
    let new = servers[0].hub.publish(said(&channel), "new").await.unwrap();
    for reader in &mut readers {
        assert_eq!(reader.close_code().await, 1011);
    }
    for server in &servers {
        let mut reader = server.resume(&channel, &["said"], "start").await;
        reader.ready().await;
        assert_eq!(reader.id_and_data().await, (new.to_string(), json!("new")));
        reader.expect_silence().await;
    }
}

#[tokio::test]
async fn a_reader_resumes_on_a_server_that_lags_behind_its_previous_one() {
    let (file, channel) = (File::new(), room("1"));
    let [here, there] = [file.server().await, file.server().await];
    here.hub.publish(said(&channel), "0").await.unwrap();
    there.subscribe(&channel, &["said"]).await.ready().await;
    for round in 0..20 {
        // At once, so that `there` has not read yet what `here` appended.
        let id = here.hub.publish(said(&channel), &format!("{round}")).await.unwrap().to_string();
        let mut reader = there.resume(&channel, &["said"], &id).await;
        assert_eq!(reader.ready().await, id);
        let next = here.hub.publish(said(&channel), "next").await.unwrap().to_string();
        assert_eq!(reader.id_and_data().await, (next, json!("next")));
    }
}

#[tokio::test]
async fn a_revocation_ends_subscribers_of_other_servers_within_a_second() {
    let (file, channel) = (File::new(), room("1"));
    let [here, there] = [file.server().await, file.server().await];
    let token = |id: &str| there.hub.token(channel.grant(["said"])).id(id).mint().unwrap();
    let mut times = Vec::new();
    for id in ["17", "18", "19"] {
        let mut by_default = Client::connect(&there, &token(id), None).await.unwrap();
        by_default.ready().await;
        let mut by_reference = Client::connect(&there, &token("another"), None).await.unwrap();
        by_reference.ready().await;
        by_reference.sub_as("a", &token(id), json!({})).await;

        let since = Instant::now();
        here.hub.revoke(id).await.unwrap();
        assert_eq!(by_default.close_code().await, 4403);
        let frame = by_reference.frame().await;
        assert!(
            matches!(&frame, ServerFrame::Unsubscribed { code: Some(code), .. } if code == "revoked"),
            "{frame:?}"
        );
        times.push(since.elapsed());
        assert_eq!(there.refusal(&token(id)).await.status, 401);
        assert_eq!(here.refusal(&token(id)).await.status, 401);
    }
    // A busy machine may delay some.
    assert!(times.iter().any(|time| *time < SECOND), "{times:?}");
}

#[tokio::test]
async fn messages_evicted_while_a_server_stalled_give_a_gap() {
    let (file, channel) = (File::new(), room("1"));
    let server = file.server().await;
    let first = server.hub.publish(said(&channel), "1").await.unwrap();
    let mut reader = server.subscribe(&channel, &["said"]).await;
    reader.ready().await;
    let came_and_went = "BEGIN;
        INSERT INTO gone SELECT id, 'said', head + 1 FROM channels;
        UPDATE channels SET head = head + 1;
        COMMIT;";
    Connection::open(file.path()).unwrap().execute_batch(came_and_went).unwrap();
    assert_eq!(reader.gap().await.0, first.to_string());
}

#[tokio::test]
async fn a_text_stream_ends_for_readers_of_other_servers_when_its_server_dies() {
    let (file, channel) = (File::new(), room("1"));
    let [here, there] = [file.server().await, file.server().await];
    let mut reader = here.subscribe(&channel, &["draft"]).await;
    reader.ready().await;
    let mut writer = there.hub.stream(draft(&channel)).await.unwrap();
    let ServerFrame::DatastreamStart { data: stream, .. } = reader.frame().await else { panic!("no start") };
    writer.write("Once upon").await.unwrap();
    assert!(matches!(reader.frame().await, ServerFrame::Chunk { .. }));
    let owner = u32::from_str_radix(&stream[..8], 16).unwrap();
    let connection = Connection::open(file.path()).unwrap();
    assert_eq!(connection.execute("DELETE FROM processes WHERE owner = ?1", [owner]).unwrap(), 1);
    let end = reader.frame().await;
    assert!(
        matches!(&end, ServerFrame::DatastreamEnd { error: Some(_), data, .. } if *data == stream),
        "{end:?}"
    );
}

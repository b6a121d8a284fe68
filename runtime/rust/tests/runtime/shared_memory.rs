//! Several hubs of one process that share a storage in memory.

use std::time::Duration;

use fanfare::Memory;
use fanfare::wire::ServerFrame;
use serde_json::json;

use crate::support::client::Client;
use crate::support::definition::{draft, room, said};
use crate::support::server::Server;

async fn server(memory: &Memory) -> Server {
    Server::start_with(|builder| builder.storage(memory.clone())).await
}

#[tokio::test]
async fn messages_of_one_hub_reach_the_subscribers_of_another_in_one_order() {
    let (memory, channel) = (Memory::new(), room("1"));
    let servers = [server(&memory).await, server(&memory).await];
    let mut readers = Vec::new();
    for server in &servers {
        let mut reader = server.subscribe(&channel, &["said"]).await;
        reader.ready().await;
        readers.push(reader);
    }
    let mut sent = Vec::new();
    for number in 0..20 {
        let text = number.to_string();
        let id = servers[number % 2].hub.publish(said(&channel), &text).await.unwrap();
        sent.push((id.to_string(), json!(text)));
    }
    for reader in &mut readers {
        for expected in &sent {
            assert_eq!(reader.id_and_data().await, *expected);
        }
    }
    assert!(sent.is_sorted_by(|(id, _), (next, _)| id < next));
}

#[tokio::test]
async fn a_hub_continues_the_history_of_an_earlier_one() {
    let (memory, channel) = (Memory::new(), room("1"));
    let first = server(&memory).await;
    let known = first.hub.publish(said(&channel), "1").await.unwrap();
    let keyed = first.hub.publish(said(&channel), "2").idempotency_key("k").await.unwrap();
    first.stop().await;
    let second = server(&memory).await;
    let mut reader = second.resume(&channel, &["said"], &known.to_string()).await;
    reader.ready().await;
    assert_eq!(reader.id_and_data().await, (keyed.to_string(), json!("2")));
    assert_eq!(second.hub.publish(said(&channel), "2").idempotency_key("k").await.unwrap(), keyed);
    let next = second.hub.publish(said(&channel), "3").await.unwrap();
    assert_eq!(reader.id_and_data().await, (next.to_string(), json!("3")));
}

#[tokio::test]
async fn a_revocation_ends_the_subscribers_of_all_hubs_and_of_later_ones() {
    let (memory, channel) = (Memory::new(), room("1"));
    let (here, there) = (server(&memory).await, server(&memory).await);
    let token = here.hub.token(channel.grant(["said"])).id("17").mint().unwrap();
    let mut reader = Client::connect(&there, &token, None).await.unwrap();
    reader.ready().await;
    here.hub.revoke("17").await.unwrap();
    assert_eq!(reader.close_code().await, 4403);
    for server in [&here, &there, &server(&memory).await] {
        assert_eq!(server.refusal(&token).await.status, 401);
    }
    let alone = server(&Memory::new()).await;
    Client::connect(&alone, &token, None).await.unwrap().ready().await;
}

#[tokio::test]
async fn a_text_stream_ends_for_the_readers_of_another_hub_when_its_hub_ends() {
    let (memory, channel) = (Memory::new(), room("1"));
    let (here, there) = (server(&memory).await, server(&memory).await);
    let mut reader = there.subscribe(&channel, &["draft"]).await;
    reader.ready().await;
    let mut ended = here.hub.stream(draft(&channel)).await.unwrap();
    let mut running = there.hub.stream(draft(&channel)).await.unwrap();
    ended.write("half of it").await.unwrap();
    running.write("all of it").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    here.stop().await;
    drop(ended);
    let error = loop {
        if let ServerFrame::DatastreamEnd { error, .. } = reader.frame().await {
            break error;
        }
    };
    assert_eq!(error.as_deref(), Some("the server was restarted"));
    let id = running.end().await.unwrap();
    let end = reader.frame().await;
    assert!(matches!(&end, ServerFrame::DatastreamEnd { id: end, error: None, .. } if *end == id), "{end:?}");
}

//! Servers that share channels in NATS.

use std::time::{Duration, Instant};

use fanfare::{Nats, Run, RunError, Runs};
use fanfare_test_servers::nats::TestServer;
use serde_json::json;

use crate::support::client::Client;
use crate::support::definition::{Room, room, said};
use crate::support::network::client;
use crate::support::runs::{Count, completed, done, ended, in_memory, runs};
use crate::support::server::Server;

const SECOND: Duration = Duration::from_secs(1);

/// Starts servers that share a space.
async fn servers(space: &str) -> [Server; 2] {
    let start = async || {
        let storage = Nats::connect(&TestServer::shared().url()).space(space).await.unwrap();
        Server::start_with(|builder| builder.storage(storage).admin_routes(true)).await
    };
    [start().await, start().await]
}

#[tokio::test]
async fn a_subscriber_moves_between_servers_and_receives_each_message_once() {
    let (servers, channel) = (servers("moving").await, room("1"));
    let mut position = servers[0].hub.publish(said(&channel), "first").await.unwrap().to_string();
    for number in 0..40 {
        let [reading, publishing] = [&servers[number % 2], &servers[number / 2 % 2]];
        // At once, so that the other server may not have received what was published last.
        let mut reader = reading.resume(&channel, &["said"], &position).await;
        assert_eq!(reader.ready().await, position);
        let published = publishing.hub.publish(said(&channel), &number.to_string()).await.unwrap();
        let (id, data) = reader.id_and_data().await;
        assert_eq!((&id, data), (&published.to_string(), json!(number.to_string())));
        position = id;
    }
    let mut all = servers[1].resume(&channel, &["said"], "start").await;
    all.ready().await;
    assert_eq!(all.data().await, json!("first"));
    for number in 0..40 {
        assert_eq!(all.data().await, json!(number.to_string()));
    }
    all.expect_silence().await;
}

#[tokio::test]
async fn servers_share_idempotency_keys_and_revocations() {
    let ([here, there], channel) = (servers("sharing").await, room("1"));
    let mut ids = Vec::new();
    for server in [&here, &there] {
        ids.push(server.hub.publish(said(&channel), "once").idempotency_key("k").await.unwrap());
    }
    assert_eq!(ids[0], ids[1]);
    let mut times = Vec::new();
    for id in ["17", "18", "19", "20"] {
        let token = there.hub.token(channel.grant(["said"])).id(id).mint().unwrap();
        let mut reader = Client::connect(&there, &token, None).await.unwrap();
        reader.ready().await;
        let since = Instant::now();
        here.hub.revoke(id).await.unwrap();
        assert_eq!(reader.close_code().await, 4403);
        times.push(since.elapsed());
        assert_eq!(there.refusal(&token).await.status, 401);
    }
    // With the reports alone, all but the first would take two seconds.
    assert!(times[1..].iter().any(|time| *time < SECOND), "{times:?}");
}

#[tokio::test]
async fn a_step_that_is_executed_again_publishes_once_over_http() {
    let (servers, channel, worker) = (servers("steps").await, room("1"), in_memory().await);
    let (clients, attempts) = (servers.each_ref().map(|server| client(server.address)), Count::default());
    let (to, counted) = (channel.clone(), attempts.clone());
    let tell = move |run: Run<Room>, (): ()| {
        let (clients, to, attempts) = (clients.clone(), to.clone(), counted.clone());
        async move {
            let work = async || {
                let attempt = attempts.up();
                let key = format!("{}/tell", run.id());
                let client = &clients[attempt as usize % 2];
                client.publish(said(&to), "once").idempotency_key(key).await?;
                // As if the process had ended before the step was recorded.
                if attempt < 3 { Err(RunError::retry("not recorded")) } else { Ok(()) }
            };
            run.step("tell", work).await?;
            Ok(done("told"))
        }
    };
    let (runs, job) = runs(&worker, tell).await;
    runs.start(&job, "run_1", &Room(channel.clone()), &()).await.unwrap();
    assert_eq!(ended(&runs, "run_1").await, completed("told"));
    assert_eq!(attempts.get(), 3);
    let mut all = servers[0].resume(&channel, &["said"], "start").await;
    all.ready().await;
    assert_eq!(all.data().await, json!("once"));
    all.expect_silence().await;
}

#[tokio::test]
async fn subscribers_of_a_deleted_stream_resume_with_a_gap() {
    let ([here, there], channel) = (servers("deleting").await, room("1"));
    let known = here.hub.publish(said(&channel), "before").await.unwrap().to_string();
    let mut reader = there.resume(&channel, &["said"], &known).await;
    reader.ready().await;
    let client = async_nats::connect(TestServer::shared().url()).await.unwrap();
    for shard in 0..4 {
        client.request(format!("$JS.API.STREAM.DELETE.deleting-{shard}"), "".into()).await.unwrap();
    }
    assert_eq!(reader.close_code().await, 1011, "the client connects again");
    let next = here.hub.publish(said(&channel), "after").await.unwrap().to_string();
    let mut reader = there.resume(&channel, &["said"], &known).await;
    reader.ready().await;
    assert_eq!(reader.gap().await, (known, next.clone()));
    assert_eq!(reader.id_and_data().await, (next, json!("after")));
}

#[tokio::test]
async fn channels_and_their_history_are_listed_and_runs_are_refused() {
    let ([server, _], channel) = (servers("listing").await, room("a.b c"));
    for text in ["1", "2", "3"] {
        server.hub.publish(said(&channel), text).await.unwrap();
    }
    let listed = server.admin("channels").await;
    assert_eq!(listed["items"][0]["name"], "room:a.b%20c", "{listed}");
    assert_eq!(listed["items"][0]["messages"], 3, "{listed}");
    let error = Runs::builder(&server.hub).build().await.err().unwrap().to_string();
    assert!(
        error.contains("set PostgreSQL or SQLite as the storage of servers that execute runs"),
        "{error}"
    );
}

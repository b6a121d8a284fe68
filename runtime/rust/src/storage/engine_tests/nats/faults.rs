//! Tests of faults that one process must survive: missing streams, unreadable messages, lost messages.

use std::sync::atomic::Ordering;

use fanfare_test_servers::nats::TestServer;
use futures_util::StreamExt;
use futures_util::future::join_all;
use tokio::time::{Instant, timeout};

use super::super::super::nats::tests::TestSpace;
use super::super::process::{Process, SAID, SECOND, room, wait_until};
use super::single;
use crate::wire::Cursor;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_catch_up_at_once_fail_together() {
    let space = single();
    let mut nats = space.connect().await;
    nats.stop_following();
    // The servers reject marks.
    space.recreate_shards(|config| config["allow_msg_ttl"] = false.into()).await;
    let (mut marks, process, channel) = (space.follow_marks().await, Process::new(nats), room("1"));
    let outcomes = join_all((0..50).map(|_| process.engine.catch_up(&channel))).await;
    assert!(outcomes.iter().all(Result::is_err));
    let mut attempts = 0;
    while timeout(SECOND / 2, marks.next()).await.is_ok() {
        attempts += 1;
    }
    // The first call, and one for all others.
    assert!(attempts <= 2, "{attempts} marks");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn catching_up_waits_for_a_stream_that_is_created_again() {
    let space = single();
    let process = Process::new(space.connect().await);
    process.say(&room("1"), "before").await;
    let log = process.log(&room("1")).await;
    space.delete_streams().await;
    process.catch_up().await.unwrap();
    assert!(log.is_retired());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_cannot_be_read_does_not_delay_other_channels() {
    let space = single();
    let mut deaf = space.connect().await;
    deaf.stop_following();
    let (here, there) = (Process::new(deaf), Process::new(space.connect().await));
    // In both shards.
    for number in 0..8 {
        here.log(&room(&format!("broken-{number}"))).await;
    }
    let mut reader = here.read_from(&room("1"), &[SAID], Cursor::Now).await;
    for number in 0..8 {
        space.store_unreadable(&format!("room:broken-{number}")).await;
    }
    let next = there.say(&room("1"), "next").await;
    here.catch_up().await.unwrap();
    assert_eq!(reader.read().ids(), [next]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_cannot_report_stays_connected_while_it_can_store_messages() {
    let space = single();
    let nats = space.connect().await;
    let (client, process) = (nats.client(), Process::new(nats));
    space.take_stream("meta").await;
    tokio::time::sleep(8 * SECOND).await;
    assert_eq!(client.statistics().connects.load(Ordering::Relaxed), 1);
    process.say(&room("1"), "stored").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_stream_affects_only_its_own_channels() {
    let space = single();
    let process = Process::new(space.connect().await);
    let channels: Vec<_> = (0..8).map(|number| room(&number.to_string())).collect();
    for channel in &channels {
        process.say(channel, "before").await;
    }
    let (failed, working): (Vec<_>, Vec<_>) =
        channels.iter().partition(|channel| space.stream_of(channel.name()).ends_with("-0"));
    space.take_stream("0").await;
    wait_until(|| process.engine.health().is_err()).await;
    for _ in 0..3 {
        assert!(process.engine.catch_up(failed[0]).await.is_err());
        for channel in &working {
            process.engine.catch_up(channel).await.unwrap();
            process.say(channel, "stored").await;
        }
        tokio::time::sleep(SECOND).await;
        assert!(process.engine.health().is_err());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_missed_messages_does_not_read_the_checkpoint() {
    let (space, channel) = (single(), room("1"));
    let mut deaf = space.connect().await;
    deaf.stop_following();
    let client = deaf.client();
    let (here, there) = (Process::new(deaf), Process::new(space.connect().await));
    there.say(&channel, "0").await;
    let mut reader = here.read_from(&channel, &[SAID], Cursor::Now).await;
    space.store_checkpoint("room:1", 500_000).await;
    there.say(&channel, "1").await;
    let received = || client.statistics().in_bytes.load(Ordering::Relaxed);
    let before = received();
    here.say(&channel, "2").await;
    assert_eq!(reader.read().texts(), ["1", "2"]);
    assert!(received() - before < 100_000, "{} bytes", received() - before);
}

/// A server without replicas continues from an older copy of its files.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_lost_messages_serves_its_channels_again() {
    let mut server = TestServer::start();
    let space = TestSpace::new(server.url(), "restored".into(), 1);
    let process = Process::new(space.connect().await);
    let channels = [0, 1, 2, 3, 4, 5].map(|number| room(&number.to_string()));
    let mut kept = Vec::new();
    for channel in &channels {
        kept.push(process.say(channel, "kept").await);
    }
    server.back_up();
    let mut logs = Vec::new();
    for channel in &channels[..3] {
        for _ in 0..20 {
            process.say(channel, "lost").await;
        }
        logs.push(process.log(channel).await);
    }
    server.restore();
    wait_until(|| logs.iter().all(|log| log.is_retired())).await;
    process.catch_up().await.unwrap();
    let since = Instant::now();
    for (channel, kept) in channels.iter().zip(kept) {
        let next = process.say(channel, "next").await;
        let received = process.read_from(channel, &[SAID], Cursor::After(kept)).await.read();
        assert_eq!((received.gap, received.ids()), (None, vec![next]));
        process.log(&room(&format!("new {next}"))).await;
    }
    // No read waits for sequences that the stream does not have.
    assert!(since.elapsed() < 2 * SECOND, "{:?}", since.elapsed());
}

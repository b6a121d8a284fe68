//! Tests of faults that one process must survive: missing streams, unreadable messages, lost messages.

use std::sync::atomic::{AtomicBool, Ordering};

use fanfare_test_servers::nats::TestServer;
use futures_util::StreamExt;
use futures_util::future::join_all;
use tokio::time::{Instant, timeout};

use super::super::super::nats::tests::TestSpace;
use super::super::process::{DRAFT, Process, SAID, SECOND, room, wait_until};
use super::super::shared::{END, append_part, begin_stream};
use super::single;
use crate::storage::AppendError;
use crate::wire::{Cursor, LogKind, MessageId};

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
    let mut times = Vec::new();
    for (channel, kept) in channels.iter().zip(kept) {
        let since = Instant::now();
        let next = process.say(channel, "next").await;
        let received = process.read_from(channel, &[SAID], Cursor::After(kept)).await.read();
        assert_eq!((received.gap, received.ids()), (None, vec![next]));
        process.log(&room(&format!("new {next}"))).await;
        times.push(since.elapsed());
    }
    // No read waits for sequences that the stream does not have. A busy machine may delay some.
    times.sort_unstable();
    assert!(times[3] < SECOND, "{times:?}");
}

/// Another process continues the stream before the one that has received the lost messages notices the loss.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_with_the_sequences_of_lost_ones_begin_a_new_epoch() {
    for replaced in [1, 3, 5] {
        let mut server = TestServer::start();
        let space = TestSpace::new(server.url(), "replaced".into(), 1);
        let (here, there) = (Process::new(space.connect().await), Process::new(space.connect().await));
        let (kept, lost) = lose(&mut server, &here).await;
        let log = here.log(&room("1")).await;
        let mut texts = Vec::new();
        for number in 0..replaced {
            texts.push(number.to_string());
            there.say(&room("1"), &texts[number]).await;
        }
        wait_until(|| log.is_retired()).await;
        for (id, has_gap) in [(kept, false), (lost, true)] {
            let mut reader = here.read_from(&room("1"), &[SAID], Cursor::After(id)).await;
            let received = reader.read();
            assert_eq!(received.gap.is_some(), has_gap, "{replaced} messages");
            assert!(received.texts().ends_with(&texts), "{replaced} messages: {:?}", received.texts());
        }
    }
}

/// The message follows a lost one, whose sequence another message has by now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_follows_a_lost_one_begins_a_new_epoch() {
    let mut server = TestServer::start();
    let space = TestSpace::new(server.url(), "forked".into(), 1);
    let mut deaf = space.connect().await;
    deaf.stop_following();
    let (here, there) = (Process::new(deaf), Process::new(space.connect().await));
    let (_, lost) = lose(&mut server, &here).await;
    // The last block has two messages. So the offsets differ from those of the lost messages.
    for text in ["1", "2"] {
        there.say(&room("1"), text).await;
    }
    let channel = room("1");
    tokio::join!(there.say(&channel, "3"), there.say(&channel, "4"));
    let log = there.log(&room("1")).await;
    for text in ["5", "6"] {
        here.say(&room("1"), text).await;
    }
    wait_until(|| log.is_retired()).await;
    let received = there.read_from(&room("1"), &[SAID], Cursor::After(lost)).await.read();
    assert!(received.gap.is_some());
    let texts = ["1", "2", "3", "4", "5", "6"].map(String::from);
    assert!(received.texts().ends_with(&texts), "{:?}", received.texts());
}

/// Opens a channel again and again while another process publishes to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opening_a_busy_channel_begins_no_epoch() {
    let (space, channel) = (single(), room("1"));
    let publisher = Process::new(space.connect().await);
    let (first, stream) = (publisher.say(&channel, "0").await, begin_stream(&publisher, &channel).await);
    let is_over = AtomicBool::new(false);
    let publish = async {
        while !is_over.load(Ordering::Relaxed) {
            publisher.say(&channel, "next").await;
        }
    };
    let open = async {
        for _ in 0..30 {
            let opener = Process::new(space.connect().await);
            opener.say(&channel, "opened").await;
        }
        is_over.store(true, Ordering::Relaxed);
    };
    tokio::join!(publish, open);
    assert_eq!(publisher.say(&channel, "last").await.epoch(), first.epoch());
    append_part(&publisher, &channel, &stream, END, &stream).await.unwrap();
}

/// Publishes a message, and three that the server then loses. Returns the ids of the first and of the last.
async fn lose(server: &mut TestServer, process: &Process) -> (MessageId, MessageId) {
    let kept = process.say(&room("1"), "kept").await;
    // Stores a mark, so that nobody has to store one later.
    process.catch_up().await.unwrap();
    server.back_up();
    let mut lost = kept;
    for _ in 0..3 {
        lost = process.say(&room("1"), "lost").await;
    }
    server.restore();
    (kept, lost)
}

/// A text stream has lost text, and another one its end. Their process still runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_streams_end_when_their_channel_has_lost_messages() {
    let mut server = TestServer::start();
    let (space, channel) = (TestSpace::new(server.url(), "interrupted".into(), 1), room("1"));
    let (here, there) = (Process::new(space.connect().await), Process::new(space.connect().await));
    let [open, ended] = [begin_stream(&here, &channel).await, begin_stream(&here, &channel).await];
    server.back_up();
    append_part(&here, &channel, &open, LogKind::Chunk { stream_id: &open }, "lost").await.unwrap();
    append_part(&here, &channel, &ended, END, &ended).await.unwrap();
    let log = there.log(&channel).await;
    server.restore();
    wait_until(|| log.is_retired()).await;
    let mut reader = there.read_from(&channel, &[DRAFT], Cursor::Start).await;
    // Both begin, have a chunk, and end.
    let frames = reader.read_until(6).await.frames;
    let reason = r#""error":"the server was restarted""#;
    assert_eq!(frames.iter().filter(|frame| frame.contains(reason)).count(), 2, "{frames:?}");
    let chunk = LogKind::Chunk { stream_id: &open };
    let refused = append_part(&here, &channel, &open, chunk, "more").await;
    assert!(matches!(refused, Err(AppendError::StreamEnded)), "{refused:?}");
}

/// The messages wait for each other, because a channel has one block in progress at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_publish_fails_in_time_while_the_servers_do_not_answer() {
    let server = TestServer::start();
    let space = TestSpace::new(server.url(), "silent".into(), 1);
    let process = Process::new(space.connect().await);
    process.say(&room("1"), "before").await;
    server.suspend();
    let publish = async |number: u32| {
        tokio::time::sleep(number * 2 * SECOND).await;
        let since = Instant::now();
        process.publish(&room("1"), SAID, &number.to_string(), None).await.unwrap_err();
        since.elapsed()
    };
    let durations = join_all((0..6).map(publish)).await;
    assert!(durations.iter().all(|duration| *duration < 25 * SECOND), "{durations:?}");
    server.resume();
}

//! Tests of cases that only NATS has: deleted blocks, lost notices, recreated streams, and failing servers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fanfare_test_servers::nats::TestServer;

use super::super::nats::tests::TestSpace;
use super::place::{Place, next_number};
use super::process::{DRAFT, Process, Reader, SAID, STATE, entry, room, small, wait_until};
use super::shared::{END, append_part, begin_stream};
use crate::history::{Gap, OpenStream};
use crate::storage::AppendError;
use crate::storage::abandoned_streams::end_entry;
use crate::wire::{Cursor, LogKind, MessageId};

mod faults;
mod meta;

fn single() -> TestSpace {
    TestSpace::new(TestServer::shared().url(), format!("nats-{}", next_number()), 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evicted_messages_are_deleted_and_everything_else_remains() {
    let (space, channel) = (single(), small("1"));
    let first = Process::new(space.connect().await);
    let state = first.publish(&channel, STATE, "kept", Some("k")).await.unwrap();
    let ids = fill(&space, &first).await;
    let second = Process::new(space.connect().await);
    let again = second.publish(&channel, STATE, "kept", Some("k")).await.unwrap();
    assert_eq!((again.id, again.repeated), (state.id, true));
    let reused = second.publish(&channel, STATE, "other", Some("k")).await;
    assert!(matches!(reused, Err(AppendError::KeyReused)));
    let retained = second.read_from(&channel, &[STATE], Cursor::Now).await.read();
    assert_eq!((retained.ids(), retained.texts()), (vec![state.id], vec!["kept".to_owned()]));
    let received = second.read_from(&channel, &[SAID], Cursor::After(ids[7])).await.read();
    let gap = Gap { after: ids[7], before: ids[395] };
    assert_eq!((received.gap, received.ids()), (Some(gap), ids[395..].to_vec()));
    assert_eq!(second.say(&channel, "next").await.offset(), 402);
    assert_eq!(first.say(&channel, "after").await.offset(), 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_reads_what_was_not_republished_to_it() {
    let (space, channels) = (single(), [room("1"), room("2"), room("3")]);
    let mut deaf = space.connect().await;
    deaf.stop_following();
    let (here, there) = (Process::new(deaf), Process::new(space.connect().await));
    let mut readers = Vec::new();
    for channel in &channels {
        there.say(channel, "before").await;
        readers.push(here.read_from(channel, &[SAID], Cursor::Now).await);
    }
    for number in 0..700 {
        there.say(&channels[number % 2], &number.to_string()).await;
    }
    here.catch_up().await.unwrap();
    let counts: Vec<usize> = readers.iter_mut().map(|reader| reader.read().frames.len()).collect();
    assert_eq!(counts, [350, 350, 0]);
    // Publishing notices missing blocks, too.
    there.say(&channels[2], "missed").await;
    assert_eq!(here.say(&channels[2], "next").await.offset(), 3);
    assert_eq!(readers[2].read().texts(), ["missed", "next"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recreated_stream_begins_a_new_epoch() {
    let (space, channel) = (single(), room("1"));
    let process = Process::new(space.connect().await);
    let known = process.say(&channel, "before").await;
    let log = process.log(&channel).await;
    space.delete_streams().await;
    let other = Process::new(space.connect().await);
    let first = other.say(&channel, "first").await;
    assert!(first > known && first.epoch() > known.epoch());
    let appended = process.append(entry(&log, SAID, LogKind::Data, "second", None)).await.unwrap();
    assert_eq!((appended.id.epoch(), appended.id.offset()), (first.epoch(), 2));
    assert!(log.is_retired());
    let received = process.read_from(&channel, &[SAID], Cursor::After(known)).await.read();
    assert_eq!(
        (received.gap.unwrap().after, received.texts()),
        (known, vec!["first".into(), "second".into()])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_a_text_stream_receive_its_end_when_its_process_ends() {
    let space = single();
    let (here, there) = (Process::new(space.connect().await), Process::new(space.connect().await));
    let mut reader = here.read_from(&room("1"), &[DRAFT], Cursor::Now).await;
    begin_stream(&there, &room("1")).await;
    let begun = reader.read_until(2).await.frames;
    assert!(!begun.iter().any(|frame| frame.contains("datastream-end")), "{begun:?}");
    drop(there);
    let end = reader.read_until(1).await.frames;
    assert!(end[0].contains(r#""error":"the server was restarted""#), "{end:?}");
}

/// Publishes until the oldest messages of `small:1` are deleted. A log keeps messages that were just published, up to a
/// megabyte.
async fn fill(space: &TestSpace, process: &Process) -> Vec<MessageId> {
    let mut ids = Vec::new();
    for number in 0..400 {
        ids.push(process.say(&small("1"), &format!("{number} {}", "x".repeat(8_000))).await);
    }
    for _ in 0..1_000 {
        if space.count_blocks("small:1").await.0 < 300 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (blocks, has_checkpoint) = space.count_blocks("small:1").await;
    assert!(blocks < 300 && has_checkpoint, "{blocks} blocks remain");
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_text_stream_continues_after_its_messages_were_deleted() {
    let (space, channel) = (single(), small("1"));
    let here = Process::new(space.connect().await);
    let [open, ended] = [begin_stream(&here, &channel).await, begin_stream(&here, &channel).await];
    append_part(&here, &channel, &ended, END, &ended).await.unwrap();
    fill(&space, &here).await;
    let there = Process::new(space.connect().await);
    let texts = there.read_from(&channel, &[DRAFT], Cursor::Start).await.read().frames;
    assert!(!texts.iter().any(|frame| frame.contains(&open)), "{texts:?}");
    for (stream, is_open) in [(&open, true), (&ended, false)] {
        let chunk = LogKind::Chunk { stream_id: stream };
        let appended = append_part(&there, &channel, stream, chunk, "more").await;
        assert!(if is_open { appended.is_ok() } else { matches!(appended, Err(AppendError::StreamEnded)) });
    }
    let mut reader = there.read_from(&channel, &[DRAFT], Cursor::Now).await;
    reader.read();
    drop(here);
    let end = reader.read_until(1).await.frames;
    assert!(end[0].contains("datastream-end") && end[0].contains(&open), "{end:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_has_not_received_the_end_of_its_text_stream_adds_no_text() {
    let (space, channel) = (single(), room("1"));
    let mut deaf = space.connect().await;
    deaf.stop_following();
    let (suspended, other) = (Process::new(deaf), Process::new(space.connect().await));
    let stream = begin_stream(&suspended, &channel).await;
    let log = other.log(&channel).await;
    let open = OpenStream { topic: DRAFT, id: stream.clone(), run_id: None };
    other.append(end_entry(&log, &open)).await.unwrap();
    // In one block with other messages, which are accepted.
    let chunk = LogKind::Chunk { stream_id: &stream };
    let (said, refused) = tokio::join!(
        suspended.say(&channel, "said"),
        append_part(&suspended, &channel, &stream, chunk, "more")
    );
    assert_eq!(said.offset(), 4);
    assert!(matches!(refused, Err(AppendError::StreamEnded)), "{refused:?}");
    let next = begin_stream(&suspended, &channel).await;
    append_part(&suspended, &channel, &next, END, &next).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_streams_are_created_again_and_begin_new_epochs() {
    recreate_streams(Place::nats()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_streams_of_a_cluster_are_created_again_and_begin_new_epochs() {
    recreate_streams(Place::nats_cluster()).await;
}

async fn recreate_streams(place: Place) {
    let Place::Nats(space) = &place else { unreachable!("it is in NATS") };
    let channel = room("1");
    let processes = [Process::new(space.connect().await), Process::new(space.connect().await)];
    let known = processes[0].say(&channel, "before").await;
    processes[0].engine.revoke("17").await.unwrap();
    let logs = [processes[0].log(&channel).await, processes[1].log(&channel).await];
    wait_until(|| processes[1].revoked.lock().unwrap().contains(&"17".to_owned())).await;
    // Each process reads the revocation with its next report.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    space.delete_streams().await;
    // It waits until the stream exists again.
    let next = processes[1].say(&channel, "after").await;
    assert!(next > known && next.epoch() > known.epoch());
    wait_until(|| logs.iter().all(|log| log.is_retired())).await;
    for process in &processes {
        let received = process.read_from(&channel, &[SAID], Cursor::After(known)).await.read();
        assert_eq!((received.gap.unwrap().after, received.ids()), (known, vec![next]));
        space.wait_until_registered(process.engine.owner()).await;
        wait_until(|| process.engine.health().is_ok()).await;
    }
    space.wait_until_revoked("17").await;
    let late = Process::new(space.connect().await);
    assert_eq!(*late.revoked.lock().unwrap(), ["17"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn purged_streams_begin_new_epochs_without_being_used() {
    let space = single();
    let (here, there) = (Process::new(space.connect().await), Process::new(space.connect().await));
    let channels = [room("1"), room("2"), room("3")];
    let (mut known, mut logs) = (Vec::new(), Vec::new());
    for channel in &channels {
        known.push(here.say(channel, "before").await);
        logs.extend([here.log(channel).await, there.log(channel).await]);
    }
    // Both processes have compared the streams with what they know.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    space.purge_streams().await;
    wait_until(|| logs.iter().all(|log| log.is_retired())).await;
    for (channel, known) in channels.iter().zip(known) {
        let next = there.say(channel, "after").await;
        assert!(next > known && next.epoch() > known.epoch());
        let received = here.read_from(channel, &[SAID], Cursor::After(known)).await.read();
        assert_eq!((received.gap.unwrap().after, received.ids()), (known, vec![next]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_are_not_used_again_after_the_blocks_of_a_channel_were_deleted() {
    let (space, channel) = (single(), small("1"));
    let process = Process::new(space.connect().await);
    let last = *fill(&space, &process).await.last().unwrap();
    let log = process.log(&channel).await;
    space.purge_blocks("small:1").await;
    wait_until(|| log.is_retired()).await;
    let next = process.say(&channel, "next").await;
    assert!(next > last && next.epoch() > last.epoch());
    for process in [process, Process::new(space.connect().await)] {
        let received = process.read_from(&channel, &[SAID], Cursor::After(last)).await.read();
        assert_eq!(received.gap.unwrap().after, last);
        assert_eq!(*received.ids().last().unwrap(), next);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_messages_begin_a_new_epoch_that_continues_the_others() {
    let (space, channel) = (single(), room("1"));
    let process = Process::new(space.connect().await);
    let mut ids = Vec::new();
    for text in ["1", "2", "lost"] {
        ids.push(process.say(&channel, text).await);
    }
    let log = process.log(&channel).await;
    space.lose_last_block("room:1").await;
    wait_until(|| log.is_retired()).await;
    let next = process.say(&channel, "3").await;
    assert!(next > ids[2] && next.epoch() > ids[2].epoch());
    let received = process.read_from(&channel, &[SAID], Cursor::After(ids[1])).await.read();
    assert_eq!((received.gap, received.texts()), (None, vec!["3".to_owned()]));
    let received = process.read_from(&channel, &[SAID], Cursor::After(ids[2])).await.read();
    assert_eq!(received.gap.unwrap().after, ids[2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_of_lost_messages_that_others_have_now_begin_a_new_epoch() {
    let (space, channel) = (single(), room("1"));
    let process = Process::new(space.connect().await);
    let mut ids = Vec::new();
    for text in ["1", "2", "lost"] {
        ids.push(process.say(&channel, text).await);
    }
    let log = process.log(&channel).await;
    space.lose_last_block("room:1").await;
    // A process that has never read the lost message.
    let other = Process::new(space.connect().await);
    assert_eq!(other.say(&channel, "in its place").await, ids[2]);
    wait_until(|| log.is_retired()).await;
    process.say(&channel, "next").await;
    let texts = ["in its place".to_owned(), "next".to_owned()];
    let received = process.read_from(&channel, &[SAID], Cursor::After(ids[1])).await.read();
    assert_eq!((received.gap, received.texts()), (None, texts.to_vec()));
    let received = process.read_from(&channel, &[SAID], Cursor::After(ids[2])).await.read();
    assert_eq!(received.gap.unwrap().after, ids[2]);
}

/// Suspends the replicas of a stream while its leader stores a message, so that its process sends the message again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_being_stored_is_not_stored_again() {
    let servers = TestServer::start_cluster();
    let urls = [0, 1, 2].map(|number: usize| servers[number].url()).join(",");
    let (space, channel) = (TestSpace::new(urls, "stored".into(), 3), room("1"));
    let process = Process::new(space.connect().await);
    process.say(&channel, "before").await;
    let leader = space.find_leader("room:1").await.unwrap();
    let others = || servers.iter().enumerate().filter(|(number, _)| *number != leader);
    others().for_each(|(_, server)| server.suspend());
    let (stored, ()) = tokio::join!(process.publish(&channel, SAID, "once", None), async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        others().for_each(|(_, server)| server.resume());
    });
    assert_eq!(stored.unwrap().id.offset(), 2);
    process.say(&channel, "after").await;
    let received = process.read_from(&channel, &[SAID], Cursor::Start).await.read();
    assert_eq!(received.texts(), ["before", "once", "after"]);
}

/// Kills the leader of a stream, and suspends the next one, while two processes publish.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_repeated_while_leaders_fail() {
    let mut servers = TestServer::start_cluster();
    let urls = [0, 1, 2].map(|number: usize| servers[number].url()).join(",");
    let (space, channel) = (TestSpace::new(urls, "killed".into(), 3), room("1"));
    let processes = [Process::new(space.connect().await), Process::new(space.connect().await)];
    let mut readers = Vec::new();
    for process in &processes {
        readers.push(process.read_from(&channel, &[SAID], Cursor::Start).await);
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let publishers = (0..4).map(|publisher| {
        let (process, channel) = (processes[publisher % 2].clone(), channel.clone());
        let is_over = Arc::clone(&is_over);
        tokio::spawn(async move {
            let mut stored = Vec::new();
            for number in 0.. {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let text = format!("{publisher} {number}");
                // Half of the messages have keys, and are repeated until they are stored.
                let key = (number % 2 == 0).then_some(text.as_str());
                loop {
                    match process.publish(&channel, SAID, &text, key).await {
                        Ok(appended) => {
                            stored.push((appended.id, text.clone()));
                            break;
                        }
                        Err(refused @ (AppendError::KeyReused | AppendError::StreamEnded)) => {
                            panic!("{text}: {refused:?}")
                        }
                        Err(AppendError::Storage(_)) if key.is_some() => {}
                        // The message may or may not be stored.
                        Err(AppendError::Storage(_)) => break,
                    }
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            stored
        })
    });
    let publishers: Vec<_> = publishers.collect();
    for is_killed in [true, false] {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let leader = space.find_leader("room:1").await.unwrap_or(0);
        if is_killed {
            servers[leader].kill("KILL");
            tokio::time::sleep(Duration::from_millis(1500)).await;
            servers[leader].restart();
        } else {
            // Wait until the others have elected a leader. This one does not know of it, and continues as if it led.
            servers[leader].suspend();
            tokio::time::sleep(Duration::from_secs(6)).await;
            servers[leader].resume();
        }
        tokio::time::sleep(Duration::from_millis(1500)).await;
    }
    is_over.store(true, Ordering::Relaxed);
    let mut stored = Vec::new();
    for publisher in publishers {
        stored.extend(publisher.await.unwrap());
    }
    for process in &processes {
        wait_until_caught_up(process).await;
    }
    let received: Vec<_> = readers.iter_mut().map(Reader::read).collect();
    assert_eq!(received[0], received[1]);
    let (ids, texts) = (received[0].ids(), received[0].texts());
    assert_eq!(received[0].gap, None);
    assert!(ids.iter().map(|id| id.offset()).eq(1..=ids.len() as u64), "the offsets are not dense");
    assert_eq!(texts.iter().collect::<BTreeSet<_>>().len(), texts.len(), "a message was stored twice");
    assert!(stored.len() > 100, "only {} messages were stored", stored.len());
    for (id, text) in stored {
        let offset = usize::try_from(id.offset()).unwrap();
        assert_eq!((ids[offset - 1], &texts[offset - 1]), (id, &text), "an acknowledged message is missing");
    }
}

async fn wait_until_caught_up(process: &Process) {
    for _ in 0..10 {
        if process.catch_up().await.is_ok() {
            return;
        }
    }
    process.catch_up().await.unwrap();
    wait_until(|| process.engine.health().is_ok()).await;
}

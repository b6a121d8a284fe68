//! Promises of storages: what they keep, and what several processes see.

use std::sync::Arc;

use tokio::time::timeout;

use super::place::Place;
use super::process::{
    DRAFT, Process, Reader, SAID, SECOND, STATE, entry, room, small, strict_room, wait_until,
};
use crate::channel::Channel;
use crate::history::{Appended, Gap, OpenStream};
use crate::storage::abandoned_streams::end_entry;
use crate::storage::{AppendError, Entry};
use crate::wire::{Cursor, LogKind, MessageId};

/// The end of a whole text.
pub(super) const END: LogKind<'_> = LogKind::StreamEnd { error: None, is_stopped: false };

pub(super) async fn restoring(place: Place) {
    let (first, channel) = (place.open().await, room("1"));
    for number in 0..20 {
        first.publish(&channel, number % 2, &format!("{number} \"é"), None).await.unwrap();
    }
    let before = first.read_all(&channel).await.read();
    place.close(first).await;
    let second = place.open().await;
    let mut reader = second.read_all(&channel).await;
    assert_eq!(reader.read(), before);
    let next = second.say(&channel, "next").await;
    let last = *before.ids().last().unwrap();
    assert_eq!(next, MessageId::new(last.epoch(), last.offset() + 1));
    assert_eq!(reader.read().ids(), [next]);
}

pub(super) async fn restored_gap(place: Place) {
    let (first, channel) = (place.open().await, small("1"));
    let mut ids = Vec::new();
    for number in 0..300 {
        ids.push(first.say(&channel, &number.to_string()).await);
    }
    place.close(first).await;
    for known in [0, 100, 290, 293] {
        let process = place.open().await;
        let received = process.read_from(&channel, &[SAID], Cursor::After(ids[known])).await.read();
        let gap = Gap { after: ids[known], before: ids[295] };
        assert_eq!((received.gap, received.ids()), (Some(gap), ids[295..].to_vec()));
        place.close(process).await;
    }
}

pub(super) async fn restored_keys(place: Place) {
    let (first, second, channel) = (place.open().await, place.open().await, room("1"));
    let published = first.publish(&channel, SAID, "once", Some("k")).await.unwrap();
    place.close(first).await;
    for process in [second, place.open().await] {
        let again = process.publish(&channel, SAID, "once", Some("k")).await.unwrap();
        assert_eq!((again.id, again.repeated), (published.id, true));
        let reused = process.publish(&channel, SAID, "twice", Some("k")).await;
        assert!(matches!(reused, Err(AppendError::KeyReused)));
        assert_eq!(process.read_all(&channel).await.read().texts(), ["once"]);
    }
}

pub(super) async fn one_order(place: Place) {
    const EACH: usize = 200;
    let processes = [place.open().await, place.open().await];
    let channels = [room("1"), room("2")];
    let mut readers = Vec::new();
    for process in &processes {
        for channel in &channels {
            readers.push(process.read_from(channel, &[SAID], Cursor::Now).await);
        }
    }
    let publishers = (0..6).map(|publisher| {
        let (process, channels) = (processes[publisher % 2].clone(), channels.clone());
        tokio::spawn(async move {
            for number in 0..EACH {
                process.say(&channels[number % 2], &format!("{publisher} {number}")).await;
            }
        })
    });
    for publisher in publishers.collect::<Vec<_>>() {
        publisher.await.unwrap();
    }
    let mut received = Vec::new();
    for reader in &mut readers {
        received.push(reader.read_until(6 * EACH / 2).await);
    }
    assert_eq!((&received[0], &received[1]), (&received[2], &received[3]));
    for received in &received {
        assert_eq!(received.gap, None);
        assert!(received.ids().iter().map(|id| id.offset()).eq(1..=(6 * EACH / 2) as u64));
    }
}

pub(super) async fn lagging(place: Place) {
    let (here, there, channel) = (place.open().await, place.open().await, room("1"));
    there.say(&channel, "0").await;
    here.log(&channel).await;
    for round in 0..20 {
        // At once, so that `here` may not have read yet what `there` appended.
        let id = there.say(&channel, &round.to_string()).await;
        here.catch_up().await.unwrap();
        let mut reader = here.read_from(&channel, &[SAID], Cursor::After(id)).await;
        assert!(here.log(&channel).await.has_reached(Cursor::After(id)));
        let next = there.say(&channel, "next").await;
        assert_eq!(reader.read_until(1).await.ids(), [next]);
    }
}

pub(super) async fn revocations(place: Place) {
    let (here, there) = (place.open().await, place.open().await);
    for token in ["17", "18", "17"] {
        here.engine.revoke(token).await.unwrap();
    }
    let knows =
        |process: &Process, token: &str| process.revoked.lock().unwrap().iter().any(|known| known == token);
    wait_until(|| knows(&there, "17") && knows(&there, "18")).await;
    let late = place.open().await;
    assert!(knows(&late, "17") && knows(&late, "18") && !knows(&late, "19"));
    late.engine.revoke("19").await.unwrap();
    wait_until(|| knows(&here, "19") && knows(&there, "19")).await;
}

/// Begins a text stream, and returns its id.
pub(super) async fn begin_stream(process: &Process, channel: &Channel) -> String {
    let stream = OpenStream::new_id(process.engine.owner());
    append_part(process, channel, &stream, LogKind::StreamStart, &stream).await.unwrap();
    append_part(process, channel, &stream, LogKind::Chunk { stream_id: &stream }, "half of it")
        .await
        .unwrap();
    stream
}

/// Appends a part of a text stream that a process writes.
pub(super) async fn append_part(
    process: &Process,
    channel: &Channel,
    stream: &str,
    kind: LogKind<'_>,
    text: &str,
) -> Result<Appended, AppendError> {
    let (log, writer) = (process.log(channel).await, u32::from_str_radix(&stream[..8], 16).unwrap());
    process.append(Entry { writer: Some(writer), ..entry(&log, DRAFT, kind, text, None) }).await
}

pub(super) async fn abandoned_streams(place: Place) {
    let first = place.open().await;
    let stream = begin_stream(&first, &room("1")).await;
    place.close(first).await;
    let second = place.open().await;
    let (log, abandoned) = second.open(&room("1")).await;
    // An engine may have ended it already. Otherwise the hub that opens the log ends it.
    for abandoned in &abandoned {
        assert_eq!(abandoned.id, stream);
        second.append(end_entry(&log, abandoned)).await.unwrap();
    }
    let (third, is_end) = (place.open().await, |frame: &&String| frame.contains("datastream-end"));
    let (_, abandoned) = third.open(&room("1")).await;
    assert!(abandoned.is_empty());
    let frames = third.read_from(&room("1"), &[DRAFT], Cursor::Start).await.read().frames;
    assert_eq!(frames.iter().filter(is_end).count(), 1, "{frames:?}");
    assert!(frames.last().unwrap().contains(r#""error":"the server was restarted""#), "{frames:?}");
}

pub(super) async fn written_streams(place: Place) {
    let (here, there) = (place.open().await, place.open().await);
    begin_stream(&there, &room("1")).await;
    let (_, abandoned) = here.open(&room("1")).await;
    assert!(abandoned.is_empty());
}

pub(super) async fn refused_text(place: Place) {
    if let Place::Memory(_) = place {
        // Others end the streams of a process once it is dropped, and then it writes nothing.
        return;
    }
    let (here, there, channel) = (place.open().await, place.open().await, room("1"));
    let mut reader = here.read_from(&channel, &[DRAFT], Cursor::Start).await;
    let (open, abandoned) = (begin_stream(&there, &room("1")).await, begin_stream(&there, &room("1")).await);
    append_part(&there, &channel, &open, END, &open).await.unwrap();
    assert_eq!(reader.read_until(5).await.frames.len(), 5);
    let (owner, mut frames) = (there.engine.owner(), Vec::new());
    let ending = timeout(30 * SECOND, async {
        while frames.is_empty() {
            // It reports every few seconds, so mark it again.
            place.mark_owner_ended(owner).await;
            tokio::time::sleep(SECOND / 20).await;
            frames = reader.read().frames;
        }
    });
    assert!(ending.await.is_ok(), "the text has no end");
    assert!(frames.len() == 1 && frames[0].contains("datastream-end") && frames[0].contains(&abandoned));
    let chunk = LogKind::Chunk { stream_id: &abandoned };
    for (kind, text) in [(chunk, "more"), (END, &*abandoned), (chunk, "still more")] {
        let refused = append_part(&there, &channel, &abandoned, kind, text).await;
        assert!(matches!(refused, Err(AppendError::StreamEnded)), "{refused:?}");
    }
    // Messages are accepted, and so are new text streams once the process has reported again.
    there.say(&channel, "said").await;
    place.wait_until_registered(&there, owner).await;
    let next = begin_stream(&there, &room("1")).await;
    append_part(&there, &channel, &next, END, &next).await.unwrap();
    let frames = reader.read_until(3).await.frames;
    assert!(frames.len() == 3 && frames.iter().all(|frame| frame.contains(&next)), "{frames:?}");
}

pub(super) async fn deleted_channel(place: Place) {
    let (process, channel, other) = (place.open().await, room("1"), room("2"));
    let known = process.say(&channel, "before").await;
    let log = process.log(&channel).await;
    let kept = process.say(&other, "kept").await;
    place.delete_channel("room:1").await;
    process.catch_up().await.unwrap();
    wait_until(|| log.is_retired()).await;
    let next = process.say(&channel, "after").await;
    assert!(next > known && next.epoch() > known.epoch());
    let received = process.read_from(&channel, &[SAID], Cursor::After(known)).await.read();
    assert_eq!((received.gap.unwrap().after, received.ids()), (known, vec![next]));
    let untouched = process.read_from(&other, &[SAID], Cursor::Start).await.read();
    assert_eq!(untouched.ids(), [kept]);
}

pub(super) async fn publishing_to_a_deleted_channel(place: Place) {
    let (process, channel) = (place.open().await, room("1"));
    let known = process.say(&channel, "before").await;
    let log = process.log(&channel).await;
    place.delete_channel("room:1").await;
    // At once, so that only the publish itself can notice.
    let appended = process.append(entry(&log, SAID, LogKind::Data, "after", None)).await.unwrap();
    assert!(appended.id > known && log.is_retired());
    let received = process.read_all(&channel).await.read();
    assert_eq!((received.ids(), received.texts()), (vec![appended.id], vec!["after".to_owned()]));
    let more = process.say(&channel, "more").await;
    assert_eq!(more, MessageId::new(appended.id.epoch(), appended.id.offset() + 1));
}

pub(super) async fn new_definition(place: Place) {
    let first = place.open().await;
    let mut ids = Vec::new();
    for text in ["1", "2", "too long", "4", "5"] {
        ids.push(first.say(&room("1"), text).await);
    }
    place.close(first).await;
    let second = place.open().await;
    let received = second.read_from(&strict_room("1"), &[SAID], Cursor::After(ids[0])).await.read();
    let gap = Gap { after: ids[0], before: ids[3] };
    assert_eq!((received.gap, received.ids()), (Some(gap), ids[3..].to_vec()));
}

pub(super) async fn missed(place: Place) {
    let (process, channel) = (place.open().await, room("1"));
    let first = process.say(&channel, "1").await;
    let log = process.log(&channel).await;
    let mut reader = Reader::new(Arc::clone(&log), &[SAID, STATE], Cursor::After(first));
    assert!(reader.read().frames.is_empty());
    place.lose_next_message(&channel).await;
    process.catch_up().await.unwrap();
    let gap = Gap { after: first, before: MessageId::new(first.epoch(), first.offset() + 2) };
    let received = reader.read();
    assert_eq!((received.gap, received.frames.len()), (Some(gap), 0));
    let next = process.say(&channel, "3").await;
    assert_eq!(reader.read().ids(), [next]);
}

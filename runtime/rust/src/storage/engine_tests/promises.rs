//! Promises to the publishers and subscribers of one process.

use std::sync::Arc;

use futures_util::future::join_all;

use super::place::Place;
use super::process::{DRAFT, Reader, SAID, STATE, entry, room, small};
use crate::history::Gap;
use crate::storage::AppendError;
use crate::wire::{Cursor, LogKind, MessageId};

pub(super) async fn order(place: Place) {
    let (process, channel) = (place.open().await, room("1"));
    let log = process.log(&channel).await;
    let mut reader = Reader::new(Arc::clone(&log), &[SAID], Cursor::Now);
    let appends =
        (0..1000).map(|number| process.append(entry(&log, SAID, LogKind::Data, &number.to_string(), None)));
    let ids: Vec<MessageId> = join_all(appends.collect::<Vec<_>>())
        .await
        .into_iter()
        .map(|appended| appended.unwrap().id)
        .collect();
    assert!(ids.iter().map(|id| id.offset()).eq(1..=1000));
    let received = reader.read();
    assert_eq!(received.ids(), ids);
    assert!(received.texts().iter().map(|text| text.parse::<usize>().unwrap()).eq(0..1000));
}

pub(super) async fn concurrency(place: Place) {
    const PUBLISHERS: usize = 8;
    const EACH: usize = 100;
    let (process, channels) = (place.open().await, ["1", "2", "3"].map(room));
    let publishers = (0..PUBLISHERS).map(|publisher| {
        let (process, channels) = (process.clone(), channels.clone());
        tokio::spawn(async move {
            for number in 0..EACH {
                process.say(&channels[number % 3], &format!("{publisher} {number}")).await;
            }
        })
    });
    for publisher in publishers.collect::<Vec<_>>() {
        publisher.await.unwrap();
    }
    let mut count = 0;
    for channel in &channels {
        let received = process.read_all(channel).await.read();
        let offsets = received.ids().into_iter().map(MessageId::offset);
        assert!(offsets.eq(1..=received.frames.len() as u64));
        for publisher in 0..PUBLISHERS {
            let prefix = format!("{publisher} ");
            let texts = received.texts();
            let numbers = texts.iter().filter_map(|text| text.strip_prefix(&prefix)?.parse::<usize>().ok());
            assert!(numbers.is_sorted());
        }
        count += received.frames.len();
    }
    assert_eq!(count, PUBLISHERS * EACH);
}

pub(super) async fn idempotency(place: Place) {
    let (process, channel) = (place.open().await, room("1"));
    let first = process.publish(&channel, SAID, "once", Some("k")).await.unwrap();
    let again = process.publish(&channel, SAID, "once", Some("k")).await.unwrap();
    assert_eq!((first.id, first.repeated, again.id, again.repeated), (again.id, false, first.id, true));
    for (topic, text) in [(SAID, "twice"), (STATE, "once")] {
        let reused = process.publish(&channel, topic, text, Some("k")).await;
        assert!(matches!(reused, Err(AppendError::KeyReused)), "{reused:?}");
    }
    let other = process.publish(&room("2"), SAID, "once", Some("k")).await.unwrap();
    assert!(!other.repeated, "keys are per channel");
    let unkeyed = process.publish(&channel, SAID, "once", None).await.unwrap();
    assert_eq!(unkeyed.id.offset(), 2);
    assert_eq!(process.read_all(&channel).await.read().texts(), ["once", "once"]);
}

pub(super) async fn concurrent_keys(place: Place) {
    let (process, channel) = (place.open().await, room("1"));
    let log = process.log(&channel).await;
    let appends = (0..60).map(|number| {
        let (text, key) = (format!("{}", number % 3), format!("k{}", number % 3));
        process.append(entry(&log, SAID, LogKind::Data, &text, Some(&key)))
    });
    let appended = join_all(appends.collect::<Vec<_>>()).await;
    let appended: Vec<_> = appended.into_iter().map(Result::unwrap).collect();
    assert_eq!(appended.iter().filter(|appended| !appended.repeated).count(), 3);
    for (number, appended) in appended.iter().enumerate() {
        assert_eq!(appended.id.offset(), number as u64 % 3 + 1);
    }
    assert_eq!(process.read_all(&channel).await.read().texts(), ["0", "1", "2"]);
}

pub(super) async fn resuming(place: Place) {
    let (process, channel) = (place.open().await, room("1"));
    let mut ids = Vec::new();
    for number in 0..20 {
        ids.push(process.say(&channel, &number.to_string()).await);
    }
    for (known, id) in ids.iter().enumerate() {
        let received = process.read_from(&channel, &[SAID], Cursor::After(*id)).await.read();
        assert_eq!((received.gap, received.ids()), (None, ids[known + 1..].to_vec()));
    }
    let mut reader = process.read_from(&channel, &[SAID], Cursor::After(ids[18])).await;
    assert_eq!(reader.read().ids(), [ids[19]]);
    let next = process.say(&channel, "next").await;
    assert_eq!(reader.read().ids(), [next]);
    assert!(reader.read().frames.is_empty());
}

pub(super) async fn gaps(place: Place) {
    let (process, channel) = (place.open().await, small("1"));
    let mut ids = Vec::new();
    for number in 0..30 {
        ids.push(process.say(&channel, &number.to_string()).await);
    }
    let received = process.read_all(&channel).await.read();
    assert_eq!(received.ids(), ids[25..]);
    // Subscribers that are up to date miss nothing. Those that are far behind learn exactly what they missed.
    for known in 24..30 {
        let received = process.read_from(&channel, &[SAID], Cursor::After(ids[known])).await.read();
        assert_eq!((received.gap, received.ids()), (None, ids[known + 1..].to_vec()));
    }
    let received = process.read_from(&channel, &[SAID], Cursor::After(ids[3])).await.read();
    let gap = Gap { after: ids[3], before: ids[25] };
    assert_eq!((received.gap, received.ids()), (Some(gap), ids[25..].to_vec()));
}

pub(super) async fn retaining(place: Place) {
    let (process, channel) = (place.open().await, small("1"));
    process.publish(&channel, STATE, "old", None).await.unwrap();
    let state = process.publish(&channel, STATE, "kept", None).await.unwrap().id;
    for number in 0..30 {
        process.say(&channel, &number.to_string()).await;
    }
    let received = process.read_from(&channel, &[SAID, STATE], Cursor::Now).await.read();
    assert_eq!((received.ids(), received.texts()), (vec![state], vec!["kept".to_owned()]));
}

pub(super) async fn text_streams(place: Place) {
    let (process, channel) = (place.open().await, room("1"));
    let log = process.log(&channel).await;
    let stream = "00000000abcdef01";
    let mut reader = Reader::new(Arc::clone(&log), &[DRAFT], Cursor::Now);
    let mut appends = vec![entry(&log, DRAFT, LogKind::StreamStart, stream, None)];
    for number in 0..50 {
        let chunk = LogKind::Chunk { stream_id: stream };
        appends.push(entry(&log, DRAFT, chunk, &format!("{number} "), None));
    }
    let end = LogKind::StreamEnd { error: None, is_stopped: false };
    appends.push(entry(&log, DRAFT, end, stream, None));
    for appended in join_all(appends.into_iter().map(|entry| process.append(entry)).collect::<Vec<_>>()).await
    {
        appended.unwrap();
    }
    let texts = reader.read().texts();
    let (first, rest) = texts.split_first().unwrap();
    let (last, chunks) = rest.split_last().unwrap();
    let expected = (0..50).map(|number| format!("{number} ")).collect::<Vec<_>>().concat();
    assert_eq!((first.as_str(), chunks.concat(), last.as_str()), (stream, expected, stream));
}

pub(super) async fn odd_text(place: Place) {
    let process = place.open().await;
    for text in [
        "",
        "\0",
        "'; DROP TABLE messages; --",
        "\",\"id\":\"",
        "é\u{1f600}\\",
        "{}",
        "NULL",
        "\u{7f}\u{ffff}",
    ] {
        let channel = room(&format!("a{}", text.replace('\0', "0")));
        let id = process.publish(&channel, SAID, text, Some(text)).await.unwrap().id;
        let received = process.read_all(&channel).await.read();
        assert_eq!((received.ids(), received.texts()), (vec![id], vec![text.to_owned()]));
    }
}

//! Tests the verdict.

use super::order::{Channel, Content, Row};
use super::reader::{Event, Record, Sent};
use super::verdict::{Counts, History, judge};
use crate::log::MessageId;

const HISTORY: History = History { messages: 4, age: 60_000 };
const STATUS: usize = 0;
const RECENT: usize = 2;
const SAID: usize = 3;
const DRAFT: usize = 4;

fn at(epoch: u64, offset: u64) -> MessageId {
    MessageId { epoch, offset }
}

fn message(epoch: u64, offset: u64, topic: usize) -> Row {
    let content = Content::Message(u32::try_from(offset).unwrap());
    Row { at: at(epoch, offset), topic, published_at: 1000 * offset.cast_signed(), content }
}

fn text(epoch: u64, offset: u64, content: Content) -> Row {
    Row { at: at(epoch, offset), topic: DRAFT, published_at: 1000 * offset.cast_signed(), content }
}

fn chunk(epoch: u64, offset: u64, chunk: &str) -> Row {
    text(epoch, offset, Content::Chunk { stream: "s".into(), text: chunk.into() })
}

/// In epoch 1, 1 to 5, 7 and 8 are on `said`, 6 is a status, and 9 to 13 are a text. Epoch 2 starts with all of them
/// and adds 14 and 15 on `said`.
fn channel() -> Channel {
    let mut order = super::order::Order::new(1);
    let first = (1..=5).map(|offset| message(1, offset, SAID));
    let rows = first.chain([message(1, 6, STATUS), message(1, 7, SAID), message(1, 8, SAID)]);
    let texts = [
        text(1, 9, Content::Start("s".into())),
        chunk(1, 10, "a"),
        chunk(1, 11, "b"),
        chunk(1, 12, "c"),
        text(1, 13, Content::End { stream: "s".into(), is_failed: false }),
    ];
    let rows: Vec<Row> = rows.chain(texts).collect();
    order.add_rows(0, 1, 0, &rows);
    let more = [message(2, 14, SAID), message(2, 15, SAID)];
    order.add_rows(0, 2, 13, &rows.into_iter().chain(more).collect::<Vec<_>>());
    order.channels.remove(0)
}

fn judged(topics: &[usize], events: Vec<Event>, is_last: bool) -> Result<Counts, String> {
    let mut wanted = [false; 6];
    for topic in topics {
        wanted[*topic] = true;
    }
    let record = Record { reader: String::new(), channel: 0, topics: wanted, events, is_last };
    judge(&record, &channel(), HISTORY, is_last)
}

fn ready(sent: Sent, position: &str) -> Event {
    Event::Ready { sent, position: position.into(), at: 13_000 }
}

fn new(offset: u64) -> Event {
    ready(Sent::New, &at(1, offset).id())
}

fn resumed(cursor: &str) -> Event {
    ready(Sent::Cursor(cursor.into()), cursor)
}

fn said(offsets: std::ops::RangeInclusive<u64>) -> impl Iterator<Item = Event> {
    offsets.map(|offset| Event::Message(message(1, offset, SAID)))
}

fn gap(after: MessageId, before: MessageId) -> Event {
    Event::Gap { after, before, at: 15_000 }
}

#[track_caller]
fn accepts(topics: &[usize], events: impl IntoIterator<Item = Event>) {
    judged(topics, events.into_iter().collect(), false).unwrap();
}

#[track_caller]
fn refuses(topics: &[usize], events: impl IntoIterator<Item = Event>, why: &str) {
    let violation = judged(topics, events.into_iter().collect(), false).unwrap_err();
    assert!(violation.contains(why), "{violation}");
}

#[test]
fn missing_repeated_and_unexpected_messages_are_reported() {
    accepts(
        &[SAID],
        [new(2)].into_iter().chain(said(3..=5)).chain([resumed("000000001-000000005")]).chain(said(7..=8)),
    );
    refuses(&[SAID], [new(2)].into_iter().chain(said(4..=5)), "1 messages are missing on said from 3");
    refuses(&[SAID], [new(2)].into_iter().chain(said(2..=3)), "was repeated");
    refuses(
        &[SAID],
        [new(2)].into_iter().chain(said(3..=4)).chain([resumed("000000001-000000004")]).chain(said(4..=4)),
        "was repeated",
    );
    refuses(&[SAID], [new(2), Event::Message(message(1, 6, STATUS))], "did not subscribe to");
    refuses(&[SAID], [new(2), Event::Message(message(1, 3, RECENT))], "did not subscribe to");
    refuses(&[SAID, RECENT], [new(2), Event::Message(message(1, 3, RECENT))], "never published on recent");
    refuses(&[SAID], [new(2), Event::Message(message(2, 3, SAID))], "without a gap");
    refuses(
        &[SAID],
        [new(2), ready(Sent::Cursor("000000001-000000002".into()), "000000001-000000003")],
        "resumed from",
    );
}

#[test]
fn a_gap_must_cover_missing_messages_exactly() {
    let around = |gap: Event, next| [new(2), gap].into_iter().chain(said(next..=5));
    accepts(&[SAID], around(gap(at(1, 2), at(1, 4)), 4));
    refuses(&[SAID], around(gap(at(1, 2), at(1, 4)), 5), "missing on said from 4");
    refuses(&[STATUS], [new(2), gap(at(1, 2), at(1, 4))], "covers no missing message");
    refuses(&[SAID], [new(2), gap(at(1, 4), at(1, 4))], "covers nothing");
}

#[test]
fn a_new_reader_receives_retained_messages() {
    let replaying = |offset| ready(Sent::New, &format!("{}~{}", at(1, offset).id(), at(1, 0).id()));
    accepts(
        &[STATUS, SAID],
        [replaying(7), Event::Message(message(1, 6, STATUS)), Event::Message(message(1, 8, SAID))],
    );
    let missing = judged(&[STATUS], vec![replaying(7)], true).unwrap_err();
    assert!(missing.contains("epoch"), "{missing}");
    let start = || Event::Message(text(1, 9, Content::Start("s".into())));
    accepts(
        &[DRAFT],
        [replaying(11), start(), Event::Message(chunk(1, 11, "ab")), Event::Message(chunk(1, 12, "c"))],
    );
    refuses(&[DRAFT], [replaying(11), Event::Message(chunk(1, 11, "ab"))], "missing on draft from 9");
    refuses(
        &[DRAFT],
        [replaying(11), start(), Event::Message(chunk(1, 11, "b"))],
        "missing on draft from 10",
    );
    refuses(&[DRAFT], [replaying(11), start(), Event::Message(chunk(1, 11, "aB"))], "was published");
}

#[test]
fn a_reader_of_the_history_receives_its_last_messages() {
    // At 8 seconds, the history contained 5 to 8, of which 6 is a status.
    let start = || Event::Ready { sent: Sent::Start, position: at(1, 0).id(), at: 8_000 };
    accepts(&[SAID], [start()].into_iter().chain(said(5..=5)).chain(said(7..=8)));
    accepts(&[SAID], [start()].into_iter().chain(said(4..=5)).chain(said(7..=8)));
    refuses(&[SAID], [start()].into_iter().chain(said(7..=8)), "missing on said from 5");
}

#[test]
fn a_new_epoch_needs_a_gap_and_has_retained_messages() {
    let next = |offset, topic| Event::Message(message(2, offset, topic));
    let events = |status: bool| {
        let first = [new(2)].into_iter().chain(said(3..=3)).chain([resumed("000000001-000000003")]);
        let first = first.chain([gap(at(1, 3), at(2, 14))]);
        let retained = status.then(|| next(6, STATUS));
        first.chain(retained).chain([next(14, SAID), next(15, SAID)]).collect::<Vec<_>>()
    };
    assert_eq!(judged(&[SAID, STATUS], events(true), true).unwrap().epochs, 1);
    let violation = judged(&[SAID, STATUS], events(false), true).unwrap_err();
    assert!(violation.contains("it lacks status from offset 6"), "{violation}");
}

#[test]
fn a_reader_that_resumes_during_the_replay_may_miss_replaced_messages() {
    // A later status may replace the one at 6.
    let position = format!("{}~{}", at(1, 8).id(), at(1, 5).id());
    let first = ready(Sent::New, &position);
    accepts(&[STATUS, SAID], [first, resumed(&position)]);
}

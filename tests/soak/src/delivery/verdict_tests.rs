//! What the verdict accepts, and what it finds wrong.

use super::order::{At, Channel, Row, What};
use super::reader::{Record, Sent, Step};
use super::verdict::{Counts, History, judge};

const HISTORY: History = History { messages: 4, age: 60_000 };
const STATUS: usize = 0;
const RECENT: usize = 2;
const SAID: usize = 3;
const DRAFT: usize = 4;

fn at(epoch: u64, offset: u64) -> At {
    At { epoch, offset }
}

fn message(epoch: u64, offset: u64, topic: usize) -> Row {
    let what = What::Message(u32::try_from(offset).unwrap());
    Row { at: at(epoch, offset), topic, published: 1000 * offset.cast_signed(), what }
}

fn text(epoch: u64, offset: u64, what: What) -> Row {
    Row { at: at(epoch, offset), topic: DRAFT, published: 1000 * offset.cast_signed(), what }
}

fn piece(epoch: u64, offset: u64, piece: &str) -> Row {
    text(epoch, offset, What::Piece { stream: "s".into(), text: piece.into() })
}

/// Epoch 1 is said up to 5, has a status at 6, said at 7 and 8, and a text from 9 to 13. Epoch 2 begins with all of it,
/// and has said 14 and 15.
fn channel() -> Channel {
    let mut order = super::order::Order::new(1);
    let first = (1..=5).map(|offset| message(1, offset, SAID));
    let rows = first.chain([message(1, 6, STATUS), message(1, 7, SAID), message(1, 8, SAID)]);
    let texts = [
        text(1, 9, What::Start("s".into())),
        piece(1, 10, "a"),
        piece(1, 11, "b"),
        piece(1, 12, "c"),
        text(1, 13, What::End { stream: "s".into(), is_failed: false }),
    ];
    let rows: Vec<Row> = rows.chain(texts).collect();
    order.add_rows(0, 1, 0, &rows);
    let more = [message(2, 14, SAID), message(2, 15, SAID)];
    order.add_rows(0, 2, 13, &rows.into_iter().chain(more).collect::<Vec<_>>());
    order.channels.remove(0)
}

fn judged(topics: &[usize], steps: Vec<Step>, is_last: bool) -> Result<Counts, String> {
    let mut wanted = [false; 6];
    for topic in topics {
        wanted[*topic] = true;
    }
    let record = Record { reader: String::new(), channel: 0, topics: wanted, steps, is_last };
    judge(&record, &channel(), HISTORY, is_last)
}

fn ready(sent: Sent, position: &str) -> Step {
    Step::Ready { sent, position: position.into(), at: 13_000 }
}

fn new(offset: u64) -> Step {
    ready(Sent::New, &at(1, offset).id())
}

fn resumed(cursor: &str) -> Step {
    ready(Sent::Cursor(cursor.into()), cursor)
}

fn said(offsets: std::ops::RangeInclusive<u64>) -> impl Iterator<Item = Step> {
    offsets.map(|offset| Step::Message(message(1, offset, SAID)))
}

fn gap(after: At, before: At) -> Step {
    Step::Gap { after, before, at: 15_000 }
}

#[track_caller]
fn accepts(topics: &[usize], steps: impl IntoIterator<Item = Step>) {
    judged(topics, steps.into_iter().collect(), false).unwrap();
}

#[track_caller]
fn refuses(topics: &[usize], steps: impl IntoIterator<Item = Step>, why: &str) {
    let fault = judged(topics, steps.into_iter().collect(), false).unwrap_err();
    assert!(fault.contains(why), "{fault}");
}

#[test]
fn what_is_missing_repeated_or_foreign_is_found() {
    accepts(
        &[SAID],
        [new(2)].into_iter().chain(said(3..=5)).chain([resumed("000000001-000000005")]).chain(said(7..=8)),
    );
    refuses(&[SAID], [new(2)].into_iter().chain(said(4..=5)), "1 messages are missing on said from 3");
    refuses(&[SAID], [new(2)].into_iter().chain(said(2..=3)), "came again");
    refuses(
        &[SAID],
        [new(2)].into_iter().chain(said(3..=4)).chain([resumed("000000001-000000004")]).chain(said(4..=4)),
        "came again",
    );
    refuses(&[SAID], [new(2), Step::Message(message(1, 6, STATUS))], "did not ask for");
    refuses(&[SAID], [new(2), Step::Message(message(1, 3, RECENT))], "did not ask for");
    refuses(&[SAID, RECENT], [new(2), Step::Message(message(1, 3, RECENT))], "never published on recent");
    refuses(&[SAID], [new(2), Step::Message(message(2, 3, SAID))], "without a gap");
    refuses(
        &[SAID],
        [new(2), ready(Sent::Cursor("000000001-000000002".into()), "000000001-000000003")],
        "resumed from",
    );
}

#[test]
fn a_gap_must_cover_what_is_missing_and_something_must_be() {
    let around = |gap: Step, next| [new(2), gap].into_iter().chain(said(next..=5));
    accepts(&[SAID], around(gap(at(1, 2), at(1, 4)), 4));
    refuses(&[SAID], around(gap(at(1, 2), at(1, 4)), 5), "missing on said from 4");
    refuses(&[STATUS], [new(2), gap(at(1, 2), at(1, 4))], "nothing is missing");
    refuses(&[SAID], [new(2), gap(at(1, 4), at(1, 4))], "covers nothing");
}

#[test]
fn a_new_reader_gets_what_topics_retain() {
    let replaying = |offset| ready(Sent::New, &format!("{}~{}", at(1, offset).id(), at(1, 0).id()));
    accepts(
        &[STATUS, SAID],
        [replaying(7), Step::Message(message(1, 6, STATUS)), Step::Message(message(1, 8, SAID))],
    );
    let missing = judged(&[STATUS], vec![replaying(7)], true).unwrap_err();
    assert!(missing.contains("epoch"), "{missing}");
    let start = || Step::Message(text(1, 9, What::Start("s".into())));
    accepts(
        &[DRAFT],
        [replaying(11), start(), Step::Message(piece(1, 11, "ab")), Step::Message(piece(1, 12, "c"))],
    );
    refuses(&[DRAFT], [replaying(11), Step::Message(piece(1, 11, "ab"))], "missing on draft from 9");
    refuses(&[DRAFT], [replaying(11), start(), Step::Message(piece(1, 11, "b"))], "missing on draft from 10");
    refuses(&[DRAFT], [replaying(11), start(), Step::Message(piece(1, 11, "aB"))], "was published");
}

#[test]
fn a_history_has_its_last_messages() {
    // At 8 seconds, 5 to 8 were the last four messages, of which 6 is a status.
    let start = || Step::Ready { sent: Sent::Start, position: at(1, 0).id(), at: 8_000 };
    accepts(&[SAID], [start()].into_iter().chain(said(5..=5)).chain(said(7..=8)));
    accepts(&[SAID], [start()].into_iter().chain(said(4..=5)).chain(said(7..=8)));
    refuses(&[SAID], [start()].into_iter().chain(said(7..=8)), "missing on said from 5");
}

#[test]
fn a_new_epoch_is_told_and_has_what_topics_retain() {
    let next = |offset, topic| Step::Message(message(2, offset, topic));
    let steps = |status: bool| {
        let first = [new(2)].into_iter().chain(said(3..=3)).chain([resumed("000000001-000000003")]);
        let first = first.chain([gap(at(1, 3), at(2, 14))]);
        let retained = status.then(|| next(6, STATUS));
        first.chain(retained).chain([next(14, SAID), next(15, SAID)]).collect::<Vec<_>>()
    };
    assert_eq!(judged(&[SAID, STATUS], steps(true), true).unwrap().epochs, 1);
    let fault = judged(&[SAID, STATUS], steps(false), true).unwrap_err();
    assert!(fault.contains("it lacks status from offset 6"), "{fault}");
}

#[test]
fn who_is_cut_off_in_what_topics_retain_need_not_get_what_was_replaced() {
    // A later status would take the place of the one at 6.
    let position = format!("{}~{}", at(1, 8).id(), at(1, 5).id());
    let first = ready(Sent::New, &position);
    accepts(&[STATUS, SAID], [first, resumed(&position)]);
}

//! Promises about recorded calls and text streams.

use futures_util::future::join_all;

use super::super::place::Place;
use super::super::process::{SAID, entry};
use super::{Worker, call, site, step};
use crate::storage::{
    CallKind, Claim, ExecutionEnd, NewChunk, Outcome, RecordOutcome, RecordedCall, RunStream,
};
use crate::wire::LogKind;

pub(in super::super) async fn replaying(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    let begun = |failures, due| Outcome::Begun { failures, due };
    let odd = "\"\u{1}\\u0000 \u{10ffff} ' % _ ?1 /*pg\"";
    let calls = [
        step("0", "{\"a\":1}"),
        call("1", CallKind::Step, Outcome::Error("it failed".into())),
        call("2", CallKind::Sleep, Outcome::Value("17".into())),
        call("3", CallKind::Step, begun(2, 1_900_000_000_000)),
        step("4.0/0", odd),
        step("4.1/0", ""),
        step("4.1/1.10/0", "3"),
        call("4", CallKind::Race, Outcome::Value("1".into())),
        call("5", CallKind::Version, Outcome::Value("2".into())),
    ];
    for call in &calls {
        assert!(matches!(worker.record(claim, call.clone()).await, RecordOutcome::Committed(None)));
    }
    let mut expected = calls.to_vec();
    expected.sort_by(|one, other| one.site.cmp(&other.site));
    assert_eq!(worker.calls(claim).await, expected);
    worker.wait(claim).await;
    worker.close(&place).await;
    let restarted = Worker::open(&place).await;
    assert_eq!(restarted.calls(claim).await, expected);
}

pub(in super::super) async fn attempts(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    let attempt = |failures, due| call("0", CallKind::Step, Outcome::Begun { failures, due });
    for failed in [attempt(1, 10), attempt(2, 20)] {
        worker.record(claim, failed.clone()).await;
        assert_eq!(worker.calls(claim).await, [failed]);
    }
    for outcome in [step("0", "1"), step("0", "2"), attempt(3, 30)] {
        worker.record(claim, outcome).await;
        assert_eq!(worker.calls(claim).await, [step("0", "1")], "a final outcome stays");
    }
}

/// Returns the call and the message of a durable publish.
fn publish(
    worker: &Worker,
    at: &str,
    text: &str,
    key: Option<&str>,
) -> (RecordedCall, crate::storage::Entry) {
    let call = call(at, CallKind::Publish, Outcome::Value(String::new()));
    (call, entry(&worker.log, SAID, LogKind::Data, text, key))
}

pub(in super::super) async fn publishing(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    let mut ids = Vec::new();
    for number in 0..3 {
        let (call, message) = publish(&worker, &number.to_string(), &format!("message {number}"), None);
        let recorded = worker.journal.record_call(claim, call, worker.start(), Some(message)).await.unwrap();
        let RecordOutcome::Committed(Some(id)) = recorded else { panic!("it was not published") };
        ids.push(id);
    }
    assert_eq!(worker.texts().await, ["run added", "message 0", "message 1", "message 2"]);
    let recorded = worker.calls(claim).await.into_iter().map(|call| call.outcome);
    assert!(recorded.eq(ids.iter().map(|id| Outcome::Value(format!("\"{id}\"")))));
}

/// A process repeats a publish if it does not know whether the storage has committed it.
pub(in super::super) async fn repeated_publish(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    let (call, message) = publish(&worker, "0", "once", Some("run 0"));
    let record = || worker.journal.record_call(claim, call.clone(), worker.start(), Some(message.clone()));
    let RecordOutcome::Committed(Some(id)) = record().await.unwrap() else { panic!("it was not published") };
    assert!(matches!(record().await.unwrap(), RecordOutcome::Committed(None)));
    assert_eq!(worker.texts().await, ["run added", "once"]);
    assert_eq!(worker.calls(claim).await[0].outcome, Outcome::Value(format!("\"{id}\"")));
}

async fn begin(worker: &Worker, claim: Claim, at: &str, id: &str) -> Result<(), String> {
    let begun = call(at, CallKind::Stream, Outcome::Begun { failures: 0, due: 0 });
    let channel = worker.log.channel().name().to_owned();
    let stream = RunStream { site: site(at), stream_id: id.into(), channel, topic: "said".into() };
    let message = worker.message(&format!("{id} begins"));
    let begun = worker.journal.begin_stream(claim, begun, worker.start(), stream, message).await;
    begun.map(|_| ()).map_err(|error| error.to_string())
}

async fn write(
    worker: &Worker,
    claim: Claim,
    at: &str,
    number: u32,
    text: &str,
) -> Result<RecordOutcome, String> {
    let chunk = NewChunk { site: site(at), number, text: text.into() };
    let written = worker.journal.write_chunk(claim, chunk, worker.message(text)).await;
    written.map_err(|error| error.to_string())
}

pub(in super::super) async fn text_streams(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    begin(&worker, claim, "0", "first").await.unwrap();
    begin(&worker, claim, "1.2/0", "second").await.unwrap();
    for number in 1..=12 {
        write(&worker, claim, "0", number, &format!("chunk {number}")).await.unwrap();
    }
    let open = worker.journal.load_stream(claim.run, site("0")).await.unwrap().unwrap();
    let chunks: Vec<String> = (1..=12).map(|number| format!("chunk {number}")).collect();
    assert_eq!((open.stream_id.as_str(), &open.chunks), ("first", &chunks));
    assert!(worker.journal.load_stream(claim.run, site("2")).await.unwrap().is_none());
    let open = worker.journal.list_open_streams(claim.run).await.unwrap();
    let open: Vec<_> = open.iter().map(|stream| (stream.site.clone(), stream.stream_id.as_str())).collect();
    assert_eq!(open, [(site("0"), "first"), (site("1.2/0"), "second")]);
    worker.record(claim, call("0", CallKind::Stream, Outcome::Value("\"text\"".into()))).await;
    assert!(worker.journal.load_stream(claim.run, site("0")).await.unwrap().is_none());
    assert_eq!(worker.journal.list_open_streams(claim.run).await.unwrap().len(), 1);
    assert_eq!(worker.texts().await.len(), 15);
}

/// A write that fails halfway must leave nothing.
pub(in super::super) async fn failed_write(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    begin(&worker, claim, "0", "stream").await.unwrap();
    write(&worker, claim, "0", 1, "one").await.unwrap();
    let (calls, texts) = (worker.calls(claim).await, worker.texts().await);
    assert!(write(&worker, claim, "0", 1, "one again").await.is_err(), "the chunk exists");
    assert!(begin(&worker, claim, "1", "stream").await.is_err(), "the stream exists");
    assert_eq!(worker.calls(claim).await, calls);
    assert_eq!(worker.texts().await, texts);
    let open = worker.journal.load_stream(claim.run, site("0")).await.unwrap().unwrap();
    assert_eq!(open.chunks, ["one"]);
    // Work that waits in the same transaction does not fail with it.
    let writes = [write(&worker, claim, "0", 1, "one again"), write(&worker, claim, "0", 2, "two")];
    let written = join_all(writes).await;
    assert!(written[0].is_err() && written[1].is_ok());
    assert_eq!(worker.texts().await.last().unwrap(), "two");
}

pub(in super::super) async fn ended_stream(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    let other = Worker::open(&place).await;
    begin(&worker, claim, "0", "stream").await.unwrap();
    write(&worker, claim, "0", 1, "one").await.unwrap();
    worker.end(claim, ExecutionEnd::Failed("no".into())).await;
    let ends = [&worker, &other, &worker]
        .map(|process| process.journal.end_stream("stream".into(), process.message("the end")));
    for ended in join_all(ends).await {
        ended.unwrap();
    }
    assert_eq!(worker.texts().await.iter().filter(|text| *text == "the end").count(), 1);
    assert!(worker.journal.load_stream(claim.run, site("0")).await.unwrap().is_none());
}

pub(in super::super) async fn refused_chunk(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    let other = Worker::open(&place).await;
    begin(&worker, claim, "0", "stream").await.unwrap();
    write(&worker, claim, "0", 1, "one").await.unwrap();
    other.journal.end_stream("stream".into(), other.message("the end")).await.unwrap();
    let refused = write(&worker, claim, "0", 2, "two").await.unwrap();
    assert!(matches!(refused, RecordOutcome::ClaimLost));
    assert_eq!(worker.texts().await.last().unwrap(), "the end");
}

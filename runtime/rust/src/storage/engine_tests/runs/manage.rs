//! Promises about the actions of administrators, and about deleting runs.

use super::super::place::Place;
use super::{HOUR, Worker, answer, call, describe, ids, is_open, site, step};
use crate::storage::{
    CallKind, Claim, ExecutionEnd, Outcome, RecordOutcome, RerunEffect, RetryEffect, RunState, RunStream,
    WakeEffect,
};

pub(in super::super) async fn cancelling(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    assert!(is_open(&worker.ask(claim, "0", &["nod"]).await));
    let cancel = |run_id: &str| {
        let event = worker.message(&format!("{run_id} cancelled"));
        worker.journal.cancel_run(run_id.into(), Some(event))
    };
    assert!(
        cancel("run").await.unwrap() && !cancel("run").await.unwrap() && !cancel("missing").await.unwrap()
    );
    assert!(matches!(worker.state("run").await, Some(RunState::Cancelled)));
    assert!(matches!(worker.record(claim, step("1", "1")).await, RecordOutcome::ClaimLost));
    assert_eq!(describe(&worker.send("nod", "1").await), "the run has ended");
    assert_eq!(worker.texts().await, ["run added", "waiting for [nod]", "run cancelled"]);
    assert!(worker.claim().await.is_empty());
}

async fn retry(worker: &Worker, run_id: &str) -> RetryEffect {
    let event = worker.message("retried");
    worker.journal.retry_run(run_id.into(), event, Vec::new()).await.unwrap()
}

pub(in super::super) async fn retrying(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    assert_eq!(retry(&worker, "run").await, RetryEffect::Unfinished);
    assert_eq!(retry(&worker, "missing").await, RetryEffect::NoRun);
    worker.record(claim, step("0", "1")).await;
    worker.record(claim, call("1", CallKind::Step, Outcome::Begun { failures: 2, due: i64::MAX })).await;
    worker.record(claim, call("2", CallKind::Step, Outcome::Error("no".into()))).await;
    let stream = RunStream {
        site: site("3"),
        stream_id: "stream".into(),
        channel: "room:1".into(),
        topic: "said".into(),
    };
    worker.end(claim, ExecutionEnd::Failed("no".into())).await;
    assert!(matches!(worker.state("run").await, Some(RunState::Failed(error)) if error == "no"));
    let end = (stream.stream_id, worker.message("the end of a stream that has ended"));
    let retried = worker.journal.retry_run("run".into(), worker.message("retried"), vec![end]).await.unwrap();
    assert_eq!(retried, RetryEffect::Retried);
    let again = worker.claim().await;
    assert_eq!((ids(&again), again[0].retries, again[0].claim.fence), (vec!["run"], 1, 3));
    let fresh = call("1", CallKind::Step, Outcome::Begun { failures: 0, due: 0 });
    assert_eq!(worker.calls(claim).await, [step("0", "1"), fresh], "the failure is removed");
    assert_eq!(worker.texts().await, ["run added", "ended", "retried"]);
    worker.end(again[0].claim, ExecutionEnd::Completed("1".into())).await;
    assert_eq!(retry(&worker, "run").await, RetryEffect::NotFailed);
}

/// A fork that failed because its deciding branch did: the call, its fork and the unanswered waits are made again.
pub(in super::super) async fn retrying_forks(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    let failed = |at: &str| call(at, CallKind::Step, Outcome::Error("no".into()));
    worker.record(claim, step("0.0/0", "1")).await;
    worker.record(claim, failed("0.0/1")).await;
    worker.record(claim, step("0.1/0", "2")).await;
    worker.record(claim, call("0", CallKind::Join, Outcome::Value("0".into()))).await;
    worker.end(claim, ExecutionEnd::Failed("no".into())).await;
    assert_eq!(retry(&worker, "run").await, RetryEffect::Retried);
    assert_eq!(worker.calls(claim).await, [step("0.0/0", "1"), step("0.1/0", "2")]);
}

pub(in super::super) async fn retrying_keeps_answers(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    assert!(is_open(&worker.ask(claim, "0", &["nod"]).await));
    assert_eq!(describe(&worker.send("nod", "1").await), "accepted by run");
    worker.end(claim, ExecutionEnd::Failed("no".into())).await;
    assert_eq!(retry(&worker, "run").await, RetryEffect::Retried);
    let claim = worker.claim_run("run").await;
    assert_eq!(
        answer(&worker.ask(claim, "0", &["nod"]).await),
        Some("1".into()),
        "no accepted signal is lost"
    );
    // The question of a halted run stays open, with its answer.
    assert!(is_open(&worker.ask(claim, "1", &["nod"]).await));
    assert_eq!(describe(&worker.send("nod", "2").await), "accepted by run");
    worker.end(claim, ExecutionEnd::Halted("changed".into())).await;
    assert!(matches!(worker.state("run").await, Some(RunState::Halted(reason)) if reason == "changed"));
    assert_eq!(retry(&worker, "run").await, RetryEffect::Retried);
    let claim = worker.claim_run("run").await;
    assert_eq!(answer(&worker.ask(claim, "1", &["nod"]).await), Some("2".into()));
    assert!(is_open(&worker.ask(claim, "2", &["nod"]).await), "it answers once");
}

pub(in super::super) async fn waking(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    let wake = |at: Option<&str>| worker.journal.wake_run("run".into(), at.map(site));
    let sleep = |at: &str, id: &str| {
        let until = Outcome::Value("9000000000000".into());
        crate::storage::RecordedCall { id: id.into(), ..call(at, CallKind::Sleep, until) }
    };
    worker.record(claim, sleep("0.0/0", "nap")).await;
    worker.record(claim, sleep("0.1/0", "")).await;
    worker
        .record(claim, call("1", CallKind::Step, Outcome::Begun { failures: 1, due: 9_000_000_000_000 }))
        .await;
    worker.record(claim, sleep("2.1/0", "in a lost branch")).await;
    worker.record(claim, call("2", CallKind::Race, Outcome::Value("0".into()))).await;
    assert_eq!(wake(None).await.unwrap(), WakeEffect::Executing);
    worker.wait(claim).await;
    assert_eq!(wake(Some("2.1/0")).await.unwrap(), WakeEffect::NotSleeping);
    assert_eq!(wake(Some("0.1/0")).await.unwrap(), WakeEffect::Woken(1), "the time limit");
    assert_eq!(wake(None).await.unwrap(), WakeEffect::Woken(2), "a sleep and a delay");
    assert_eq!(wake(None).await.unwrap(), WakeEffect::NotSleeping);
    assert_eq!(worker.journal.wake_run("missing".into(), None).await.unwrap(), WakeEffect::NoRun);
    let again = worker.claim_run("run").await;
    assert!(!again.follows(claim), "an execution in memory waits for the former time");
    for call in worker.calls(again).await {
        let until = match &call.outcome {
            Outcome::Value(until) if call.kind == CallKind::Sleep => until.parse().unwrap(),
            Outcome::Begun { due, failures } => {
                assert_eq!(*failures, 1);
                *due
            }
            _ => continue,
        };
        assert_eq!(until < 9_000_000_000_000_i64, call.site != site("2.1/0"), "{}", call.site);
    }
    worker.end(again, ExecutionEnd::Retry { at: worker.later(), failures: 1 }).await;
    assert_eq!(wake(None).await.unwrap(), WakeEffect::Woken(1), "the delay of the job");
    assert!(!worker.claim().await.is_empty());
}

async fn rerun(worker: &Worker, position: u32, new_run_id: &str) -> RerunEffect {
    let event = worker.message(&format!("{new_run_id} added"));
    worker.journal.rerun("run".into(), position, new_run_id.into(), event).await.unwrap()
}

pub(in super::super) async fn rerunning(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    let missing = worker.journal.rerun("missing".into(), 0, "new".into(), worker.message("x")).await.unwrap();
    assert_eq!(missing, RerunEffect::NoRun);
    let recorded = [
        step("0", "1"),
        call("1", CallKind::Race, Outcome::Value("0".into())),
        step("1.0/0", "2"),
        call("1.1/0", CallKind::Step, Outcome::Begun { failures: 1, due: 0 }),
        step("2", "3"),
        // Positions compare as numbers, and branches by their fork.
        step("10.0/0", "4"),
        call("11", CallKind::Step, Outcome::Begun { failures: 1, due: 0 }),
    ];
    for call in recorded.clone() {
        worker.record(claim, call).await;
    }
    assert!(is_open(&worker.ask(claim, "12.0/3", &["nod"]).await));
    assert_eq!(rerun(&worker, 3, "new").await, RerunEffect::NoCall);
    assert_eq!(rerun(&worker, 12, "new").await, RerunEffect::UnfinishedCall(site("11")));
    assert_eq!(rerun(&worker, 2, "run").await, RerunEffect::RunExists);
    assert_eq!(rerun(&worker, 2, "new").await, RerunEffect::New);
    assert_eq!(rerun(&worker, 2, "new").await, RerunEffect::Existing);
    assert_eq!(rerun(&worker, 1, "new").await, RerunEffect::RunExists);
    assert_eq!(rerun(&worker, 11, "newer").await, RerunEffect::New);
    let claimed = worker.claim().await;
    let copied = |run_id: &str| claimed.iter().find(|run| run.run.run_id == run_id).unwrap().claim;
    let mut expected = recorded[..4].to_vec();
    expected.sort_by(|one, other| one.site.cmp(&other.site));
    assert_eq!(worker.calls(copied("new")).await, expected);
    let mut expected = recorded[..6].to_vec();
    expected.sort_by(|one, other| one.site.cmp(&other.site));
    assert_eq!(worker.calls(copied("newer")).await, expected);
    assert!(claimed.iter().all(|run| run.run.input == "null" && run.run.job == "job"));
    assert_eq!(worker.texts().await.iter().filter(|text| text.starts_with("new")).count(), 2);
}

/// Ends a run that has something in every table.
async fn fill(worker: &Worker, claim: Claim) {
    worker.record(claim, step("0", "1")).await;
    let begun = call("1", CallKind::Stream, Outcome::Begun { failures: 0, due: 0 });
    let (stream_id, channel) = (format!("stream {}", claim.run.0), "room:1".to_owned());
    let stream = RunStream { site: site("1"), stream_id, channel, topic: "said".into() };
    worker
        .journal
        .begin_stream(claim, begun, worker.start(), stream, worker.message("begins"))
        .await
        .unwrap();
    let chunk = crate::storage::NewChunk { site: site("1"), number: 1, text: "x".into() };
    worker.journal.write_chunk(claim, chunk, worker.message("x")).await.unwrap();
    let run_id = Some(format!("run {}", claim.run.0));
    let key = Some(crate::history::IdempotencyKey::new(&format!("{run_id:?}"), "nod", b"1"));
    let signal = crate::storage::NewSignal { run_id, key, ..worker.signal("nod", "1") };
    worker.send_signal(signal).await;
}

pub(in super::super) async fn retention(place: Place) {
    let worker = Worker::open(&place).await;
    let mut claims = Vec::new();
    for number in 0..20 {
        worker.add(&format!("run_{number}")).await;
        let claim = worker.claim_run(&format!("run_{number}")).await;
        fill(&worker, claim).await;
        let end = match number % 4 {
            0 => ExecutionEnd::Completed("1".into()),
            1 => ExecutionEnd::Failed("no".into()),
            2 => ExecutionEnd::Halted("changed".into()),
            _ => ExecutionEnd::Waiting { due: worker.later() },
        };
        worker.end(claim, end).await;
        claims.push(claim);
    }
    let delete = |before, limit| worker.journal.delete_ended_runs(before, limit);
    assert_eq!(delete(worker.now() - HOUR, 100).await.unwrap(), 0, "they ended later");
    assert_eq!(delete(worker.later(), 3).await.unwrap(), 3);
    assert_eq!(delete(worker.later(), 100).await.unwrap(), 7);
    assert_eq!(delete(worker.later(), 100).await.unwrap(), 0);
    for (number, claim) in claims.into_iter().enumerate() {
        let is_kept = number % 4 >= 2;
        assert_eq!(worker.state(&format!("run_{number}")).await.is_some(), is_kept);
        assert_eq!(worker.calls(claim).await.is_empty(), !is_kept);
        assert_eq!(worker.journal.list_open_streams(claim.run).await.unwrap().is_empty(), !is_kept);
    }
    assert!(worker.add("run_0").await, "the id is free again");
}

pub(in super::super) async fn forgotten_keys(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    assert_eq!(describe(&worker.send_with_key("nod", "1", "key").await), "kept for run");
    worker.end(claim, ExecutionEnd::Completed("1".into())).await;
    assert_eq!(worker.journal.delete_ended_runs(worker.later(), 10).await.unwrap(), 1);
    worker.add("later").await;
    assert_eq!(describe(&worker.send_with_key("nod", "2", "key").await), "kept for later");
}

pub(in super::super) async fn orphans(place: Place) {
    let (first, second) = (Worker::open(&place).await, Worker::open(&place).await);
    for run_id in ["a", "b"] {
        first.add(run_id).await;
    }
    let claimed = first.claim().await;
    second.journal.free_orphans().await.unwrap();
    assert!(second.claim().await.is_empty(), "the process runs");
    place.mark_ended(&first.process).await;
    second.journal.free_orphans().await.unwrap();
    let mut again = second.claim().await;
    again.sort_by_key(|run| run.claim.run);
    assert_eq!(ids(&again), ids(&claimed));
    assert!(again.iter().all(|run| run.crashes == 1 && run.claim.fence == 2));
    assert!(matches!(first.record(claimed[0].claim, step("0", "1")).await, RecordOutcome::ClaimLost));
}

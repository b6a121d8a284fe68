//! Promises about questions and forks.

use super::super::place::Place;
use super::{Worker, answer, call, describe, ids, is_open, site, step};
use crate::storage::{
    CallKind, CallStart, Claim, DecideOutcome, Decision, ExecutionEnd, Outcome, QuestionState, RunState,
};

pub(in super::super) async fn asking(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    let closes_at = worker.later();
    let QuestionState::Open { closes_at: first } = worker.ask_until(claim, "0", &["nod"], closes_at).await
    else {
        panic!("nothing has answered");
    };
    let QuestionState::Open { closes_at: again } = worker.ask(claim, "0", &["nod"]).await else {
        panic!("nothing has answered");
    };
    assert_eq!(first, again, "a question that is asked again keeps its time");
    let begun = &worker.calls(claim).await[0];
    assert_eq!((begun.site.clone(), begun.kind), (site("0"), CallKind::Wait));
    assert!(matches!(begun.outcome, Outcome::Begun { .. }));
    assert!(is_open(&worker.ask(claim, "1", &["stop", "nod"]).await));
    let Some(RunState::Unfinished { waiting_for }) = worker.state("run").await else {
        panic!("it has ended")
    };
    assert_eq!(waiting_for, ["nod", "stop"]);
    assert_eq!(describe(&worker.send("nod", "1").await), "accepted by run");
    assert_eq!(answer(&worker.ask(claim, "0", &["nod"]).await), Some("1".into()));
    let events = ["run added", "waiting for [nod]", "waiting for [nod stop nod]", "waiting for [stop nod]"];
    assert_eq!(worker.texts().await, events);
    let recorded = &worker.calls(claim).await[0];
    assert!(matches!(&recorded.outcome, Outcome::Value(value) if value.contains("\"payload\":\"1\"")));
}

pub(in super::super) async fn closing(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    let closed = worker.ask_until(claim, "0", &["nod"], worker.now()).await;
    assert_eq!(answer(&closed), None);
    assert_eq!(describe(&worker.send("nod", "1").await), "too late");
    assert!(is_open(&worker.ask(claim, "1", &["nod"]).await), "a later question is open");
    assert_eq!(describe(&worker.send("nod", "2").await), "accepted by run");
    assert_eq!(answer(&worker.ask(claim, "1", &["nod"]).await), Some("2".into()));
}

pub(in super::super) async fn kept_signals(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    assert_eq!(describe(&worker.send("nod", "1").await), "kept for run");
    assert_eq!(describe(&worker.send("other", "2").await), "kept for run");
    assert_eq!(describe(&worker.send("nod", "3").await), "already taken: 1");
    assert_eq!(answer(&worker.ask(claim, "0", &["nod"]).await), Some("1".into()));
    assert!(is_open(&worker.ask(claim, "1", &["nod"]).await), "it answers one question only");
    assert_eq!(answer(&worker.ask(claim, "2", &["stop", "other"]).await), Some("2".into()));
}

/// A question with many names, as the list of a statement is limited.
pub(in super::super) async fn many_names(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    let names: Vec<String> = (0..40).map(|number| format!("signal {number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for name in ["signal 39", "signal 3", "signal 20"] {
        assert_eq!(describe(&worker.send(name, &format!("\"{name}\"")).await), "kept for run");
    }
    assert_eq!(
        answer(&worker.ask(claim, "0", &names).await),
        Some("\"signal 39\"".into()),
        "the earliest one"
    );
    assert!(is_open(&worker.ask(claim, "1", &names).await), "the others are dropped");
}

pub(in super::super) async fn answered_while_released(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    assert!(is_open(&worker.ask(claim, "0", &["nod"]).await));
    // The signal arrives before the run is released.
    worker.send("nod", "1").await;
    worker.wait(claim).await;
    let claim = worker.claim_run("run").await;
    assert_eq!(answer(&worker.ask(claim, "0", &["nod"]).await), Some("1".into()));
    assert!(is_open(&worker.ask(claim, "1", &["nod"]).await));
    // The signal arrives after it.
    worker.wait(claim).await;
    assert!(worker.claim().await.is_empty());
    worker.send("nod", "2").await;
    let claim = worker.claim_run("run").await;
    assert_eq!(answer(&worker.ask(claim, "1", &["nod"]).await), Some("2".into()));
}

pub(in super::super) async fn answer_survives(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    assert!(is_open(&worker.ask(claim, "0", &["nod"]).await));
    worker.wait(claim).await;
    worker.send("nod", "1").await;
    worker.close(&place).await;
    let restarted = Worker::open(&place).await;
    let claimed = restarted.claim().await;
    assert_eq!(ids(&claimed), ["run"]);
    assert_eq!(describe(&restarted.send("nod", "2").await), "already taken: 1");
    assert_eq!(answer(&restarted.ask(claimed[0].claim, "0", &["nod"]).await), Some("1".into()));
}

/// Decides the fork at 0 for a branch.
async fn decide(
    worker: &Worker,
    claim: Claim,
    winner: u32,
    preferred: &[u32],
    pending: &[&str],
) -> DecideOutcome {
    let fork = call("0", CallKind::Race, Outcome::Value(winner.to_string()));
    let start = CallStart { at: worker.now(), began_with: String::new() };
    let pending = pending.iter().map(|text| site(text)).collect();
    let decision = Decision { fork, start, winner, preferred: preferred.to_vec(), pending };
    worker.journal.decide_fork(claim, decision, worker.event()).await.unwrap()
}

pub(in super::super) async fn deciding(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    for (at, name) in [("0.0/0", "yes"), ("0.1/0", "no"), ("0.1/1.0/0", "perhaps"), ("1", "stop")] {
        assert!(is_open(&worker.ask(claim, at, &[name]).await));
    }
    assert!(matches!(decide(&worker, claim, 0, &[], &[]).await, DecideOutcome::Committed));
    let events = worker.texts().await;
    // Questions of the same millisecond are in the order of their sites.
    assert!(["waiting for [yes stop]", "waiting for [stop yes]"].contains(&&**events.last().unwrap()));
    let calls = worker.calls(claim).await;
    let fork = calls.iter().find(|call| call.site == site("0")).unwrap();
    assert_eq!((fork.kind, &fork.outcome), (CallKind::Race, &Outcome::Value("0".into())));
    let closed = |at: &str| calls.iter().find(|call| call.site == site(at)).unwrap().outcome.is_final();
    assert_eq!(["0.0/0", "0.1/0", "0.1/1.0/0", "1"].map(closed), [false, true, true, false]);
    assert_eq!(describe(&worker.send("no", "1").await), "too late");
    assert_eq!(describe(&worker.send("yes", "1").await), "accepted by run");
}

pub(in super::super) async fn contested(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    assert!(is_open(&worker.ask(claim, "0.1/0", &["no"]).await));
    assert_eq!(describe(&worker.send("no", "1").await), "accepted by run");
    let texts = worker.texts().await;
    let is_contested = |outcome| matches!(outcome, DecideOutcome::Contested);
    assert!(is_contested(decide(&worker, claim, 0, &[1], &[]).await), "it holds an answer");
    assert_eq!(answer(&worker.ask(claim, "0.1/0", &["no"]).await), Some("1".into()));
    assert!(is_contested(decide(&worker, claim, 0, &[1], &[]).await), "it has not acted on the answer");
    worker.record(claim, step("0.1/1", "2")).await;
    assert!(is_contested(decide(&worker, claim, 0, &[1], &["0.1/0"]).await), "the wait has not returned");
    assert!(!worker.calls(claim).await.iter().any(|call| call.site == site("0")));
    assert!(matches!(decide(&worker, claim, 0, &[1], &[]).await, DecideOutcome::Committed));
    assert_eq!(worker.texts().await.len(), texts.len() + 1);
}

pub(in super::super) async fn end_closes_questions(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    assert!(is_open(&worker.ask(claim, "0", &["nod"]).await));
    worker.end(claim, ExecutionEnd::Completed("\"done\"".into())).await;
    assert!(matches!(worker.state("run").await, Some(RunState::Completed(result)) if result == "\"done\""));
    assert!(worker.calls(claim).await.is_empty());
    assert_eq!(describe(&worker.send("nod", "1").await), "the run has ended");
    assert!(worker.claim().await.is_empty());
}

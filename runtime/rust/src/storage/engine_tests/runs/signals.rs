//! Promises about signals: which run and question they reach, and that each is delivered once.

use super::super::place::Place;
use super::{Worker, answer, describe, is_open, site};
use crate::storage::{ExecutionEnd, NewSignal};

pub(in super::super) async fn one_answer(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    assert!(is_open(&worker.ask(claim, "0", &["nod"]).await));
    assert_eq!(describe(&worker.send("nod", "1").await), "accepted by run");
    assert_eq!(describe(&worker.send("nod", "2").await), "already taken: 1");
    assert_eq!(answer(&worker.ask(claim, "0", &["nod"]).await), Some("1".into()));
    assert_eq!(describe(&worker.send("nod", "3").await), "already taken: 1");
    worker.end(claim, ExecutionEnd::Completed("1".into())).await;
    assert_eq!(describe(&worker.send("nod", "4").await), "already taken: 1");
    assert_eq!(describe(&worker.send("other", "5").await), "the run has ended");
}

pub(in super::super) async fn order_of_questions(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    for at in ["2", "10", "3"] {
        assert!(is_open(&worker.ask(claim, at, &["nod"]).await));
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
    for payload in ["1", "2"] {
        assert_eq!(describe(&worker.send("nod", payload).await), "accepted by run");
    }
    assert_eq!(answer(&worker.ask(claim, "2", &["nod"]).await), Some("1".into()));
    assert_eq!(answer(&worker.ask(claim, "10", &["nod"]).await), Some("2".into()));
    assert!(is_open(&worker.ask(claim, "3", &["nod"]).await));
}

pub(in super::super) async fn named_question(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    for at in ["0", "1"] {
        assert!(is_open(&worker.ask(claim, at, &["nod"]).await));
    }
    let to = |at: &str, payload: &str| {
        let (run_id, question) = (Some("run".into()), Some(site(at)));
        worker.send_signal(NewSignal { run_id, question, ..worker.signal("nod", payload) })
    };
    assert_eq!(describe(&to("1", "1").await), "accepted by run");
    assert_eq!(describe(&to("1", "2").await), "already taken: 1");
    assert_eq!(answer(&worker.ask(claim, "1", &["nod"]).await), Some("1".into()));
    assert_eq!(describe(&to("1", "3").await), "already taken: 1", "it is closed");
    assert_eq!(describe(&to("7", "4").await), "too late");
    assert!(is_open(&worker.ask(claim, "0", &["nod"]).await));
}

pub(in super::super) async fn targets(place: Place) {
    let worker = Worker::open(&place).await;
    assert_eq!(describe(&worker.send("nod", "0").await), "no run");
    let mut claims = Vec::new();
    for run_id in ["a", "b", "c"] {
        worker.add(run_id).await;
        claims.push(worker.claim_run(run_id).await);
    }
    assert_eq!(describe(&worker.send("nod", "1").await), "kept for a", "the oldest run");
    assert!(is_open(&worker.ask(claims[2], "0", &["stop"]).await));
    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    assert!(is_open(&worker.ask(claims[1], "0", &["stop"]).await));
    assert_eq!(describe(&worker.send("stop", "2").await), "accepted by c", "it has waited longest");
    let to = |run_id: &str| {
        worker.send_signal(NewSignal { run_id: Some(run_id.into()), ..worker.signal("stop", "3") })
    };
    assert_eq!(describe(&to("b").await), "accepted by b");
    assert_eq!(describe(&to("missing").await), "no run");
    let elsewhere =
        NewSignal { channel: "room:2".into(), run_id: Some("b".into()), ..worker.signal("stop", "4") };
    assert_eq!(describe(&worker.send_signal(elsewhere).await), "no run");
    for claim in &claims {
        worker.end(*claim, ExecutionEnd::Failed("no".into())).await;
    }
    assert_eq!(describe(&worker.send("stop", "5").await), "the run has ended");
}

pub(in super::super) async fn keys(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    assert_eq!(describe(&worker.send_with_key("nod", "1", "key").await), "kept for run");
    assert_eq!(describe(&worker.send_with_key("nod", "1", "key").await), "kept for run");
    assert_eq!(describe(&worker.send_with_key("nod", "2", "key").await), "the key was reused");
    assert_eq!(answer(&worker.ask(claim, "0", &["nod"]).await), Some("1".into()));
    assert!(is_open(&worker.ask(claim, "1", &["nod"]).await));
    assert_eq!(describe(&worker.send_with_key("nod", "1", "key").await), "accepted by run");
    assert!(is_open(&worker.ask(claim, "1", &["nod"]).await), "a repeated signal answers nothing else");
    // A later run of the channel does not receive it either.
    worker.end(claim, ExecutionEnd::Completed("1".into())).await;
    worker.add("later").await;
    assert_eq!(describe(&worker.send_with_key("nod", "1", "key").await), "accepted by run");
    assert_eq!(describe(&worker.send_with_key("nod", "1", "another key").await), "kept for later");
}

/// A signal that was under way before the run asked for it again answers no later question.
pub(in super::super) async fn old_signal(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    let early = worker.signal("nod", "early");
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    assert!(is_open(&worker.ask(claim, "0", &["nod"]).await));
    worker.send("nod", "1").await;
    assert_eq!(answer(&worker.ask(claim, "0", &["nod"]).await), Some("1".into()));
    assert!(is_open(&worker.ask(claim, "1", &["nod"]).await));
    assert_eq!(describe(&worker.send_signal(early).await), "already taken: 1");
    assert_eq!(describe(&worker.send("nod", "2").await), "accepted by run");
}

pub(in super::super) async fn renamed(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    assert!(is_open(&worker.ask(claim, "0", &["nod"]).await));
    let stored_names = vec!["approve".into(), "nod".into()];
    let signal = NewSignal { stored_names, ..worker.signal("approve", "1") };
    assert_eq!(describe(&worker.send_signal(signal).await), "accepted by run");
}

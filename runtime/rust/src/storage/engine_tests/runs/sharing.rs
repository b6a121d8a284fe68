//! Promises about processes that act on the same runs at the same time.

use std::collections::BTreeSet;

use futures_util::future::{join, join_all};

use super::super::place::Place;
use super::{Worker, answer, describe, is_open, step};
use crate::storage::{ExecutionEnd, RecordOutcome, RetryEffect, RunState, SignalOutcome};

const ROUNDS: usize = 20;

/// Opens two processes, and a run that the first one has claimed.
async fn open(place: &Place) -> (Worker, Worker, crate::storage::Claim) {
    let (first, claim) = Worker::with_run(place).await;
    (first, Worker::open(place).await, claim)
}

pub(in super::super) async fn signals_at_once(place: Place) {
    let (first, second, claim) = open(&place).await;
    for round in 0..ROUNDS {
        let at = round.to_string();
        assert!(is_open(&first.ask(claim, &at, &["nod"]).await));
        let workers = [&first, &second, &first, &second];
        let sends = workers.iter().zip(1..).map(|(worker, number)| {
            let payload = format!("{round} {number}");
            async move { worker.send("nod", &payload).await }
        });
        let outcomes = join_all(sends).await;
        let accepted = outcomes.iter().filter(|outcome| matches!(outcome, SignalOutcome::Accepted { .. }));
        assert_eq!(accepted.count(), 1, "{:?}", outcomes.iter().map(describe).collect::<Vec<_>>());
        let winner = answer(&first.ask(claim, &at, &["nod"]).await).unwrap();
        let taken = outcomes.iter().filter(|outcome| describe(outcome) == format!("already taken: {winner}"));
        assert_eq!(taken.count(), 3, "{:?}", outcomes.iter().map(describe).collect::<Vec<_>>());
    }
}

pub(in super::super) async fn repeated_at_once(place: Place) {
    let (first, second, claim) = open(&place).await;
    for round in 0..ROUNDS {
        let (key, name) = (round.to_string(), format!("nod {round}"));
        let sends = [&first, &second, &first, &second].map(|worker| worker.send_with_key(&name, "1", &key));
        let outcomes: Vec<String> = join_all(sends).await.iter().map(describe).collect();
        assert_eq!(outcomes, ["kept for run"; 4]);
        assert_eq!(answer(&first.ask(claim, &key, &[&name]).await), Some("1".into()));
        assert!(
            is_open(&first.ask(claim, &format!("{}", 1000 + round), &[&name]).await),
            "it was stored twice"
        );
    }
}

/// A signal and a question that meet: the signal is kept or accepted, and answers the question either way.
pub(in super::super) async fn signal_meets_question(place: Place) {
    let (first, second, mut claim) = open(&place).await;
    for round in 0..ROUNDS {
        let (at, name) = (round.to_string(), format!("nod {round}"));
        let payload = format!("\"{round}\"");
        let names = [&*name];
        let (asked, sent) = join(
            async {
                let asked = first.ask(claim, &at, &names).await;
                first.wait(claim).await;
                asked
            },
            second.send(&name, &payload),
        )
        .await;
        assert!(["kept for run", "accepted by run"].contains(&&*describe(&sent)), "{}", describe(&sent));
        // If the question was answered at once, nothing wakes the run.
        first.journal.make_due(vec![claim.run]).await.unwrap();
        claim = first.claim_run("run").await;
        let state = if is_open(&asked) { first.ask(claim, &at, &names).await } else { asked };
        assert_eq!(answer(&state), Some(payload));
    }
}

pub(in super::super) async fn cancelled_while_recording(place: Place) {
    let (first, second) = (Worker::open(&place).await, Worker::open(&place).await);
    for round in 0..ROUNDS {
        let run_id = format!("run_{round}");
        first.add(&run_id).await;
        let claim = first.claim_run(&run_id).await;
        let event = second.message(&format!("{run_id} cancelled"));
        let record = async {
            let mut recorded = Vec::new();
            for position in 0..10 {
                let call = step(&position.to_string(), "1");
                let outcome = first.record(claim, call).await;
                recorded.extend(matches!(outcome, RecordOutcome::Committed(_)).then_some(position));
            }
            recorded
        };
        let (recorded, cancelled) =
            join(record, second.journal.cancel_run(run_id.clone(), Some(event))).await;
        assert!(cancelled.unwrap());
        assert!(recorded.iter().copied().eq(0..recorded.len()), "nothing is recorded after the cancellation");
        assert_eq!(first.calls(claim).await.len(), recorded.len());
        assert!(matches!(first.state(&run_id).await, Some(RunState::Cancelled)));
    }
    let texts = first.texts().await;
    assert_eq!(texts.iter().filter(|text| text.ends_with("cancelled")).count(), ROUNDS);
}

/// Several requests to change the same run: one takes effect.
pub(in super::super) async fn changed_at_once(place: Place) {
    let (first, second, mut claim) = open(&place).await;
    let workers = [&first, &second, &first, &second];
    for _ in 0..ROUNDS {
        first.end(claim, ExecutionEnd::Failed("no".into())).await;
        let retries = workers.map(|worker| {
            let event = worker.message("retried");
            worker.journal.retry_run("run".into(), event, Vec::new())
        });
        let effects: Vec<_> = join_all(retries).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(
            effects.iter().filter(|effect| **effect == RetryEffect::Retried).count(),
            1,
            "{effects:?}"
        );
        claim = first.claim_run("run").await;
    }
    let cancels =
        workers.map(|worker| worker.journal.cancel_run("run".into(), Some(worker.message("cancelled"))));
    let cancelled = join_all(cancels).await.into_iter().filter(|cancelled| *cancelled.as_ref().unwrap());
    assert_eq!(cancelled.count(), 1);
    let texts = first.texts().await;
    let count = |wanted: &str| texts.iter().filter(|text| *text == wanted).count();
    assert_eq!((count("retried"), count("cancelled")), (ROUNDS, 1));
}

/// Two processes execute their runs and publish to one channel.
pub(in super::super) async fn publishing_at_once(place: Place) {
    let workers = [Worker::open(&place).await, Worker::open(&place).await];
    let executing = workers.iter().zip(["a", "b"]).map(|(worker, run_id)| async move {
        worker.add(run_id).await;
        let claim = loop {
            if let Some(claimed) = worker.claim_until(worker.later(), 1).await.pop() {
                break claimed.claim;
            }
        };
        for number in 0..40 {
            let call = super::call(
                &number.to_string(),
                crate::storage::CallKind::Publish,
                crate::storage::Outcome::Value(String::new()),
            );
            let message = worker.message(&format!("{} {number}", claim.run.0));
            let recorded =
                worker.journal.record_call(claim, call, worker.start(), Some(message)).await.unwrap();
            assert!(matches!(recorded, RecordOutcome::Committed(Some(_))));
        }
        claim
    });
    let claims = join_all(executing).await;
    for worker in &workers {
        let texts = worker.texts().await;
        for claim in &claims {
            let prefix = format!("{} ", claim.run.0);
            let numbers = texts.iter().filter_map(|text| text.strip_prefix(&prefix));
            assert!(numbers.eq((0..40).map(|number: usize| number.to_string())), "{texts:?}");
        }
        assert_eq!(texts.iter().collect::<BTreeSet<_>>().len(), texts.len());
    }
}

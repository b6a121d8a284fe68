//! Promises about claims, fences and leases.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::future::join_all;

use super::super::place::Place;
use super::{HOUR, Worker, call, ids, is_open, site, step};
use crate::storage::{
    CallKind, DecideOutcome, Decision, ExecutionEnd, NewChunk, Outcome, QuestionState, RecordOutcome,
    RunState, RunStream,
};

pub(in super::super) async fn adding(place: Place) {
    let worker = Worker::open(&place).await;
    assert!(worker.add("run").await && !worker.add("run").await && worker.add("another").await);
    assert_eq!(worker.texts().await, ["run added", "another added"]);
    let found = worker.journal.find_run("run".into()).await.unwrap().unwrap();
    assert_eq!((&*found.job, &*found.channel, &*found.input), ("job", "room:1", "null"));
    assert!(matches!(found.state, RunState::Unfinished { .. }));
    assert!(worker.state("missing").await.is_none());
}

pub(in super::super) async fn adding_at_once(place: Place) {
    let workers = [Worker::open(&place).await, Worker::open(&place).await];
    for number in 0..20 {
        let run_id = format!("run_{number}");
        let added = join_all(workers.iter().map(|worker| worker.add(&run_id))).await;
        assert_eq!(added.iter().filter(|added| **added).count(), 1);
    }
    assert_eq!(workers[0].texts().await.len(), 20);
    assert_eq!(workers[1].texts().await.len(), 20);
}

pub(in super::super) async fn claiming(place: Place) {
    let worker = Worker::open(&place).await;
    for run_id in ["a", "b", "c"] {
        worker.add(run_id).await;
        // Runs that are added in the same millisecond may be claimed in any order.
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
    worker.add_job("other", "another job").await;
    let first = worker.claim_until(worker.later(), 2).await;
    assert_eq!(ids(&first), ["a", "b"], "the run that has been due longest is first");
    assert_eq!(ids(&worker.claim().await), ["c"]);
    assert_eq!(worker.claim().await.len(), 0);
    assert_eq!(worker.claim_until(worker.later(), 0).await.len(), 0);
    assert!(first.iter().all(|run| run.claim.fence == 1 && run.crashes == 0 && &*run.run.input == "null"));
    worker.end(first[0].claim, ExecutionEnd::Waiting { due: worker.now() }).await;
    let again = worker.claim().await;
    assert_eq!((ids(&again), again[0].claim.fence), (vec!["a"], 2));
    assert!(again[0].claim.follows(first[0].claim));
}

pub(in super::super) async fn many_jobs(place: Place) {
    let worker = Worker::open(&place).await;
    let jobs: Vec<String> = (0..40).map(|number| format!("job {number}")).collect();
    for job in &jobs {
        worker.add_job(&format!("run of {job}"), job).await;
    }
    worker.add_job("other", "another job").await;
    let mut claimed = worker.journal.claim_runs(jobs.clone(), worker.later(), 7).await.unwrap();
    assert_eq!(claimed.len(), 7);
    claimed.extend(worker.journal.claim_runs(jobs.clone(), worker.later(), 100).await.unwrap());
    let runs: BTreeSet<&str> = ids(&claimed).into_iter().collect();
    assert_eq!((claimed.len(), runs.len()), (40, 40));
    let claims: Vec<_> = claimed.iter().map(|run| run.claim).collect();
    assert_eq!(worker.journal.find_valid_claims(claims.clone()).await.unwrap(), claims);
    for run in &claimed {
        worker.end(run.claim, ExecutionEnd::Halted("another version".into())).await;
    }
    assert!(worker.journal.claim_runs(jobs.clone(), worker.later(), 100).await.unwrap().is_empty());
    worker.journal.recover_runs(jobs.clone()).await.unwrap();
    let due = worker.journal.claim_runs(jobs, worker.later(), 100).await.unwrap();
    assert_eq!(due.len(), 40);
}

pub(in super::super) async fn claiming_at_once(place: Place) {
    let workers = [Worker::open(&place).await, Worker::open(&place).await, Worker::open(&place).await];
    for number in 0..60 {
        workers[0].add(&format!("run_{number}")).await;
    }
    let workers: Vec<Arc<Worker>> = workers.into_iter().map(Arc::new).collect();
    let claiming = workers.iter().map(|worker| {
        let worker = Arc::clone(worker);
        tokio::spawn(async move {
            let mut claimed = Vec::new();
            for _ in 0..40 {
                claimed.extend(worker.claim_until(worker.later(), 3).await);
            }
            claimed
        })
    });
    let claimed = join_all(claiming.collect::<Vec<_>>()).await;
    let claimed: Vec<_> = claimed.into_iter().flat_map(Result::unwrap).collect();
    let runs: BTreeSet<&str> = ids(&claimed).into_iter().collect();
    assert_eq!((claimed.len(), runs.len()), (60, 60), "each run is claimed once");
    assert!(claimed.iter().all(|run| run.claim.fence == 1 && run.crashes == 0));
}

pub(in super::super) async fn expired_lease(place: Place) {
    let (first, second) = (Worker::open(&place).await, Worker::open(&place).await);
    first.add("run").await;
    let lease = SystemTime::UNIX_EPOCH;
    let claimed = first.claim_until(lease, 1).await;
    let again = second.claim().await;
    assert_eq!((ids(&again), again[0].claim.fence, again[0].crashes), (vec!["run"], 2, 1));
    assert!(first.claim().await.is_empty(), "the other process has a lease");
    let valid = first.journal.find_valid_claims(vec![claimed[0].claim, again[0].claim]).await.unwrap();
    assert_eq!(valid, [again[0].claim]);
}

pub(in super::super) async fn extended_lease(place: Place) {
    let (first, second) = (Worker::open(&place).await, Worker::open(&place).await);
    for run_id in ["a", "b"] {
        first.add(run_id).await;
    }
    let ended = SystemTime::UNIX_EPOCH;
    let claims: Vec<_> = first.claim_until(ended, 2).await.into_iter().map(|run| run.claim).collect();
    let extended = first.journal.extend_leases(claims[..1].to_vec(), first.later()).await.unwrap();
    assert_eq!(extended, claims[..1]);
    let taken = second.claim().await;
    assert_eq!(taken.iter().map(|run| run.claim.run).collect::<Vec<_>>(), [claims[1].run]);
    let extended = first.journal.extend_leases(claims.clone(), first.later()).await.unwrap();
    assert_eq!(extended, claims[..1], "another process holds the other run");
    first.end(claims[0], ExecutionEnd::Completed("1".into())).await;
    assert!(first.journal.extend_leases(claims, first.later()).await.unwrap().is_empty());
}

/// Attempts every write under a claim that another process has taken over.
pub(in super::super) async fn outdated_fence(place: Place) {
    let (first, second) = (Worker::open(&place).await, Worker::open(&place).await);
    first.add("run").await;
    let old = first.claim_until(SystemTime::UNIX_EPOCH, 1).await[0].claim;
    let new = second.claim_run("run").await;
    assert!(is_open(&second.ask(new, "5", &["nod"]).await));
    let stream = |id: &str| RunStream {
        site: site("6"),
        stream_id: id.into(),
        channel: "room:1".into(),
        topic: "said".into(),
    };
    let begun = || call("6", CallKind::Stream, Outcome::Begun { failures: 0, due: 0 });
    let message = second.message("begins");
    second.journal.begin_stream(new, begun(), second.start(), stream("s"), message).await.unwrap();
    let (calls, texts) = (second.calls(new).await, second.texts().await);

    let is_lost = |outcome: RecordOutcome| matches!(outcome, RecordOutcome::ClaimLost);
    let (journal, start) = (&first.journal, first.start());
    let lost = || first.message("lost");
    assert!(is_lost(first.record(old, step("0", "1")).await));
    let failed = call("1", CallKind::Step, Outcome::Error("no".into()));
    assert!(is_lost(first.record(old, failed).await));
    let publish = call("2", CallKind::Publish, Outcome::Value(String::new()));
    assert!(is_lost(journal.record_call(old, publish, start.clone(), Some(lost())).await.unwrap()));
    let outcome = journal.begin_stream(old, begun(), start.clone(), stream("t"), lost());
    assert!(is_lost(outcome.await.unwrap()));
    let chunk = NewChunk { site: site("6"), number: 1, text: "x".into() };
    assert!(is_lost(journal.write_chunk(old, chunk, lost()).await.unwrap()));
    assert!(matches!(first.ask(old, "7", &["nod"]).await, QuestionState::ClaimLost));
    let fork = call("8", CallKind::Race, Outcome::Value("0".into()));
    let decision = Decision { fork, start, winner: 0, preferred: Vec::new(), pending: Vec::new() };
    let decided = journal.decide_fork(old, decision, first.event()).await.unwrap();
    assert!(matches!(decided, DecideOutcome::ClaimLost));
    let end = ExecutionEnd::Completed("1".into());
    assert!(is_lost(journal.end_execution(old, end, Some(lost())).await.unwrap()));

    assert_eq!(second.calls(new).await, calls);
    assert_eq!(second.texts().await, texts);
    let open = second.journal.load_stream(new.run, site("6")).await.unwrap().unwrap();
    assert_eq!((open.stream_id.as_str(), open.chunks.len()), ("s", 0));
    second.end(new, ExecutionEnd::Completed("1".into())).await;
}

pub(in super::super) async fn releasing(place: Place) {
    let (first, second) = (Worker::open(&place).await, Worker::open(&place).await);
    first.add("a").await;
    first.add("b").await;
    let claimed = first.claim_until(first.later(), 1).await;
    let kept = second.claim().await;
    first.journal.release_runs().await.unwrap();
    let again = second.claim().await;
    assert_eq!((ids(&again), again[0].crashes), (ids(&claimed), 0), "releasing does not count as a crash");
    assert!(first.claim().await.is_empty());
    let kept = kept[0].claim;
    assert_eq!(first.journal.find_valid_claims(vec![kept]).await.unwrap(), [kept]);
}

pub(in super::super) async fn crashes(place: Place) {
    let workers = [Worker::open(&place).await, Worker::open(&place).await];
    let ended = SystemTime::UNIX_EPOCH;
    for run_id in ["a", "b", "c"] {
        workers[0].add(run_id).await;
    }
    // Each claim takes the runs over from the other process, as if that had crashed.
    for crashes in 0..3 {
        let claimed = workers[crashes % 2].claim_until(ended, 10).await;
        assert!(claimed.iter().all(|run| run.crashes as usize == crashes));
        assert_eq!(claimed.len(), 3);
    }
    let [suspect] = &workers[1].claim_until(workers[1].later(), 10).await[..] else {
        panic!("runs that crashed twice are executed one at a time");
    };
    assert_eq!(suspect.crashes, 3);
    assert!(workers[1].claim().await.is_empty(), "the others wait for it");
    workers[1].record(suspect.claim, step("0", "1")).await;
    // Runs that are due in the same millisecond may be claimed in any order.
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    workers[1].end(suspect.claim, ExecutionEnd::Waiting { due: workers[1].now() }).await;
    // The others have been due longer.
    for _ in 0..2 {
        let [other] = &workers[0].claim().await[..] else { panic!("one at a time") };
        assert!(other.claim.run != suspect.claim.run && other.crashes == 2);
        workers[0].end(other.claim, ExecutionEnd::Completed("1".into())).await;
    }
    let [again] = &workers[0].claim().await[..] else { panic!("it is due") };
    assert_eq!((again.claim.run, again.crashes), (suspect.claim.run, 0), "it has recorded something");
}

pub(in super::super) async fn due_times(place: Place) {
    let (worker, claim) = Worker::with_run(&place).await;
    worker.end(claim, ExecutionEnd::Retry { at: worker.later(), failures: 3 }).await;
    assert!(worker.claim().await.is_empty());
    worker.journal.make_due(vec![claim.run]).await.unwrap();
    let again = worker.claim().await;
    assert_eq!((ids(&again), again[0].failures, again[0].retries), (vec!["run"], 3, 0));
    // A process holds the run, so it stays as it is.
    worker.journal.make_due(vec![claim.run]).await.unwrap();
    assert!(worker.claim().await.is_empty());
    worker.end(again[0].claim, ExecutionEnd::Waiting { due: worker.later() }).await;
    assert!(worker.claim().await.is_empty());
    worker.journal.make_due(vec![claim.run]).await.unwrap();
    let again = worker.claim().await;
    worker.end(again[0].claim, ExecutionEnd::Waiting { due: worker.now() + HOUR / 3600 }).await;
    tokio::time::sleep(HOUR / 3000).await;
    let again = worker.claim().await;
    assert_eq!((ids(&again), again[0].failures), (vec!["run"], 0));
}

pub(in super::super) async fn counting(place: Place) {
    let worker = Worker::open(&place).await;
    let before = worker.now();
    for run_id in ["executing", "waiting", "halted", "completed"] {
        worker.add(run_id).await;
        let claim = worker.claim_run(run_id).await;
        match run_id {
            "waiting" => worker.wait(claim).await,
            "halted" => worker.end(claim, ExecutionEnd::Halted("changed".into())).await,
            "completed" => worker.end(claim, ExecutionEnd::Completed("1".into())).await,
            _ => {}
        }
    }
    for run_id in ["due", "due too"] {
        worker.add(run_id).await;
    }
    let counts = worker.journal.count_runs().await.unwrap();
    assert_eq!((counts.executing, counts.due, counts.waiting, counts.halted), (1, 2, 1, 1));
    let oldest = counts.oldest_due.unwrap();
    assert!(oldest + HOUR / 36_000 >= before && oldest <= worker.now());
}

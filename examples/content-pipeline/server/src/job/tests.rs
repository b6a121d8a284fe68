use super::{PATIENCE, Task, summarise};
use channels::REGISTRY;
use channels::pipeline::{Approve, ApproveVerdict, Pipeline, RunResult};
use fanfare::testing::{TestHub, TestRun, TestRuns};
use fanfare::{RunStatus, Runs};
use std::time::Duration;

const TEXT: &str = "# Trains\n\nTrains carry freight across mountains. Cheese tastes best with fresh bread.";

/// Starts a run, after the test has planned its failures.
async fn start(hub: &TestHub, plan: impl FnOnce(&TestRuns)) -> TestRun<Pipeline> {
    let mut builder = Runs::builder(hub);
    let summaries = builder.register("summarise", summarise);
    let runs = TestRuns::build(builder).await.unwrap();
    plan(&runs);
    let task = Task { text: TEXT.into(), pause: Duration::from_millis(30) };
    runs.start(&summaries, "run_1", &Pipeline::new("run_1").unwrap(), &task).await.unwrap()
}

#[tokio::test]
async fn an_edited_draft_is_published() {
    let hub = TestHub::new(&REGISTRY);
    let run = start(&hub, |_| {}).await;
    assert_eq!(run.waits_for().await, ["approve"]);
    let edited = Approve { text: Some("Trains and cheese.".into()), ..Approve::new(ApproveVerdict::Edit) };
    run.answer(run.channel().approve(), &edited).sender("Ada").await.unwrap();
    assert_eq!(run.result().await, RunResult::new(Some("Trains".into()), "Trains and cheese."));

    let published = hub.published(run.channel().status());
    let progress: Vec<u8> = published.iter().map(|status| status.progress).collect();
    assert_eq!(progress, [0, 10, 30, 40, 80, 90, 100]);
    assert_eq!(published[5].message, "Ada edited the draft");
}

#[tokio::test]
async fn a_run_fails_if_nobody_gives_a_verdict_within_a_day() {
    let hub = TestHub::new(&REGISTRY);
    let run = start(&hub, |_| {}).await;
    run.waits_for().await;
    hub.clock().advance(PATIENCE).await;
    assert_eq!(run.ended().await, RunStatus::Failed("Nobody gave a verdict within a day".into()));
    assert_eq!(hub.published(run.channel().summary()), []);
}

#[tokio::test]
async fn a_crash_of_the_server_repeats_no_message() {
    let hub = TestHub::new(&REGISTRY);
    let run = start(&hub, |runs| {
        runs.crash_before_step("draft");
        runs.crash_after_step("end");
    })
    .await;
    run.answer(run.channel().approve(), &Approve::new(ApproveVerdict::Approve)).await.unwrap();
    let RunResult { summary, .. } = run.result().await;
    assert!(summary.starts_with("Trains carry freight"), "{summary}");
    assert_eq!(hub.published(run.channel().status()).len(), 7);
    assert_eq!(hub.published(run.channel().summary()).len(), 1);
}

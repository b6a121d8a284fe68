//! The kit for tests of applications.

use std::time::Duration;

use fanfare::testing::{TestClock, TestHub, TestRuns};
use fanfare::{Hub, ReceiveError, Run, RunError, RunStatus, Runs, Sqlite, StepOptions, TextPart};

use crate::support::definition::{Outcome, REGISTRY, Room, draft, room, said};
use crate::support::file::File;
use crate::support::runs::{Count, completed, done};
use crate::support::server::KEY;

const DAY: Duration = Duration::from_secs(86_400);
const SECOND: Duration = Duration::from_secs(1);

/// Builds runs with the job of a test.
async fn runs<F, R>(hub: &Hub, job: F) -> (TestRuns, fanfare::Job<Room, ()>)
where
    F: Fn(Run<Room>, ()) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Outcome, RunError>> + Send + 'static,
{
    let mut builder = Runs::builder(hub);
    let job = builder.register("job", job);
    (TestRuns::build(builder).await.unwrap(), job)
}

#[tokio::test]
async fn days_pass_at_once_and_each_thing_happens_at_its_time() {
    let hub = TestHub::new(&REGISTRY);
    let channel = Room(room("1"));
    let (runs, job) = runs(&hub, |run: Run<Room>, ()| async move {
        for _ in 0..3 {
            run.sleep("a day", DAY).await?;
            run.publish("tell", run.channel().said(), "a day").await?;
        }
        Ok(done("rested"))
    })
    .await;
    let start = hub.clock().now();
    let run = runs.start(&job, "run_1", &channel, &()).await.unwrap();
    hub.clock().advance(DAY.saturating_sub(SECOND)).await;
    assert_eq!(hub.published(channel.said()), [""; 0]);
    hub.clock().advance(2 * SECOND).await;
    assert_eq!(hub.published(channel.said()), ["a day"]);
    let mut said = hub.subscribe(channel.said()).await.unwrap();
    for day in 2..=3 {
        let at = said.recv().await.unwrap().published_at.duration_since(start).unwrap();
        assert!(at.abs_diff(day * DAY) < SECOND, "{day}: {at:?}");
    }
    assert_eq!(run.ended().await, completed("rested"));
    let passed = hub.clock().now().duration_since(start).unwrap();
    assert!(passed.abs_diff(3 * DAY) < 2 * SECOND, "{passed:?}");
}

#[test]
fn a_run_sleeps_for_any_time_before_and_after_an_answer() {
    const LENGTHS: u32 = 12;
    let (sender, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for seconds in 1..=LENGTHS {
            runtime.block_on(async move {
                let hub = TestHub::new(&REGISTRY);
                let channel = Room(room("1"));
                let (runs, job) = runs(&hub, move |run: Run<Room>, ()| async move {
                    for _ in 0..9 {
                        run.sleep("short", SECOND * seconds).await?;
                    }
                    run.wait_for(run.channel().approve(), DAY).await?;
                    run.sleep("short", SECOND * seconds).await?;
                    run.sleep("long", SECOND * seconds * 40).await?;
                    Ok(done("rested"))
                })
                .await;
                let run = runs.start(&job, "run_1", &channel, &()).await.unwrap();
                run.waits_for().await;
                run.answer(channel.approve(), &true).await.unwrap();
                assert_eq!(run.ended().await, completed("rested"));
            });
            sender.send(seconds).unwrap();
        }
    });
    for seconds in 1..=LENGTHS {
        let reached = ended.recv_timeout(Duration::from_secs(20));
        assert_eq!(reached, Ok(seconds), "the clock stands still");
    }
}

#[tokio::test]
async fn two_executions_of_a_test_have_the_same_times_and_ids() {
    let mut executions = Vec::new();
    for _ in 0..2 {
        let hub = TestHub::new(&REGISTRY);
        let channel = room("1");
        let mut parts = hub.subscribe(draft(&channel)).await.unwrap();
        hub.clock().advance(SECOND).await;
        hub.stream(draft(&channel)).await.unwrap().end().await.unwrap();
        let start = parts.recv().await.unwrap();
        assert!(matches!(start.data, TextPart::Start { .. }));
        executions.push((start, hub.publish(said(&channel), "x").await.unwrap()));
    }
    assert_eq!(executions[0], executions[1]);
}

#[tokio::test]
async fn planned_attempts_are_used_in_order_and_the_work_is_not_done() {
    let hub = TestHub::new(&REGISTRY);
    let channel = Room(room("1"));
    let count = Count::default();
    let counted = count.clone();
    let (runs, job) = runs(&hub, move |run: Run<Room>, ()| {
        let count = counted.clone();
        async move {
            let text: String =
                run.step("fetch", async || Ok::<_, RunError>(format!("real {}", count.up()))).await?;
            let once = StepOptions::new().max_retries(0);
            let sent: Result<(), RunError> =
                run.step_with("send", once, async || Ok::<_, RunError>(())).await;
            Ok(done(format!("{text}, {sent:?}")))
        }
    })
    .await;
    runs.fail_step("fetch", RunError::retry("unreachable"));
    runs.fail_step("fetch", RunError::retry_after("busy", DAY));
    runs.return_from_step("fetch", "planned");
    runs.fail_step("send", RunError::retry("refused"));
    runs.fail_step("of another job", RunError::retry("never"));
    let start = hub.clock().now();
    let run = runs.start(&job, "run_1", &channel, &()).await.unwrap();
    let RunStatus::Completed(result) = run.ended().await else { panic!("it failed") };
    assert!(result.contains("planned") && result.contains("refused"), "{result}");
    assert!(hub.clock().now().duration_since(start).unwrap() > DAY, "the delay before an attempt passes");
    assert_eq!(count.get(), 0);
    assert_eq!(runs.unused_plans(), ["of another job"]);
    assert_eq!(run.step_value::<String>("fetch").await, "planned");
    assert_eq!(run.completed_calls().await, [r#"step "fetch""#, r#"step "send""#]);
}

#[tokio::test]
async fn a_crash_repeats_only_what_was_not_recorded() {
    for crash_after in [false, true] {
        let hub = TestHub::new(&REGISTRY);
        let channel = Room(room("1"));
        let (first, second, whole) = (Count::default(), Count::default(), Count::default());
        let counts = (first.clone(), second.clone(), whole.clone());
        let (runs, job) = runs(&hub, move |run: Run<Room>, ()| {
            let (first, second, whole) = counts.clone();
            async move {
                whole.up();
                run.step("first", async || Ok::<_, RunError>(first.up())).await?;
                run.publish("tell", run.channel().said(), "once").await?;
                let second: u32 = run.step("second", async || Ok::<_, RunError>(second.up())).await?;
                Ok(done(format!("{second}")))
            }
        })
        .await;
        if crash_after {
            runs.crash_after_step("second");
        } else {
            runs.crash_before_step("second");
        }
        let start = hub.clock().now();
        let run = runs.start(&job, "run_1", &channel, &()).await.unwrap();
        let repeated = if crash_after { 2 } else { 1 };
        assert_eq!(run.ended().await, completed(&repeated.to_string()));
        assert_eq!((first.get(), second.get(), whole.get()), (1, repeated, 2));
        assert_eq!(hub.published(channel.said()), ["once"]);
        let passed = hub.clock().now().duration_since(start).unwrap();
        assert!((15..17).contains(&passed.as_secs()), "until the lease expired: {passed:?}");
    }
}

#[tokio::test]
async fn a_run_is_driven_step_by_step() {
    let hub = TestHub::new(&REGISTRY);
    let channel = Room(room("1"));
    let (runs, job) = runs(&hub, |run: Run<Room>, ()| async move {
        run.step("fetch", async || Ok::<_, RunError>(())).await?;
        run.sleep("a day", DAY).await?;
        run.step("store", async || Ok::<_, RunError>(())).await?;
        let answer = run.wait_for(run.channel().approve(), DAY).await?;
        run.step("send", async || Ok::<_, RunError>(())).await?;
        Ok(done(format!("{:?}", answer.map(|answer| (answer.payload, answer.sender)))))
    })
    .await;
    let run = runs.start_paused(&job, "run_1", &channel, &()).await.unwrap();
    assert_eq!(run.next_step().await.as_deref(), Some("fetch"));
    assert_eq!(run.completed_calls().await, [""; 0]);
    runs.fail_step("fetch", RunError::retry("unreachable"));
    assert_eq!(run.next_step().await.as_deref(), Some("fetch"), "another attempt");
    runs.crash_before_step("fetch");
    assert_eq!(run.next_step().await.as_deref(), Some("fetch"), "in another execution");
    assert_eq!(run.next_step().await.as_deref(), Some("store"));
    assert_eq!(run.completed_calls().await, [r#"step "fetch""#, r#"sleep "a day""#]);
    assert_eq!(run.next_step().await, None);
    assert_eq!(run.waits_for().await, ["approve"]);
    run.answer(channel.approve(), &true).sender("Ada").await.unwrap();
    assert_eq!(run.next_step().await.as_deref(), Some("send"));
    run.resume();
    assert_eq!(run.ended().await, completed(r#"Some((true, Some("Ada")))"#));
    assert_eq!(run.next_step().await, None);
}

#[tokio::test]
async fn a_wait_times_out_when_its_time_comes_and_not_before() {
    let hub = TestHub::new(&REGISTRY);
    let channel = Room(room("1"));
    let (runs, job) = runs(&hub, |run: Run<Room>, ()| async move {
        let answer = run.wait_for(run.channel().approve(), DAY).await?;
        Ok(done(if answer.is_some() { "answered" } else { "nobody" }))
    })
    .await;
    let run = runs.start(&job, "run_1", &channel, &()).await.unwrap();
    run.waits_for().await;
    hub.clock().advance(DAY.saturating_sub(SECOND)).await;
    assert_eq!(run.waits_for().await, ["approve"]);
    hub.clock().advance(2 * SECOND).await;
    assert_eq!(run.ended().await, completed("nobody"));
    // A signal that comes first is kept.
    let run = runs.start(&job, "run_2", &channel, &()).await.unwrap();
    run.answer(channel.approve(), &true).await.unwrap();
    assert_eq!(run.ended().await, completed("answered"));
}

#[tokio::test]
#[should_panic(expected = "waits for [\"approve\"]: answer it with `TestRun::answer`")]
async fn waiting_for_the_end_of_a_run_that_waits_names_the_signal() {
    let hub = TestHub::new(&REGISTRY);
    let (runs, job) = runs(&hub, |run: Run<Room>, ()| async move {
        run.wait_for(run.channel().approve(), DAY).await?;
        Ok(done("never"))
    })
    .await;
    runs.start(&job, "run_1", &Room(room("1")), &()).await.unwrap().ended().await;
}

#[tokio::test]
#[should_panic(expected = "paused at step \"fetch\": continue it with `TestRun::next_step`")]
async fn waiting_for_the_end_of_a_run_that_is_paused_names_the_step() {
    let hub = TestHub::new(&REGISTRY);
    let (runs, job) = runs(&hub, |run: Run<Room>, ()| async move {
        run.step("fetch", async || Ok::<_, RunError>(())).await?;
        Ok(done("never"))
    })
    .await;
    runs.start_paused(&job, "run_1", &Room(room("1")), &()).await.unwrap().ended().await;
}

#[tokio::test]
#[should_panic(expected = "has a `TestClock` already")]
async fn a_thread_has_one_clock() {
    let _first = TestClock::start();
    let _second = TestClock::start();
}

#[tokio::test(start_paused = true)]
async fn a_run_continues_on_another_hub_with_the_same_file() {
    let file = File::new();
    let clock = TestClock::start();
    let open = || {
        let storage = Sqlite::open(file.path()).unwrap();
        Hub::builder(&REGISTRY).signing_key(KEY).storage(storage).build().unwrap()
    };
    let channel = Room(room("1"));
    let job = |run: Run<Room>, ()| async move {
        run.publish("tell", run.channel().said(), "once").await?;
        run.sleep("a day", DAY).await?;
        Ok(done("rested"))
    };
    let hub = open();
    let (first, registered) = runs(&hub, job).await;
    first.start(&registered, "run_1", &channel, &()).await.unwrap();
    clock.advance(SECOND).await;
    let mut subscription = hub.subscribe(channel.said()).await.unwrap();
    hub.shutdown().await;
    assert_eq!(subscription.recv().await, Err(ReceiveError::Closed));
    drop((hub, first));
    let hub = TestHub::with_hub(clock, open());
    let (second, _) = runs(&hub, job).await;
    let run = second.run("run_1", &channel).await.unwrap();
    assert_eq!(run.ended().await, completed("rested"));
    assert_eq!(hub.published(channel.said()), ["once"]);
}

#[tokio::test]
async fn reading_what_was_published_returns_all_of_it() {
    let hub = TestHub::new(&REGISTRY);
    let channel = room("1");
    let expected: Vec<String> = (0..3_000).map(|number| number.to_string()).collect();
    for text in &expected {
        hub.publish(said(&channel), text).await.unwrap();
    }
    assert_eq!(hub.published(said(&channel)), expected);
}

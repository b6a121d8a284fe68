//! Size limits of runs.

use std::time::Duration;

use fanfare::{Run, RunError, RunStatus, RunStreamWriter, RunsBuilder, RunsError, StepOptions};

use crate::support::definition::{Room, room};
use crate::support::runs::{Count, MINUTE, completed, done, ended, in_memory, runs_with, waits};

fn failure(status: RunStatus) -> String {
    match status {
        RunStatus::Failed(why) => why,
        other => panic!("{other:?}"),
    }
}

fn small(builder: RunsBuilder) -> RunsBuilder {
    builder
        .max_input_bytes(100)
        .max_step_value_bytes(1000)
        .max_result_bytes(500)
        .max_error_bytes(200)
        .max_journal_bytes(10_000)
}

#[tokio::test]
async fn an_input_that_is_too_large_is_rejected() {
    let server = in_memory().await;
    let (runs, job) = runs_with(&server, small, |_: Run<Room>, _: String| async { Ok(done("fine")) }).await;
    let room = Room(room("1"));
    let refused = runs.start(&job, "run_1", &room, &"x".repeat(99)).await;
    assert_eq!(refused, Err(RunsError::InputTooLarge { bytes: 101, max: 100 }));
    assert!(refused.unwrap_err().to_string().contains("`max_input_bytes` (100)"));
    assert_eq!(runs.status("run_1").await, Ok(None));
    runs.start(&job, "run_1", &room, &"x".repeat(98)).await.unwrap();
    assert_eq!(ended(&runs, "run_1").await, completed("fine"));
}

#[tokio::test]
async fn a_step_with_a_value_that_is_too_large_fails_and_is_not_retried() {
    let server = in_memory().await;
    let tries = Count::default();
    let count = tries.clone();
    let job = move |run: Run<Room>, bytes: usize| {
        let count = count.clone();
        async move {
            let work = async || {
                count.up();
                Ok::<_, RunError>("x".repeat(bytes))
            };
            run.step("load", work).await?;
            Ok(done("fine"))
        }
    };
    let (runs, job) = runs_with(&server, small, job).await;
    runs.start(&job, "run_1", &Room(room("1")), &999).await.unwrap();
    let why = failure(ended(&runs, "run_1").await);
    assert!(
        why.starts_with("step \"load\" has a value of 1001 bytes, which exceeds `max_step_value_bytes`"),
        "{why}"
    );
    assert_eq!(tries.get(), 1);
    runs.start(&job, "run_2", &Room(room("1")), &998).await.unwrap();
    assert_eq!(ended(&runs, "run_2").await, completed("fine"));
}

#[tokio::test]
async fn a_result_that_is_too_large_fails_the_run() {
    let server = in_memory().await;
    let job = |_: Run<Room>, bytes: usize| async move { Ok(done("x".repeat(bytes))) };
    let (runs, job) = runs_with(&server, small, job).await;
    runs.start(&job, "run_1", &Room(room("1")), &500).await.unwrap();
    let why = failure(ended(&runs, "run_1").await);
    assert!(why.starts_with("the result has 514 bytes, which exceeds `max_result_bytes`"), "{why}");
}

#[tokio::test]
async fn errors_that_are_too_long_are_truncated() {
    let server = in_memory().await;
    let job = |run: Run<Room>, whence: String| async move {
        let long = "é".repeat(1000);
        match whence.as_str() {
            "job" => Err(RunError::fail(long)),
            "panic" => panic!("{long}"),
            "branch" => run
                .join(async |_| Err::<(), _>(RunError::fail(long.clone())), async |_| Ok(()))
                .await
                .map(|_| done("")),
            _ => {
                let step = async || Err::<(), _>(RunError::retry(long.clone()));
                run.step_with("step", StepOptions::new().max_retries(1), step).await?;
                Ok(done("never"))
            }
        }
    };
    let (runs, job) = runs_with(&server, |builder| small(builder).max_retries(0), job).await;
    for whence in ["job", "panic", "branch", "step"] {
        runs.start(&job, whence, &Room(room("1")), &whence.to_owned()).await.unwrap();
        let why = failure(ended(&runs, whence).await);
        let bytes = if whence == "panic" { 2010 } else { 2000 };
        assert!(why.ends_with(&format!("… ({bytes} bytes in all)")) && why.len() < 240, "{whence}: {why}");
    }
}

#[tokio::test]
async fn a_run_that_records_too_much_fails_even_across_a_restart() {
    let server = in_memory().await;
    let job = |run: Run<Room>, wait: bool| async move {
        for number in 0..20 {
            run.step(&format!("step {number}"), async || Ok::<_, RunError>("x".repeat(900))).await?;
            if wait && number == 7 {
                run.wait_for(run.channel().nod(), MINUTE).await?;
            }
        }
        Ok(done("fine"))
    };
    // Waiting runs are executed from their beginning once they continue.
    let (runs, job) = runs_with(&server, |builder| small(builder).max_waiting_runs_in_memory(0), job).await;
    runs.start(&job, "run_1", &Room(room("1")), &false).await.unwrap();
    let why = failure(ended(&runs, "run_1").await);
    assert_eq!(why, "the run recorded more than `max_journal_bytes` (10000)");

    runs.start(&job, "run_2", &Room(room("2")), &true).await.unwrap();
    waits(&runs, "run_2").await;
    server.hub.signal(Room(room("2")).nod(), "continue").await.unwrap();
    let why = failure(ended(&runs, "run_2").await);
    assert_eq!(why, "the run recorded more than `max_journal_bytes` (10000)");
}

#[tokio::test]
async fn a_text_stream_counts_once_and_failed_attempts_do_not_count() {
    let server = in_memory().await;
    let tries = Count::default();
    let count = tries.clone();
    let job = move |run: Run<Room>, (): ()| {
        let count = count.clone();
        async move {
            let options = StepOptions::new().max_retries(200);
            let work = async || if count.up() < 150 { Err(RunError::retry("not yet")) } else { Ok(()) };
            run.step_with("late", options.backoff(Duration::ZERO, Duration::ZERO), work).await?;
            for number in 0..8 {
                let write = async |stream: RunStreamWriter| stream.write(&"x".repeat(900)).await;
                run.stream(&format!("draft {number}"), run.channel().draft(), write).await?;
            }
            Ok(done("fine"))
        }
    };
    let (runs, job) = runs_with(&server, small, job).await;
    runs.start(&job, "run_1", &Room(room("1")), &()).await.unwrap();
    assert_eq!(ended(&runs, "run_1").await, completed("fine"));
}

#[tokio::test]
async fn a_text_stream_that_is_too_long_fails_and_keeps_its_text() {
    let server = in_memory().await;
    let job = |run: Run<Room>, (): ()| async move {
        let written = run
            .stream("draft", run.channel().draft(), async |stream| {
                stream.write(&"x".repeat(600)).await?;
                stream.write(&"y".repeat(600)).await
            })
            .await;
        Ok(done(written.unwrap_err().to_string()))
    };
    let (runs, job) = runs_with(&server, small, job).await;
    runs.start(&job, "run_1", &Room(room("1")), &()).await.unwrap();
    let status = ended(&runs, "run_1").await;
    let RunStatus::Completed(result) = status else { panic!("{status:?}") };
    assert!(result.contains("the text stream has a value of 1200 bytes"), "{result}");
}

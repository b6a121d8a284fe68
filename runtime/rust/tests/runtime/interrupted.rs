//! `Run::interrupted`: it completes only if the execution ends before the job does.

use std::time::Duration;

use fanfare::Run;

use crate::support::definition::{Room, room};
use crate::support::runs::{Count, MINUTE, completed, done, ended, in_memory, runs, waits};

/// Counts in a spawned task when `run.interrupted()` completes.
fn count_interrupted(run: &Run<Room>, count: &Count) {
    let (interrupted, count) = (run.interrupted(), count.clone());
    tokio::spawn(async move {
        interrupted.await;
        count.up();
    });
}

#[tokio::test]
async fn interrupted_does_not_complete_when_the_job_or_a_branch_returns() {
    let notified = Count::default();
    let count = notified.clone();
    let server = in_memory().await;
    let (runs, job) = runs(&server, move |run: Run<Room>, (): ()| {
        let count = count.clone();
        async move {
            count_interrupted(&run, &count);
            run.join(
                async |run| {
                    count_interrupted(&run, &count);
                    Ok(())
                },
                async |run| run.sleep("a moment", Duration::from_millis(20)).await,
            )
            .await?;
            Ok(done("done"))
        }
    })
    .await;
    runs.start(&job, "run_1", &Room(room("1")), &()).await.unwrap();
    assert_eq!(ended(&runs, "run_1").await, completed("done"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(notified.get(), 0);
}

#[tokio::test]
async fn a_branch_that_returned_is_notified_when_the_run_is_cancelled() {
    let server = in_memory().await;
    let channel = Room(room("1"));
    let notified = Count::default();
    let count = notified.clone();
    let (runs, job) = runs(&server, move |run: Run<Room>, (): ()| {
        let count = count.clone();
        async move {
            run.join(
                async |run| {
                    count_interrupted(&run, &count);
                    Ok(())
                },
                async |_| Ok(()),
            )
            .await?;
            run.wait_for(run.channel().nod(), MINUTE).await?;
            Ok(done("done"))
        }
    })
    .await;
    runs.start(&job, "run_1", &channel, &()).await.unwrap();
    waits(&runs, "run_1").await;
    assert_eq!(notified.get(), 0);
    runs.cancel("run_1").await.unwrap();
    for _ in 0..200 {
        if notified.get() == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the task was not notified");
}

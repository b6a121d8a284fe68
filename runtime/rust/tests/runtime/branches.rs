//! Concurrent calls of a run: their outcome is recorded, and races that cannot be recorded are rejected.

use std::future::pending;
use std::time::Duration;

use fanfare::{ReplayError, ReplayOutcome, Run, RunError, RunRecording, RunStatus, Runs};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::support::definition::{Outcome, Room, room};
use crate::support::file::File;
use crate::support::runs::{Count, MINUTE, completed, done, ended, in_memory, runs, runs_with, waits};

const LONG: Duration = Duration::from_secs(3600);

fn milliseconds(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A step that takes some time.
async fn step(run: &Run<Room>, id: &str, time: u64) -> Result<String, RunError> {
    run.step(id, async || {
        tokio::time::sleep(milliseconds(time)).await;
        Ok::<_, RunError>(id.to_owned())
    })
    .await
}

/// Executes a run of a job to its end.
async fn run_once<F, R>(job: F) -> RunStatus
where
    F: Fn(Run<Room>, ()) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Outcome, RunError>> + Send + 'static,
{
    let server = in_memory().await;
    let (runs, job) = runs(&server, job).await;
    runs.start(&job, "run_1", &Room(room("1")), &()).await.unwrap();
    ended(&runs, "run_1").await
}

async fn refusal<F, R>(job: F) -> String
where
    F: Fn(Run<Room>, ()) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Outcome, RunError>> + Send + 'static,
{
    match run_once(job).await {
        RunStatus::Failed(why) => why,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn branches_of_several_steps_each_continue_where_they_stopped() {
    for in_memory_runs in [0, 10] {
        let server = in_memory().await;
        let (first, second) = (Count::default(), Count::default());
        let counts = (first.clone(), second.clone());
        let (runs, job) = runs_with(
            &server,
            |builder| builder.max_waiting_runs_in_memory(in_memory_runs),
            move |run: Run<Room>, (): ()| {
                let (first, second) = counts.clone();
                async move {
                    let (a, b) = run
                        .join(
                            async |run| {
                                let count = run.step("a", async || Ok::<_, RunError>(first.up())).await?;
                                run.sleep("pause", milliseconds(20)).await?;
                                let then = step(&run, "then", 5).await?;
                                Ok(format!("{then} {count}"))
                            },
                            async |run| {
                                let again = async || match second.up() {
                                    3 => Ok("in the end"),
                                    _ => Err(RunError::retry("not yet")),
                                };
                                let text: String =
                                    run.step("b", async || again().await.map(str::to_owned)).await?;
                                run.publish("tell", run.channel().said(), &text).await?;
                                Ok(text)
                            },
                        )
                        .await?;
                    Ok(done(format!("{a}, {b}")))
                }
            },
        )
        .await;
        runs.start(&job, "run_1", &Room(room("1")), &()).await.unwrap();
        assert_eq!(ended(&runs, "run_1").await, completed("then 1, in the end"));
        assert_eq!((first.get(), second.get()), (1, 3));
    }
}

#[tokio::test]
async fn three_branches_and_nested_ones_return_in_order() {
    let status = run_once(|run, (): ()| async move {
        let (a, b, (c, d)) = run
            .join3(
                async |run| step(&run, "a", 9).await,
                async |run| step(&run, "b", 5).await,
                async |run| {
                    run.join(async |run| step(&run, "c", 3).await, async |run| step(&run, "d", 1).await).await
                },
            )
            .await?;
        Ok(done(format!("{a}{b}{c}{d}")))
    })
    .await;
    assert_eq!(status, completed("abcd"));
}

#[tokio::test]
async fn a_join_returns_the_first_error_and_drops_the_other_branch() {
    let status = run_once(|run, (): ()| async move {
        let joined = run
            .join(
                async |run| run.sleep("for long", LONG).await,
                async |run| run.step("b", async || Err::<(), _>(RunError::fail("broken"))).await,
            )
            .await;
        // The job handles the failure as a value.
        let after = step(&run, "after", 0).await?;
        Ok(done(format!("{} {after}", joined.unwrap_err())))
    })
    .await;
    assert_eq!(status, completed("broken after"));
}

#[tokio::test]
async fn the_winner_of_a_race_stays_the_winner_in_the_next_process() {
    let (file, channel) = (File::new(), Room(room("1")));
    let slow_first_time = Count::default();
    let job = |count: Count| {
        move |run: Run<Room>, (): ()| {
            let count = count.clone();
            async move {
                // In the first execution the second branch wins, later the first one would.
                let delay = if count.up() == 1 { 60_000 } else { 0 };
                let first = run
                    .race(async |run| step(&run, "one", delay).await, async |run| step(&run, "two", 20).await)
                    .await?;
                run.wait_for(run.channel().nod(), MINUTE).await?;
                Ok(done(first))
            }
        }
    };
    let first = file.server().await;
    let (runs_here, started) = runs(&first, job(slow_first_time.clone())).await;
    runs_here.start(&started, "run_1", &channel, &()).await.unwrap();
    waits(&runs_here, "run_1").await;
    first.stop().await;
    let second = file.server().await;
    let (runs, _) = runs(&second, job(slow_first_time.clone())).await;
    second.hub.signal(channel.nod(), "go").await.unwrap();
    assert_eq!(ended(&runs, "run_1").await, completed("two"));
    assert_eq!(slow_first_time.get(), 2, "it was executed twice");
}

#[tokio::test]
async fn a_step_that_loses_to_a_signal_is_dropped_and_notified() {
    let server = in_memory().await;
    let channel = Room(room("1"));
    let notified = Count::default();
    let count = notified.clone();
    let (runs, job) = runs(&server, move |run: Run<Room>, (): ()| {
        let count = count.clone();
        async move {
            let built = run
                .race(
                    async |run| {
                        let (interrupted, count) = (run.interrupted(), count.clone());
                        tokio::spawn(async move {
                            interrupted.await;
                            count.up();
                        });
                        run.step("build", async || pending::<Result<String, RunError>>().await).await
                    },
                    async |run| {
                        let stop = run.wait_for(run.channel().nod(), LONG).await?;
                        Ok(format!("stopped by {:?}", stop.and_then(|stop| stop.sender)))
                    },
                )
                .await?;
            Ok(done(built))
        }
    })
    .await;
    runs.start(&job, "run_1", &channel, &()).await.unwrap();
    assert_eq!(waits(&runs, "run_1").await, ["nod"]);
    server.hub.signal(channel.nod(), "stop").sender("ada").await.unwrap();
    assert_eq!(ended(&runs, "run_1").await, completed("stopped by Some(\"ada\")"));
    assert_eq!(notified.get(), 1, "the spawned task is notified that its branch lost");
}

#[tokio::test]
async fn a_timeout_returns_work_that_finishes_in_time_and_drops_other_work() {
    let status = run_once(|run, (): ()| async move {
        let quick = run.timeout(LONG, async |run| step(&run, "quick", 1).await).await?;
        let late = run.timeout(milliseconds(30), async |run| step(&run, "late", 60_000).await).await?;
        let after = step(&run, "after", 0).await?;
        Ok(done(format!("{quick:?} {late:?} {after}")))
    })
    .await;
    assert_eq!(status, completed("Some(\"quick\") None after"));
}

#[tokio::test]
async fn map_limits_concurrency_and_returns_results_in_order() {
    let (now, most) = (Count::default(), Count::default());
    let counts = (now, most.clone());
    let status = run_once(move |run, (): ()| {
        let (now, most) = counts.clone();
        async move {
            let squares: Vec<u32> = run
                .map(3, 1..=20_u32, async |run, number| {
                    run.step("square", async || {
                        if now.up() > 3 {
                            most.up();
                        }
                        tokio::time::sleep(milliseconds(u64::from(number % 4))).await;
                        now.down();
                        Ok::<_, RunError>(number * number)
                    })
                    .await
                })
                .await?;
            Ok(done(format!("{}", squares.iter().sum::<u32>())))
        }
    })
    .await;
    assert_eq!((status, most.get()), (completed("2870"), 0));
    let none = run_once(|run, (): ()| async move {
        let none: Vec<u32> = run.map(3, 0..0_u32, async |_, number| Ok(number)).await?;
        Ok(done(format!("{none:?}")))
    })
    .await;
    assert_eq!(none, completed("[]"));
}

#[tokio::test]
async fn a_join_of_single_calls_needs_no_branches() {
    let server = in_memory().await;
    let tries = Count::default();
    let count = tries.clone();
    let (runs, job) = runs_with(
        &server,
        |builder| builder.max_waiting_runs_in_memory(0),
        move |run: Run<Room>, (): ()| {
            let count = count.clone();
            async move {
                let flaky = async || {
                    if count.up() < 3 { Err(RunError::retry("not yet")) } else { Ok("b".to_owned()) }
                };
                let (a, b, slept) =
                    tokio::join!(step(&run, "a", 3), run.step("b", flaky), run.sleep("c", milliseconds(2)));
                slept?;
                let after = step(&run, "after", 0).await?;
                Ok(done(format!("{}{}{after}", a?, b?)))
            }
        },
    )
    .await;
    runs.start(&job, "run_1", &Room(room("1")), &()).await.unwrap();
    assert_eq!(ended(&runs, "run_1").await, completed("abafter"));
}

#[tokio::test]
async fn select_is_rejected_the_first_time_it_drops_a_call() {
    let why = refusal(|run, (): ()| async move {
        let winner = tokio::select! {
            _ = run.sleep("long", LONG) => "slept",
            _ = run.wait_for(run.channel().nod(), milliseconds(20)) => "waited",
        };
        Ok(done(winner))
    })
    .await;
    assert!(why.contains("sleep \"long\" was dropped") && why.contains("run.race"), "{why}");
}

#[tokio::test]
async fn a_tokio_timeout_is_rejected_the_first_time_it_drops_a_call() {
    let why = refusal(|run, (): ()| async move {
        let late = tokio::time::timeout(milliseconds(20), step(&run, "slow", 60_000)).await.is_err();
        let then = step(&run, "then", 0).await?;
        Ok(done(format!("{late} {then}")))
    })
    .await;
    assert!(why.contains("step \"slow\" was dropped") && why.contains("run.timeout"), "{why}");
}

#[tokio::test]
async fn branches_that_share_a_run_are_rejected_when_their_calls_overlap() {
    let why = refusal(|run, (): ()| async move {
        let two = async |ids: [&str; 2], time| {
            step(&run, ids[0], time).await?;
            step(&run, ids[1], time).await
        };
        let (a, b) = tokio::join!(two(["a", "b"], 1), two(["c", "d"], 60_000));
        Ok(done(format!("{}{}", a?, b?)))
    })
    .await;
    assert!(
        why.contains("step \"b\" began while step \"c\" was pending") && why.contains("run.join"),
        "{why}"
    );
}

#[tokio::test]
async fn calls_in_spawned_tasks_and_future_collections_are_rejected() {
    let why = refusal(|run, (): ()| async move {
        let ours = run.clone();
        let spawned = tokio::spawn(async move { step(&ours, "a", 0).await });
        Ok(done(spawned.await.unwrap().unwrap_or_default()))
    })
    .await;
    assert!(why.contains("step \"a\" was not called by the job itself") && why.contains("run.map"), "{why}");
    let why = refusal(|run, (): ()| async move {
        let steps: FuturesUnordered<_> =
            [("a", 9), ("b", 1)].map(|(id, time)| step(&run, id, time)).into_iter().collect();
        Ok(done(steps.filter_map(async |id| id.ok()).collect::<Vec<_>>().await.concat()))
    })
    .await;
    assert!(why.contains("collection of futures"), "{why}");
    let why = refusal(|run, (): ()| async move {
        run.step("outer", async || step(&run, "inner", 0).await).await?;
        Ok(done("never"))
    })
    .await;
    assert!(why.contains("make no calls inside a step"), "{why}");
}

#[tokio::test]
async fn ids_made_of_user_data_cannot_collide() {
    let status = run_once(|run, (): ()| async move {
        let mut given = String::new();
        for (number, id) in ["a", "a", "a#2", "a", "a#2#2", ""].into_iter().enumerate() {
            given.push_str(&run.step(id, async || Ok::<_, RunError>(number.to_string())).await?);
        }
        // Replays all of them.
        run.sleep("pause", milliseconds(5)).await?;
        Ok(done(given))
    })
    .await;
    assert_eq!(status, completed("012345"));
}

#[tokio::test]
async fn a_version_marker_lets_old_runs_continue_and_new_ones_use_the_change() {
    let (file, channel) = (File::new(), Room(room("1")));
    let old = |run: Run<Room>, (): ()| async move {
        step(&run, "a", 0).await?;
        run.wait_for(run.channel().nod(), MINUTE).await?;
        Ok(done("old"))
    };
    let new = |run: Run<Room>, (): ()| async move {
        step(&run, "a", 0).await?;
        let version = run.version("review twice", 1).await?;
        if version > 0 {
            step(&run, "first review", 0).await?;
        }
        run.wait_for(run.channel().nod(), MINUTE).await?;
        Ok(done(format!("version {version}")))
    };
    let first = file.server().await;
    let (runs_here, job) = runs(&first, old).await;
    runs_here.start(&job, "run_1", &channel, &()).await.unwrap();
    waits(&runs_here, "run_1").await;
    first.stop().await;
    let second = file.server().await;
    let (runs, job): (Runs, _) = runs(&second, new).await;
    runs.start(&job, "run_2", &Room(room("2")), &()).await.unwrap();
    waits(&runs, "run_2").await;
    for room_id in ["1", "2"] {
        second.hub.signal(Room(room(room_id)).nod(), "go").await.unwrap();
    }
    assert_eq!(ended(&runs, "run_1").await, completed("version 0"));
    assert_eq!(ended(&runs, "run_2").await, completed("version 1"));
}

#[tokio::test]
async fn a_recording_is_replayed_by_later_code_and_names_the_first_call_that_differs() {
    let server = in_memory().await;
    let channel = Room(room("1"));
    let recorded = |run: Run<Room>, (): ()| async move {
        let (a, b) =
            run.join(async |run| step(&run, "a", 0).await, async |run| step(&run, "b", 0).await).await?;
        run.publish("tell", run.channel().said(), "told").await?;
        run.wait_for(run.channel().nod(), MINUTE).await?;
        Ok(done(format!("{a}{b}")))
    };
    let (runs_here, job) = runs(&server, recorded).await;
    runs_here.start(&job, "run_1", &channel, &()).await.unwrap();
    waits(&runs_here, "run_1").await;
    let waiting = runs_here.recording("run_1").await.unwrap().unwrap();
    server.hub.signal(channel.nod(), "go").await.unwrap();
    ended(&runs_here, "run_1").await;
    let whole = runs_here.recording("run_1").await.unwrap().unwrap();
    assert_eq!(runs_here.recording("run_2").await, Ok(None));
    let [waiting, whole] =
        [waiting, whole].map(|recording| RunRecording::from_json(&recording.to_json()).unwrap());
    assert_eq!(runs_here.replay(&waiting).await, Ok(ReplayOutcome::Unfinished));
    assert_eq!(runs_here.replay(&whole).await, Ok(ReplayOutcome::Completed(r#"{"message":"ab"}"#.into())));

    let elsewhere = in_memory().await;
    let (changed_runs, _) = runs(&elsewhere, |run: Run<Room>, (): ()| async move {
        let (a, b) =
            run.join(async |run| step(&run, "a", 0).await, async |run| step(&run, "c", 0).await).await?;
        Ok(done(format!("{a}{b}")))
    })
    .await;
    let Err(ReplayError::Differs(why)) = changed_runs.replay(&waiting).await else {
        panic!("it should differ")
    };
    assert!(why.starts_with("call 0.1/0 of the run is step \"c\" but was recorded as step \"b\""), "{why}");
    let older = whole.to_json().replace(r#""journal": "2""#, r#""journal": "1""#);
    assert!(RunRecording::from_json(&older).unwrap_err().to_string().contains("version 1"));
}

#[tokio::test]
async fn a_branch_that_fails_outside_of_its_steps_retries_the_whole_job() {
    let server = in_memory().await;
    let (tries, started) = (Count::default(), Count::default());
    let counts = (tries.clone(), started.clone());
    let (runs, job) = runs(&server, move |run: Run<Room>, (): ()| {
        let (tries, started) = counts.clone();
        async move {
            let (a, b) = run
                .join(
                    async |_| if tries.up() < 3 { Err(RunError::retry("no network")) } else { Ok("a") },
                    async |run| {
                        started.up();
                        step(&run, "b", 5).await
                    },
                )
                .await?;
            Ok(done(format!("{a}{b}")))
        }
    })
    .await;
    runs.start(&job, "run_1", &Room(room("1")), &()).await.unwrap();
    assert_eq!(ended(&runs, "run_1").await, completed("ab"));
    assert_eq!(tries.get(), 3);
}

#[tokio::test]
async fn other_futures_make_progress_while_their_run_waits() {
    let server = in_memory().await;
    let uploaded = Count::default();
    let count = uploaded.clone();
    let (runs, job) = runs(&server, move |run: Run<Room>, (): ()| {
        let count = count.clone();
        async move {
            let upload = async {
                for _ in 0..5 {
                    tokio::time::sleep(milliseconds(10)).await;
                    count.up();
                }
            };
            let (nod, ()) = tokio::join!(run.wait_for(run.channel().nod(), MINUTE), upload);
            Ok(done(nod?.map_or("none".into(), |nod| nod.payload)))
        }
    })
    .await;
    runs.start(&job, "run_1", &Room(room("1")), &()).await.unwrap();
    waits(&runs, "run_1").await;
    tokio::time::timeout(MINUTE / 6, async {
        while uploaded.get() < 5 {
            tokio::time::sleep(milliseconds(5)).await;
        }
    })
    .await
    .unwrap();
    server.hub.signal(Room(room("1")).nod(), "yes").await.unwrap();
    assert_eq!(ended(&runs, "run_1").await, completed("yes"));
}

#[tokio::test]
async fn a_job_never_sees_an_error_that_a_replay_may_not_repeat() {
    let server = in_memory().await;
    let (branches, jobs) = (Count::default(), Count::default());
    let counts = (branches.clone(), jobs.clone());
    let (runs, job) = runs(&server, move |run: Run<Room>, (): ()| {
        let (branches, jobs) = counts.clone();
        async move {
            // The branch wins, and fails outside of its steps when it is replayed.
            let replayed = async |run: Run<Room>| {
                step(&run, "a", 5).await?;
                if branches.up() == 2 { Err(RunError::retry("no network")) } else { Ok("a".to_owned()) }
            };
            let late = async |run: Run<Room>| run.sleep("late", MINUTE).await.map(|()| "late".to_owned());
            let won = run.race(replayed, late).await.unwrap_or_else(|error| format!("handled {error}"));
            if jobs.up() == 1 { Err(RunError::retry("once more")) } else { Ok(done(won)) }
        }
    })
    .await;
    runs.start(&job, "run_1", &Room(room("1")), &()).await.unwrap();
    assert_eq!(ended(&runs, "run_1").await, completed("a"));
    assert_eq!((branches.get(), jobs.get()), (3, 2));
}

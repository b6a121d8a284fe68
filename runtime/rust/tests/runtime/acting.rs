//! Cancelling, retrying and waking runs.

use std::time::Duration;

use fanfare::{Job, Run, RunError, RunStatus, Runs, Sqlite};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::definition::{Outcome, Room, room};
use crate::support::file::File;
use crate::support::http::Answer;
use crate::support::runs::{Count, Fault, MINUTE, completed, done, ended, failed, runs, waits};
use crate::support::server::Server;

async fn start(file: &File) -> Server {
    let storage = Sqlite::open(file.path()).unwrap();
    Server::start_with(|builder| builder.admin_routes(true).storage(storage)).await
}

fn is_outcome(answer: &Answer, outcome: &str) -> bool {
    answer.status == 200 && answer.body["outcome"] == outcome
}

fn is_conflict(answer: &Answer, code: &str) -> bool {
    answer.status == 409 && answer.body["data"]["code"] == code
}

/// Returns the messages of a topic that are in the history of a room, the oldest first.
async fn published(server: &Server, id: &str, topic: &str) -> Vec<Value> {
    let path = format!("history?channel=room:{id}&topic={topic}&order=oldest");
    let items = server.admin_pages(&path, async || {}).await;
    items.iter().map(|item| item["payload"].clone()).collect()
}

#[tokio::test]
async fn a_retried_run_continues_with_the_step_that_failed_and_publishes_nothing_twice() {
    let file = File::new();
    let server = start(&file).await;
    let (fault, before) = (Fault::on(), Count::default());
    let (broken, count) = (fault.clone(), before.clone());
    let (runs, job) = runs(&server, move |run: Run<Room>, (): ()| {
        let (fault, before) = (broken.clone(), count.clone());
        async move {
            run.step("before", async || Ok::<_, RunError>(before.up())).await?;
            run.publish("tell", run.channel().said(), "once").await?;
            run.step("broken", async || fault.check()).await?;
            Ok(done("fine"))
        }
    })
    .await;
    runs.start(&job, "run_1", &Room(room("1")), &()).await.unwrap();
    assert!(failed(&ended(&runs, "run_1").await));
    assert!(is_outcome(&server.act("retry?run_id=run_1").await, "retried"));
    assert!(failed(&ended(&runs, "run_1").await), "it fails again while the fault lasts");
    fault.set(false);
    assert!(is_outcome(&server.act("retry?run_id=run_1").await, "retried"));
    assert_eq!(ended(&runs, "run_1").await, completed("fine"));
    assert_eq!(before.get(), 1);
    assert_eq!(published(&server, "1", "said").await, [json!("once")]);
    let events = published(&server, "1", "$run").await;
    let statuses: Vec<_> = events.iter().map(|event| event["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["running", "failed", "running", "failed", "running", "completed"]);
    assert!(is_conflict(&server.act("retry?run_id=run_1").await, "not_failed"));
    assert_eq!(server.act("retry?run_id=none").await.status, 404);
}

#[tokio::test]
async fn a_failure_that_the_job_has_handled_stays_recorded() {
    let file = File::new();
    let server = start(&file).await;
    let (handled, end) = (Count::default(), Count::default());
    let counts = (handled.clone(), end.clone());
    let (runs, job) = runs(&server, move |run: Run<Room>, (): ()| {
        let (handled, end) = counts.clone();
        async move {
            let outcome = run
                .step("handled", async || {
                    handled.up();
                    Err::<(), _>(RunError::fail("no"))
                })
                .await;
            run.publish("tell", run.channel().said(), &format!("{}", outcome.is_err())).await?;
            if end.up() < 3 { Err(RunError::fail("the job failed")) } else { Ok(done("fine")) }
        }
    })
    .await;
    runs.start(&job, "run_1", &Room(room("1")), &()).await.unwrap();
    for _ in 0..2 {
        assert!(failed(&ended(&runs, "run_1").await));
        assert!(is_outcome(&server.act("retry?run_id=run_1").await, "retried"));
    }
    assert_eq!(ended(&runs, "run_1").await, completed("fine"));
    assert_eq!((handled.get(), end.get()), (1, 3));
    assert_eq!(published(&server, "1", "said").await, [json!("true")]);
}

#[tokio::test]
async fn a_retried_join_keeps_finished_steps_and_asks_dropped_questions_again() {
    let file = File::new();
    let server = start(&file).await;
    let (fault, finished) = (Fault::on(), Count::default());
    let (broken, count) = (fault.clone(), finished.clone());
    let (runs, job) = runs(&server, move |run: Run<Room>, (): ()| {
        let (fault, finished) = (broken.clone(), count.clone());
        async move {
            let (nod, (number, ())) = run
                .join(
                    async |run| run.wait_for(run.channel().nod(), MINUTE).await,
                    async |run| {
                        run.join(
                            async |run| run.step("fine", async || Ok::<_, RunError>(finished.up())).await,
                            async |run| {
                                run.sleep("let the others begin", Duration::from_millis(300)).await?;
                                run.step("broken", async || fault.check()).await
                            },
                        )
                        .await
                    },
                )
                .await?;
            Ok(done(format!("{number} {}", nod.map(|nod| nod.payload).unwrap_or_default())))
        }
    })
    .await;
    let channel = Room(room("1"));
    runs.start(&job, "run_1", &channel, &()).await.unwrap();
    assert!(failed(&ended(&runs, "run_1").await));
    fault.set(false);
    runs.retry("run_1").await.unwrap();
    assert_eq!(waits(&runs, "run_1").await, ["nod"]);
    server.hub.signal(channel.nod(), "yes").await.unwrap();
    assert_eq!(ended(&runs, "run_1").await, completed("1 yes"));
}

#[tokio::test]
async fn a_signal_that_was_accepted_before_the_failure_answers_the_question_after_the_retry() {
    let file = File::new();
    let server = start(&file).await;
    let fault = Fault::on();
    let broken = fault.clone();
    let (runs, job) = runs(&server, move |run: Run<Room>, (): ()| {
        let fault = broken.clone();
        async move {
            let (nod, ()) = run
                .join(
                    async |run| run.wait_for(run.channel().nod(), MINUTE).await,
                    async |run| {
                        run.wait_for(run.channel().approve(), MINUTE).await?;
                        run.step("broken", async || fault.check()).await
                    },
                )
                .await?;
            Ok(done(nod.map(|nod| nod.payload).unwrap_or_default()))
        }
    })
    .await;
    let channel = Room(room("1"));
    runs.start(&job, "run_1", &channel, &()).await.unwrap();
    while waits(&runs, "run_1").await.len() < 2 {}
    server.hub.signal(channel.approve(), &true).await.unwrap();
    assert!(failed(&ended(&runs, "run_1").await));
    // An answer that the run had accepted and not taken when it failed. The run is too fast to catch in that state.
    let connection = rusqlite::Connection::open(file.path()).unwrap();
    let sql = "INSERT INTO signals (run, name, payload, at, state) VALUES (1, 'nod', '\"yes\"', 1, 'answer')";
    connection.execute(sql, []).unwrap();
    drop(connection);
    fault.set(false);
    runs.retry("run_1").await.unwrap();
    assert_eq!(ended(&runs, "run_1").await, completed("yes"));
}

#[tokio::test]
async fn a_text_stream_and_a_time_limit_start_again_after_a_retry() {
    let file = File::new();
    let server = start(&file).await;
    let fault = Fault::on();
    let broken = fault.clone();
    let (runs, job) = runs(&server, move |run: Run<Room>, (): ()| {
        let fault = broken.clone();
        async move {
            let text = run
                .timeout(Duration::from_secs(2), async |run| {
                    run.stream("write", run.channel().draft(), async |draft| {
                        draft.write("Once ").await?;
                        fault.check()?;
                        draft.write("upon a time").await
                    })
                    .await
                })
                .await?;
            Ok(done(text.unwrap_or_else(|| "too late".into())))
        }
    })
    .await;
    runs.start(&job, "run_1", &Room(room("1")), &()).await.unwrap();
    assert!(failed(&ended(&runs, "run_1").await));
    tokio::time::sleep(Duration::from_millis(2100)).await;
    fault.set(false);
    runs.retry("run_1").await.unwrap();
    assert_eq!(ended(&runs, "run_1").await, completed("Once upon a time"));
    let texts = server.admin("history?channel=room:1&topic=draft&order=oldest").await;
    let [first, second] = &texts["items"].as_array().unwrap()[..] else { panic!("{texts}") };
    assert_eq!((&first["text"], &first["error"]), (&json!("Once "), &json!("broken")));
    assert_eq!((&second["text"], &second["has_end"]), (&json!("Once upon a time"), &json!(true)));
    assert_ne!(first["stream_id"], second["stream_id"]);
}

#[tokio::test]
async fn a_halted_run_continues_once_the_code_matches() {
    let file = File::new();
    let changed = Fault::on();
    changed.set(false);
    let register = async |server: &Server| -> (Runs, Job<Room, ()>) {
        let changed = changed.clone();
        runs(server, move |run: Run<Room>, (): ()| {
            let changed = changed.clone();
            async move {
                let id = if changed.is_on() { "changed" } else { "original" };
                run.step(id, async || Ok::<_, RunError>(())).await?;
                run.wait_for(run.channel().nod(), MINUTE).await?;
                Ok(done("fine"))
            }
        })
        .await
    };
    let server = start(&file).await;
    let (first, job) = register(&server).await;
    let channel = Room(room("1"));
    first.start(&job, "run_1", &channel, &()).await.unwrap();
    waits(&first, "run_1").await;
    server.stop().await;
    changed.set(true);
    let server = start(&file).await;
    let (second, _) = register(&server).await;
    server.hub.signal(channel.nod(), "yes").await.unwrap();
    assert!(matches!(ended(&second, "run_1").await, RunStatus::Halted(_)));
    changed.set(false);
    assert!(is_outcome(&server.act("retry?run_id=run_1").await, "retried"));
    assert_eq!(ended(&second, "run_1").await, completed("fine"));
}

#[tokio::test]
async fn concurrent_retries_by_two_servers_execute_the_run_once() {
    let file = File::new();
    let [here, there] = [start(&file).await, start(&file).await];
    let (fault, work) = (Fault::on(), Count::default());
    let register = async |server: &Server| -> (Runs, Job<Room, ()>) {
        let (fault, work) = (fault.clone(), work.clone());
        runs(server, move |run: Run<Room>, (): ()| {
            let (fault, work) = (fault.clone(), work.clone());
            async move {
                run.step("work", async || {
                    fault.check()?;
                    work.up();
                    Ok::<_, RunError>(())
                })
                .await?;
                Ok(done("fine"))
            }
        })
        .await
    };
    let ((first, job), (second, _)) = (register(&here).await, register(&there).await);
    for number in 0..20 {
        let id = format!("run_{number}");
        first.start(&job, &id, &Room(room("1")), &()).await.unwrap();
        assert!(failed(&ended(&first, &id).await));
    }
    fault.set(false);
    for number in 0..20 {
        let path = format!("retry?run_id=run_{number}");
        let (one, other) = tokio::join!(here.act(&path), there.act(&path));
        let outcomes = [one, other].map(|answer| answer.body["outcome"].as_str().map(str::to_owned));
        assert!(outcomes.contains(&Some("retried".into())), "{outcomes:?}");
        assert_eq!(ended(&second, &format!("run_{number}")).await, completed("fine"));
    }
    assert_eq!(work.get(), 20);
}

#[tokio::test]
async fn a_run_is_cancelled_by_a_server_that_executes_no_runs() {
    let file = File::new();
    let [here, there] = [start(&file).await, start(&file).await];
    let dropped = Count::default();
    let count = dropped.clone();
    let (runs, job) = runs(&there, move |run: Run<Room>, (): ()| {
        let count = count.clone();
        async move {
            struct Dropped(Count);
            impl Drop for Dropped {
                fn drop(&mut self) {
                    self.0.up();
                }
            }
            let _dropped = Dropped(count);
            run.step("long", async || {
                tokio::time::sleep(MINUTE).await;
                Ok::<_, RunError>(())
            })
            .await?;
            Ok(done("never"))
        }
    })
    .await;
    runs.start(&job, "run_1", &Room(room("1")), &()).await.unwrap();
    here.settle("run_1", "executing").await;
    assert!(is_conflict(&here.act("wake?run_id=run_1").await, "executing"));
    assert!(is_outcome(&here.act("cancel?run_id=run_1").await, "cancelled"));
    assert!(is_outcome(&here.act("cancel?run_id=run_1").await, "already_ended"));
    assert_eq!(runs.status("run_1").await, Ok(Some(RunStatus::Cancelled)));
    for _ in 0..500 {
        if dropped.get() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(dropped.get(), 1, "the process that holds the run drops its job");
    assert_eq!(published(&here, "1", "$run").await.last().unwrap()["status"], "cancelled");
    assert!(is_conflict(&here.act("retry?run_id=run_1").await, "not_failed"));
    assert!(is_conflict(&here.act("wake?run_id=run_1").await, "not_sleeping"));
}

#[tokio::test]
async fn sleeps_delays_and_time_limits_end_early() {
    let file = File::new();
    let [here, there] = [start(&file).await, start(&file).await];
    let fault = Fault::on();
    let broken = fault.clone();
    let (runs, job) = runs(&here, move |run: Run<Room>, kind: String| {
        let fault = broken.clone();
        async move {
            match kind.as_str() {
                "sleep" => {
                    run.step("before", async || Ok::<_, RunError>(())).await?;
                    run.sleep("night", MINUTE).await?;
                }
                "delay" => {
                    let work = async || {
                        if fault.is_on() { Err(RunError::retry_after("busy", MINUTE)) } else { Ok(()) }
                    };
                    run.step("flaky", work).await?;
                }
                "job" if fault.is_on() => return Err(RunError::retry_after("busy", MINUTE)),
                "job" => {}
                _ => {
                    let nod = run
                        .timeout(MINUTE, async |run| run.wait_for(run.channel().nod(), 2 * MINUTE).await)
                        .await?;
                    assert!(nod.is_none(), "the time is up");
                }
            }
            Ok(done("awake"))
        }
    })
    .await;
    for (kind, activity) in
        [("sleep", "sleeping"), ("delay", "retrying"), ("job", "retrying"), ("limit", "waiting")]
    {
        runs.start(&job, kind, &Room(room("1")), &kind.to_owned()).await.unwrap();
        there.settle(kind, activity).await;
    }
    fault.set(false);
    assert!(is_conflict(&there.act("wake?run_id=limit").await, "not_sleeping"), "only if it is named");
    assert!(is_conflict(&there.act("wake?run_id=sleep&call=0").await, "not_sleeping"));
    assert_eq!(there.act("wake?run_id=sleep&call=x").await.status, 400);
    for path in ["wake?run_id=sleep", "wake?run_id=delay", "wake?run_id=job", "wake?run_id=limit&call=0.1/0"]
    {
        // The first run sleeps in memory of one server, and both servers may wake runs.
        assert_eq!(there.act(path).await, Answer { status: 200, body: json!({ "woken": 1 }) }, "{path}");
    }
    for kind in ["sleep", "delay", "job", "limit"] {
        let ended = tokio::time::timeout(Duration::from_secs(20), ended(&runs, kind)).await;
        assert_eq!(ended, Ok(completed("awake")), "{kind}");
    }
    assert!(is_conflict(&there.act("wake?run_id=sleep").await, "not_sleeping"));
}

#[tokio::test]
async fn a_sleep_in_a_branch_that_lost_is_not_woken() {
    let file = File::new();
    let server = start(&file).await;
    let (runs, job) = runs(&server, |run: Run<Room>, (): ()| async move {
        let first: Result<Outcome, _> = run
            .race(
                async |run| {
                    run.sleep("short", Duration::from_millis(200)).await?;
                    Ok(done("first"))
                },
                async |run| {
                    run.sleep("long", MINUTE).await?;
                    Ok(done("second"))
                },
            )
            .await;
        run.wait_for(run.channel().nod(), MINUTE).await?;
        first
    })
    .await;
    let channel = Room(room("1"));
    runs.start(&job, "run_1", &channel, &()).await.unwrap();
    waits(&runs, "run_1").await;
    server.settle("run_1", "waiting").await;
    assert!(is_conflict(&server.act("wake?run_id=run_1").await, "not_sleeping"));
    server.hub.signal(channel.nod(), "yes").await.unwrap();
    assert_eq!(ended(&runs, "run_1").await, completed("first"));
}

#[tokio::test]
async fn a_text_that_a_failure_in_another_branch_stopped_is_written_again() {
    let file = File::new();
    let server = start(&file).await;
    let fault = Fault::on();
    let broken = fault.clone();
    let (runs, job) = runs(&server, move |run: Run<Room>, (): ()| {
        let fault = broken.clone();
        async move {
            let begun = Notify::new();
            let write = async |draft: fanfare::RunStreamWriter| {
                draft.write("Once ").await?;
                begun.notify_one();
                if fault.is_on() {
                    tokio::time::sleep(MINUTE).await;
                }
                draft.write("upon").await
            };
            let (text, ()) = run
                .join(
                    async |run| run.stream("write", run.channel().draft(), write).await,
                    async |run| {
                        run.step("broken", async || {
                            begun.notified().await;
                            fault.check()
                        })
                        .await
                    },
                )
                .await?;
            Ok(done(text))
        }
    })
    .await;
    runs.start(&job, "run_1", &Room(room("1")), &()).await.unwrap();
    assert!(failed(&ended(&runs, "run_1").await));
    fault.set(false);
    runs.retry("run_1").await.unwrap();
    assert_eq!(ended(&runs, "run_1").await, completed("Once upon"));
    let texts = server.admin("history?channel=room:1&topic=draft&order=oldest").await;
    let [first, second] = &texts["items"].as_array().unwrap()[..] else { panic!("{texts}") };
    assert_eq!(
        (&first["text"], &first["has_end"], &first["stopped"]),
        (&json!("Once "), &json!(true), &json!(true))
    );
    assert_eq!((&second["text"], &second["has_end"]), (&json!("Once upon"), &json!(true)));
}

//! Running a job again from one of its calls.

use std::time::Duration;

use fanfare::{Run, RunError, RunStatus, Sqlite};
use serde_json::{Value, json};

use crate::support::definition::{Room, room};
use crate::support::file::File;
use crate::support::runs::{Count, MINUTE, completed, done, ended, runs, waits};
use crate::support::server::Server;

async fn start(file: &File) -> Server {
    let storage = Sqlite::open(file.path()).unwrap();
    Server::start_with(|builder| builder.admin_routes(true).storage(storage)).await
}

async fn said(server: &Server) -> Vec<Value> {
    let items = server.admin_pages("history?channel=room:1&topic=said&order=oldest", async || {}).await;
    items.iter().map(|item| item["payload"].clone()).collect()
}

/// A step that returns how often it did its work.
async fn work(run: &Run<Room>, id: &str, count: &Count) -> Result<u32, RunError> {
    run.step(id, async || Ok::<_, RunError>(count.up())).await
}

#[tokio::test]
async fn a_rerun_keeps_everything_before_a_call_and_executes_the_rest_again() {
    let file = File::new();
    let [server, other] = [start(&file).await, start(&file).await];
    let counts: [Count; 4] = Default::default();
    let counted = counts.clone();
    let (runs, job) = runs(&server, move |run: Run<Room>, name: String| {
        let counts = counted.clone();
        async move {
            let first = work(&run, "first", &counts[0]).await?; // 0
            run.publish("early", run.channel().said(), &format!("early {name}")).await?; // 1
            let (left, right) = run
                .join(
                    async |run| work(&run, "left", &counts[1]).await, // 2.0/0
                    async |run| {
                        run.sleep("pause", Duration::from_millis(10)).await?; // 2.1/0
                        work(&run, "right", &counts[2]).await // 2.1/1
                    },
                )
                .await?; // 2
            let nod = run.wait_for(run.channel().nod(), MINUTE).await?; // 3
            let nod = nod.map(|nod| nod.payload).unwrap_or_default();
            run.publish("late", run.channel().said(), &format!("late {nod}")).await?; // 4
            let last = work(&run, "last", &counts[3]).await?; // 5
            Ok(done(format!("{first} {left} {right} {nod} {last}")))
        }
    })
    .await;
    let channel = Room(room("1"));
    runs.start(&job, "run_1", &channel, &"Ada".to_owned()).await.unwrap();
    waits(&runs, "run_1").await;
    server.hub.signal(channel.nod(), "yes").await.unwrap();
    assert_eq!(ended(&runs, "run_1").await, completed("1 1 1 yes 1"));

    // Everything is kept but the last step. A server without jobs can request it.
    let answer = other.act("rerun?run_id=run_1&call=5&new_run_id=run_2").await;
    assert_eq!((answer.status, answer.body), (200, json!({ "outcome": "new", "run_id": "run_2" })));
    assert_eq!(ended(&runs, "run_2").await, completed("1 1 1 yes 2"));
    let again = other.act("rerun?run_id=run_1&call=5&new_run_id=run_2").await;
    assert_eq!(again.body["outcome"], "existing");
    assert_eq!(said(&server).await, [json!("early Ada"), json!("late yes")], "nothing is published twice");
    let info = server.admin("run?run_id=run_2").await;
    assert_eq!(
        (&info["rerun_of"], &info["input"]),
        (&json!({ "run_id": "run_1", "call": "5" }), &json!("Ada"))
    );

    // The question is asked again, and the later message is published again.
    let answer = server.act("rerun?run_id=run_1&call=3").await;
    let third = answer.body["run_id"].as_str().unwrap().to_owned();
    assert!(third.starts_with("run_1-"), "{third}");
    assert_eq!(waits(&runs, &third).await, ["nod"]);
    server.hub.signal(channel.nod(), "no").run_id(&third).await.unwrap();
    assert_eq!(ended(&runs, &third).await, completed("1 1 1 no 3"));
    assert_eq!(said(&server).await, [json!("early Ada"), json!("late yes"), json!("late no")]);

    // All branches of a fork are executed again.
    runs.rerun("run_1", "2", "run_4").await.unwrap();
    waits(&runs, "run_4").await;
    server.hub.signal(channel.nod(), "so").run_id("run_4").await.unwrap();
    assert_eq!(ended(&runs, "run_4").await, completed("1 2 2 so 4"));

    // From the start, nothing is kept.
    runs.rerun("run_1", "0", "run_5").await.unwrap();
    waits(&runs, "run_5").await;
    server.hub.signal(channel.nod(), "ok").run_id("run_5").await.unwrap();
    assert_eq!(ended(&runs, "run_5").await, completed("2 3 3 ok 5"));
    assert_eq!(ended(&runs, "run_1").await, completed("1 1 1 yes 1"), "the original is unchanged");

    for (path, status, code) in [
        ("rerun?run_id=run_1&call=2.1/1", 409, "in_branch"),
        ("rerun?run_id=run_1&call=6", 409, "no_call"),
        ("rerun?run_id=run_1&call=1&new_run_id=run_2", 409, "run_exists"),
        ("rerun?run_id=run_5&call=5&new_run_id=run_2", 409, "run_exists"),
        ("rerun?run_id=none&call=1", 404, "no_run"),
    ] {
        let answer = server.act(path).await;
        assert_eq!((answer.status, &answer.body["data"]["code"]), (status, &json!(code)), "{path}");
    }
    for path in
        ["rerun?run_id=run_1&call=01", "rerun?run_id=run_1&call=x", "rerun?run_id=run_1&call=1&new_run_id="]
    {
        assert_eq!(server.act(path).await.status, 400, "{path}");
    }
}

#[tokio::test]
async fn a_failed_run_is_run_again_from_before_its_failure() {
    let file = File::new();
    let server = start(&file).await;
    let (prepared, tried) = (Count::default(), Count::default());
    let counts = (prepared.clone(), tried.clone());
    let (runs, job) = runs(&server, move |run: Run<Room>, (): ()| {
        let (prepared, tried) = counts.clone();
        async move {
            let number = work(&run, "prepare", &prepared).await?;
            let work = async || if tried.up() == 1 { Err(RunError::fail("no")) } else { Ok(()) };
            run.step("try", work).await?;
            Ok(done(format!("{number}")))
        }
    })
    .await;
    runs.start(&job, "run_1", &Room(room("1")), &()).await.unwrap();
    assert_eq!(ended(&runs, "run_1").await, RunStatus::Failed("no".into()));
    runs.rerun("run_1", "0", "run_2").await.unwrap();
    assert_eq!(ended(&runs, "run_2").await, completed("2"));
    runs.rerun("run_1", "1", "run_3").await.unwrap();
    assert_eq!(ended(&runs, "run_3").await, completed("1"));
}

#[tokio::test]
async fn a_call_that_has_not_ended_cannot_be_kept() {
    let file = File::new();
    let server = start(&file).await;
    let (runs, job) = runs(&server, |run: Run<Room>, (): ()| async move {
        let (waited, stepped) = tokio::join!(
            run.wait_for(run.channel().nod(), MINUTE),
            run.step("meanwhile", async || Ok::<_, RunError>(())),
        );
        waited?;
        stepped?;
        Ok(done("both"))
    })
    .await;
    let channel = Room(room("1"));
    runs.start(&job, "run_1", &channel, &()).await.unwrap();
    waits(&runs, "run_1").await;
    for _ in 0..500 {
        if server.admin("calls?run_id=run_1").await["items"].as_array().unwrap().len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let answer = server.act("rerun?run_id=run_1&call=1").await;
    assert_eq!((answer.status, &answer.body["data"]["code"]), (409, &json!("unfinished_call")));
    assert!(answer.error().contains("call 0 comes before and has not ended"), "{}", answer.error());
    server.hub.signal(channel.nod(), "yes").await.unwrap();
    ended(&runs, "run_1").await;
    runs.rerun("run_1", "1", "run_2").await.unwrap();
    assert_eq!(ended(&runs, "run_2").await, completed("both"));
}

#[tokio::test]
async fn the_winner_of_a_race_is_kept_with_the_unfinished_branch_that_lost() {
    let file = File::new();
    let server = start(&file).await;
    let (slow, last) = (Count::default(), Count::default());
    let counts = (slow.clone(), last.clone());
    let (runs, job) = runs(&server, move |run: Run<Room>, (): ()| {
        let (slow, last) = counts.clone();
        async move {
            let winner = run
                .race(
                    async |run| {
                        let attempt = async || {
                            slow.up();
                            Err(RunError::retry_after("later", MINUTE))
                        };
                        run.step::<u32, _, _>("slow", attempt).await
                    },
                    async |run| {
                        run.sleep("a little", Duration::from_millis(200)).await?;
                        run.step("fast", async || Ok::<_, RunError>(7)).await
                    },
                )
                .await?;
            Ok(done(format!("{winner} {}", work(&run, "last", &last).await?)))
        }
    })
    .await;
    runs.start(&job, "run_1", &Room(room("1")), &()).await.unwrap();
    assert_eq!(ended(&runs, "run_1").await, completed("7 1"));
    runs.rerun("run_1", "1", "run_2").await.unwrap();
    assert_eq!(ended(&runs, "run_2").await, completed("7 2"));
    assert_eq!(slow.get(), 1, "the branch that lost is not executed again");
}

//! Runs: every step has one recorded result, across retries and restarts.

use std::time::Duration;

use fanfare::wire::ServerFrame;
use fanfare::{CancelOutcome, Memory, Run, RunError, RunStatus, SignalError, StartOutcome};
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::definition::{Room, room};
use crate::support::file::File;
use crate::support::http;
use crate::support::runs::{Count, Gate, MINUTE, done, ended, in_memory, runs, waits};
use crate::support::server::{KEY, Server};

/// Reads until a message has this text.
async fn read_until(client: &mut Client, text: &str) {
    loop {
        if let ServerFrame::Data { data, .. } = client.frame().await
            && data == text
        {
            return;
        }
    }
}

/// Returns the next run event.
async fn next_run_event(client: &mut Client) -> Value {
    match client.frame().await {
        ServerFrame::Run { data, run_id, .. } => {
            assert_eq!(run_id.as_deref(), Some("run_1"));
            data
        }
        other => panic!("expected a run event, got {other:?}"),
    }
}

#[tokio::test]
async fn subscribers_receive_run_events_from_the_start_to_the_result() {
    let server = in_memory().await;
    let channel = Room(room("1"));
    let (runs, job) = runs(&server, |run: Run<Room>, name: String| async move {
        let length: usize = run.step("measure", async || Ok::<_, RunError>(name.len())).await?;
        run.publish("tell", run.channel().said(), "durable").await?;
        run.hub().publish(run.channel().said(), "not durable").await?;
        run.hub().stream(run.channel().draft()).await?.end().await?;
        Ok(done(format!("{name} has {length}")))
    })
    .await;
    let mut client = server.subscribe(&channel.0, &["said", "draft"]).await;
    client.ready().await;
    assert_eq!(runs.start(&job, "run_1", &channel, &"Ada".to_owned()).await, Ok(StartOutcome::New));
    assert_eq!(
        runs.start(&job, "run_1", &channel, &"Bob".to_owned()).await,
        Ok(StartOutcome::Existing),
        "the first counts"
    );
    assert_eq!(next_run_event(&mut client).await, json!({ "status": "running", "attempt": 1 }));
    for text in ["durable", "not durable"] {
        let ServerFrame::Data { data, run_id, .. } = client.frame().await else {
            panic!("expected a message")
        };
        assert_eq!((data, run_id.as_deref()), (json!(text), Some("run_1")));
    }
    for _ in 0..2 {
        let (ServerFrame::DatastreamStart { run_id, .. } | ServerFrame::DatastreamEnd { run_id, .. }) =
            client.frame().await
        else {
            panic!("expected a text stream")
        };
        assert_eq!(run_id.as_deref(), Some("run_1"));
    }
    let result = json!({ "message": "Ada has 3" });
    assert_eq!(next_run_event(&mut client).await, json!({ "status": "completed", "result": result }));
    assert_eq!(runs.status("run_1").await, Ok(Some(RunStatus::Completed(result.to_string()))));
    assert_eq!(runs.status("run_2").await, Ok(None));
    let mut late = server.subscribe(&channel.0, &["said"]).await;
    late.ready().await;
    assert_eq!(
        next_run_event(&mut late).await["status"],
        "completed",
        "late subscribers receive the latest event"
    );
}

#[tokio::test]
async fn recorded_steps_are_not_repeated_when_a_run_is_retried() {
    let server = in_memory().await;
    let channel = Room(room("1"));
    let (first, second, whole) = (Count::default(), Count::default(), Count::default());
    let counts = (first.clone(), second.clone(), whole.clone());
    let (runs, job) = runs(&server, move |run: Run<Room>, (): ()| {
        let (first, second, whole) = counts.clone();
        async move {
            whole.up();
            let number: u32 = run.step("first", async || Ok::<_, RunError>(first.up() * 10)).await?;
            run.publish("told", run.channel().said(), &number.to_string()).await?;
            run.step(
                "second",
                async || if second.up() < 3 { Err(RunError::retry("not yet")) } else { Ok(()) },
            )
            .await?;
            Ok(done(format!("{number}")))
        }
    })
    .await;
    let mut client = server.subscribe(&channel.0, &["said"]).await;
    client.ready().await;
    runs.start(&job, "run_1", &channel, &()).await.unwrap();
    assert_eq!(ended(&runs, "run_1").await, RunStatus::Completed(r#"{"message":"10"}"#.into()));
    assert_eq!((first.get(), second.get(), whole.get()), (1, 3, 1), "a waiting execution stays in memory");
    assert_eq!(next_run_event(&mut client).await["attempt"], 1);
    assert_eq!(client.data().await, json!("10"));
    for attempt in [2, 3] {
        let error = json!({ "message": "not yet" });
        assert_eq!(
            next_run_event(&mut client).await,
            json!({ "status": "running", "attempt": attempt, "error": error })
        );
    }
    assert_eq!(next_run_event(&mut client).await["status"], "completed");
    client.expect_silence().await;
}

#[tokio::test]
async fn a_run_fails_after_its_last_retry_or_a_permanent_error() {
    let server = in_memory().await;
    let channel = Room(room("1"));
    let attempts = Count::default();
    let counted = attempts.clone();
    let (runs, job) = runs(&server, move |_: Run<Room>, how: String| {
        let attempts = counted.clone();
        async move {
            attempts.up();
            match how.as_str() {
                "fail" => Err(RunError::fail("no retry can fix it")),
                "panic" => panic!("as bugs do"),
                "long" => Ok(done("")),
                _ => Err("x".parse::<u32>().unwrap_err().into()),
            }
        }
    })
    .await;
    let mut last = 0;
    for (how, message, tried) in [
        ("fail", "no retry can fix it", 1),
        ("panic", "panicked: as bugs do", 5),
        ("error", "invalid digit found in string", 5),
        ("long", "the result does not match its schema: /message must have at least 1 character", 1),
    ] {
        runs.start(&job, how, &channel, &how.to_owned()).await.unwrap();
        let RunStatus::Failed(error) = ended(&runs, how).await else { panic!("{how} should fail") };
        assert!(error.starts_with(message), "{error}");
        assert_eq!(attempts.get() - last, tried, "{how}");
        last = attempts.get();
    }
}

#[tokio::test]
async fn a_run_continues_in_the_next_process_where_it_stopped() {
    let (file, channel) = (File::new(), Room(room("1")));
    let counts = [Count::default(), Count::default()];
    let job = |counts: [Count; 2]| {
        move |run: Run<Room>, (): ()| {
            let [before, after] = counts.clone();
            async move {
                let number: u32 = run.step("before", async || Ok::<_, RunError>(before.up())).await?;
                run.publish("told", run.channel().said(), "once").await?;
                run.sleep("a while", Duration::from_millis(300)).await?;
                let nod = run.wait_for(run.channel().nod(), MINUTE).await?;
                let nod = nod.map_or("nobody".into(), |nod| format!("{} by {:?}", nod.payload, nod.sender));
                after.up();
                Ok(done(format!("{number} {nod}")))
            }
        }
    };
    let first = file.server().await;
    let (earlier_runs, started) = runs(&first, job(counts.clone())).await;
    let mut client = first.subscribe(&channel.0, &["said"]).await;
    client.ready().await;
    earlier_runs.start(&started, "run_1", &channel, &()).await.unwrap();
    next_run_event(&mut client).await;
    let (id, _) = client.id_and_data().await;
    first.stop().await;

    let second = file.server().await;
    second.hub.signal(channel.nod(), "yes").sender("user_1").await.unwrap();
    let (runs, _) = runs(&second, job(counts.clone())).await;
    let result = RunStatus::Completed(r#"{"message":"1 yes by Some(\"user_1\")"}"#.into());
    assert_eq!(ended(&runs, "run_1").await, result);
    assert_eq!((counts[0].get(), counts[1].get()), (1, 1));
    let mut client = second.resume(&channel.0, &["said"], &id).await;
    client.ready().await;
    assert_eq!(
        next_run_event(&mut client).await["status"],
        "completed",
        "and the message is not published again"
    );
}

#[tokio::test]
async fn changed_code_halts_a_run_until_the_earlier_code_runs_again() {
    let (file, channel) = (File::new(), Room(room("1")));
    let job = |step: &'static str| {
        move |run: Run<Room>, (): ()| async move {
            run.step(step, async || Ok::<_, RunError>(())).await?;
            run.wait_for(run.channel().nod(), MINUTE).await?;
            Ok(done(step))
        }
    };
    let first = file.server().await;
    let (earlier_runs, started) = runs(&first, job("fetch")).await;
    earlier_runs.start(&started, "run_1", &channel, &()).await.unwrap();
    waits(&earlier_runs, "run_1").await;
    first.stop().await;
    let second = file.server().await;
    let mut client = second.subscribe(&channel.0, &["said"]).await;
    client.ready().await;
    next_run_event(&mut client).await;
    let (others, _) = runs(&second, job("load")).await;
    // The change shows when the run continues.
    second.hub.signal(channel.nod(), "yes").await.unwrap();
    if let RunStatus::Completed(_) = ended(&others, "run_1").await {
        panic!("other code continued");
    }
    let RunStatus::Halted(why) = others.status("run_1").await.unwrap().unwrap() else { panic!("not halted") };
    assert!(why.contains("step \"load\"") && why.contains("step \"fetch\""), "{why}");
    assert_eq!(next_run_event(&mut client).await["halted"], json!(why));
    second.stop().await;
    let third = file.server().await;
    let (runs, _) = runs(&third, job("fetch")).await;
    assert_eq!(ended(&runs, "run_1").await, RunStatus::Completed(r#"{"message":"fetch"}"#.into()));
}

#[tokio::test]
async fn a_cancelled_run_stops_and_records_nothing_more() {
    let server = in_memory().await;
    let channel = Room(room("1"));
    let steps = Count::default();
    let counted = steps.clone();
    let (runs, job) = runs(&server, move |run: Run<Room>, (): ()| {
        let steps = counted.clone();
        async move {
            loop {
                run.step("again", async || Ok::<_, RunError>(steps.up())).await?;
                run.sleep("a bit", Duration::from_millis(5)).await?;
            }
        }
    })
    .await;
    runs.start(&job, "run_1", &channel, &()).await.unwrap();
    while steps.get() < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(runs.cancel("run_1").await, Ok(CancelOutcome::Cancelled));
    assert_eq!(runs.cancel("run_1").await, Ok(CancelOutcome::AlreadyEnded));
    assert_eq!(runs.cancel("run_2").await, Ok(CancelOutcome::UnknownRun));
    assert_eq!(runs.status("run_1").await, Ok(Some(RunStatus::Cancelled)));
    let after = steps.get();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(steps.get() <= after + 1, "one may have been under way");
    let mut client = server.subscribe(&channel.0, &["said"]).await;
    client.ready().await;
    assert_eq!(next_run_event(&mut client).await, json!({ "status": "cancelled" }));
}

#[tokio::test]
async fn a_signal_counts_once_and_every_sender_receives_its_outcome() {
    let server = in_memory().await;
    let channel = Room(room("1"));
    let gate = Gate::closed();
    let between = gate.clone();
    let (runs, job) = runs(&server, move |run: Run<Room>, (): ()| {
        let between = between.clone();
        async move {
            let first = run.wait_for(run.channel().nod(), MINUTE).await?;
            run.publish("first", run.channel().said(), "taken").await?;
            between.pass(&run).await?;
            let second = run.wait_for(run.channel().nod(), Duration::from_millis(50)).await?;
            run.publish("second", run.channel().said(), "given up").await?;
            let third = run.wait_for(run.channel().nod(), MINUTE).await?;
            let text =
                |nod: Option<fanfare::ReceivedSignal<String>>| nod.map_or("none".into(), |nod| nod.payload);
            Ok(done(format!("{} {} {}", text(first), text(second), text(third))))
        }
    })
    .await;
    let send = async |bearer: &str, body: &str| {
        let answer =
            http::post(server.address, "signal?channel=room:1&name=nod", Some(bearer), body.as_bytes()).await;
        (answer.status, answer.body["data"]["code"].as_str().unwrap_or_default().to_owned())
    };
    let answer = |status, code: &str| (status, code.to_owned());
    let grant = channel.0.grant_signals(["nod"]);
    let token = server.hub.token(grant).subject("user_1").mint().unwrap();
    let other = server.token(&channel.0, &["said"]);

    assert_eq!(send(&token, "\"nobody there\"").await, answer(404, "no_run"));
    runs.start(&job, "run_1", &channel, &()).await.unwrap();
    assert_eq!(send(&other, "\"no right\"").await, answer(403, ""));
    assert_eq!(send("x.y.z", "\"no token\"").await, answer(401, ""));
    assert_eq!(send(&token, "7").await, answer(422, ""));
    assert_eq!(send(&token, "no JSON").await, answer(400, ""));
    let mut client = server.resume(&channel.0, &["said"], "start").await;
    client.ready().await;
    assert_eq!(send(&token, "\"one\"").await, answer(200, ""));
    read_until(&mut client, "taken").await;
    assert_eq!(send(KEY, "\"late\"").await, answer(409, "already_taken"));
    gate.open();
    read_until(&mut client, "given up").await;
    // Between two waits, it waits for no signal.
    while send(&token, "\"three\"").await != answer(200, "") {}
    assert_eq!(ended(&runs, "run_1").await, RunStatus::Completed(r#"{"message":"one none three"}"#.into()));
    assert_eq!(send(&token, "\"four\"").await, answer(409, "already_taken"));
}

#[tokio::test]
async fn an_early_signal_is_kept_and_a_late_one_is_rejected() {
    let server = in_memory().await;
    let channel = Room(room("1"));
    let gate = Gate::closed();
    let signalled = gate.clone();
    let (runs, job) = runs(&server, move |run: Run<Room>, is_early: bool| {
        let signalled = signalled.clone();
        async move {
            if is_early {
                signalled.pass(&run).await?;
            }
            let nod = run.wait_for(run.channel().nod(), Duration::from_millis(1)).await?;
            run.publish("waited", run.channel().said(), "waited").await?;
            signalled.pass(&run).await?;
            Ok(done(nod.map_or("none".into(), |nod| nod.payload)))
        }
    })
    .await;
    let mut client = server.subscribe(&channel.0, &["said"]).await;
    client.ready().await;
    runs.start(&job, "run_1", &channel, &true).await.unwrap();
    let receipt = server.hub.signal(channel.nod(), "early").idempotency_key("k").await.unwrap();
    assert_eq!(receipt.run_id, "run_1");
    let again = server.hub.signal(channel.nod(), "early").idempotency_key("k").await.unwrap();
    assert_eq!(again, receipt, "a repetition is not a second signal");
    let second = server.hub.signal(channel.nod(), "second").await.unwrap_err();
    assert!(matches!(second, SignalError::AlreadyTaken { sender: None, .. }), "{second:?}");
    gate.open();
    read_until(&mut client, "waited").await;
    let late = server.hub.signal(channel.nod(), "late").await.unwrap_err();
    assert!(matches!(late, SignalError::AlreadyTaken { .. }), "{late:?}");
    gate.open();
    assert_eq!(ended(&runs, "run_1").await, RunStatus::Completed(r#"{"message":"early"}"#.into()));

    runs.start(&job, "run_2", &channel, &false).await.unwrap();
    read_until(&mut client, "waited").await;
    assert_eq!(server.hub.signal(channel.nod(), "late").await, Err(SignalError::TooLate));
    gate.open();
    assert_eq!(ended(&runs, "run_2").await, RunStatus::Completed(r#"{"message":"none"}"#.into()));
    assert_eq!(server.hub.signal(channel.nod(), "later").await, Err(SignalError::RunEnded));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_file_execute_each_run_once() {
    const RUNS: u32 = 60;
    let file = File::new();
    let servers = [file.server().await, file.server().await];
    let executed = Count::default();
    let mut all = Vec::new();
    for server in &servers {
        let counted = executed.clone();
        all.push(
            runs(server, move |run: Run<Room>, number: u32| {
                let executed = counted.clone();
                async move {
                    for id in ["a", "b", "c"] {
                        run.step(id, async || Ok::<_, RunError>(executed.up())).await?;
                        run.publish(&format!("said {id}"), run.channel().said(), id).await?;
                    }
                    Ok(done(number.to_string()))
                }
            })
            .await,
        );
    }
    for number in 0..RUNS {
        let channel = Room(room(&number.to_string()));
        let (runs, job) = &all[number as usize % 2];
        runs.start(job, &format!("run_{number}"), &channel, &number).await.unwrap();
    }
    for number in 0..RUNS {
        let completed = RunStatus::Completed(format!(r#"{{"message":"{number}"}}"#));
        assert_eq!(ended(&all[0].0, &format!("run_{number}")).await, completed);
    }
    assert_eq!(executed.get(), 3 * RUNS);
    for number in 0..RUNS {
        let channel = room(&number.to_string());
        let mut client = servers[number as usize % 2].resume(&channel, &["said"], "start").await;
        client.ready().await;
        let mut texts = Vec::new();
        while texts.len() < 3 {
            if let ServerFrame::Data { data, .. } = client.frame().await {
                texts.push(data);
            }
        }
        assert_eq!(texts, ["a", "b", "c"]);
    }
}

#[tokio::test]
async fn a_run_in_memory_continues_in_the_next_hub_of_its_process() {
    let (memory, count, channel) = (Memory::new(), Count::default(), Room(room("1")));
    let server =
        async || Server::start_with(|builder| builder.storage(memory.clone()).admin_routes(true)).await;
    let start = async |server: &Server| {
        let count = count.clone();
        runs(server, move |run: Run<Room>, (): ()| {
            let count = count.clone();
            async move {
                let number = run.step("count", async || Ok::<_, RunError>(count.up())).await?;
                let nod = run.wait_for(run.channel().nod(), MINUTE).await?;
                Ok(done(format!("{number} {}", nod.unwrap().payload)))
            }
        })
        .await
    };
    let first = server().await;
    let (runs, job) = start(&first).await;
    runs.start(&job, "run_1", &channel, &()).await.unwrap();
    waits(&runs, "run_1").await;
    drop(runs);
    first.stop().await;
    let second = server().await;
    let (runs, _) = start(&second).await;
    second.hub.signal(channel.nod(), "yes").await.unwrap();
    let completed = RunStatus::Completed(r#"{"message":"1 yes"}"#.into());
    assert_eq!(ended(&runs, "run_1").await, completed);
    let calls = second.admin("calls?run_id=run_1").await;
    assert_eq!((&calls["items"][0]["id"], &calls["items"][0]["value"]), (&json!("count"), &json!(1)));
    let listed = second.admin("runs?state=completed").await;
    assert_eq!(listed["items"][0]["run_id"], "run_1");
    assert_eq!(second.admin("signals?run_id=run_1").await["items"][0]["payload"], "yes");
}

#[tokio::test]
async fn a_signal_to_a_channel_without_runs_is_refused() {
    let server = Server::start().await;
    let channel = room("1");
    let error = server.hub.signal(Room(channel).nod(), "yes").await.unwrap_err();
    assert_eq!(error, SignalError::NoRun);
    let refused = http::post(server.address, "signal?channel=room:1&name=nod", Some(KEY), b"\"yes\"").await;
    assert_eq!((refused.status, &refused.body["data"]["code"]), (404, &json!("no_run")));
}

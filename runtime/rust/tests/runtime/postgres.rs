//! Runs of several servers that share a PostgreSQL database.

use std::time::{Duration, Instant};

use fanfare::wire::ServerFrame;
use fanfare::{Channel, Job, PublishError, Run, RunError, RunStatus, Runs, StartOutcome};
use fanfare_test_servers::postgres::TestServer;
use serde_json::{Value, json};
use tokio_postgres::{Client, NoTls};

use crate::support::definition::{Room, draft, room};
use crate::support::postgres::Schema;
use crate::support::runs::{Count, completed, done, ended, runs, runs_with, waits};
use crate::support::server::Server;

/// The texts that the runs of most tests publish, each with a step of its own.
const TEXTS: [&str; 3] = ["a", "b", "c"];

async fn client(server: &TestServer) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Executes runs that publish [`TEXTS`].
async fn publishing(server: &Server, executed: &Count) -> (Runs, Job<Room, u32>) {
    let counted = executed.clone();
    let job = move |run: Run<Room>, number: u32| {
        let executed = counted.clone();
        async move {
            for text in TEXTS {
                run.step(text, async || Ok::<_, RunError>(executed.up())).await?;
                run.publish(&format!("said {text}"), run.channel().said(), text).await?;
            }
            Ok(done(number.to_string()))
        }
    };
    runs(server, job).await
}

/// Reads all texts of a channel whose only run has completed.
async fn texts(server: &Server, channel: &Channel) -> Vec<Value> {
    let mut client = server.resume(channel, &["said"], "start").await;
    client.ready().await;
    let mut texts = Vec::new();
    loop {
        match client.frame().await {
            ServerFrame::Data { data, .. } => texts.push(data),
            ServerFrame::Run { data, .. } if data["status"] == "completed" => break,
            _ => {}
        }
    }
    client.expect_silence().await;
    texts
}

/// Starts a run, however often that fails.
async fn start(runs: &Runs, job: &Job<Room, u32>, number: u32) {
    let (id, channel) = (format!("run_{number}"), Room(room(&number.to_string())));
    while let Err(error) = runs.start(job, &id, &channel, &number).await {
        assert!(error.to_string().contains("database"), "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until a run has completed, even if the storage fails meanwhile.
async fn complete(runs: &Runs, number: u32) {
    let expected = completed(&number.to_string());
    let since = Instant::now();
    loop {
        match runs.status(&format!("run_{number}")).await {
            Ok(Some(status)) if status == expected => return,
            Ok(Some(RunStatus::Running)) | Err(_) => {}
            status => panic!("{status:?}"),
        }
        assert!(since.elapsed() < Duration::from_secs(90), "run_{number} does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_execute_each_run_once() {
    const RUNS: u32 = 40;
    let schema = Schema::new();
    let servers = [schema.server().await, schema.server().await];
    let executed = Count::default();
    let all = [publishing(&servers[0], &executed).await, publishing(&servers[1], &executed).await];
    for number in 0..RUNS {
        let (runs, job) = &all[number as usize % 2];
        start(runs, job, number).await;
        // The other server knows the run.
        let (runs, job) = &all[(number as usize + 1) % 2];
        let (id, channel) = (format!("run_{number}"), Room(room(&number.to_string())));
        assert_eq!(runs.start(job, &id, &channel, &number).await, Ok(StartOutcome::Existing));
    }
    for number in 0..RUNS {
        complete(&all[0].0, number).await;
    }
    assert_eq!(executed.get(), u32::try_from(TEXTS.len()).unwrap() * RUNS);
    for number in 0..4 {
        assert_eq!(texts(&servers[number % 2], &room(&number.to_string())).await, TEXTS);
    }
}

/// Executes a run at one server that waits for signals from the other, and returns the times until its answers arrive.
async fn measure_signals(stays_in_memory: bool) -> Vec<Duration> {
    const SIGNALS: usize = 20;
    let schema = Schema::new();
    let [here, there] = [schema.server().await, schema.server().await];
    let answering = move |run: Run<Room>, (): ()| async move {
        let finished = tokio::sync::Notify::new();
        let answers = async |run: Run<Room>| {
            for number in 0..SIGNALS {
                let nod = run.wait_for(run.channel().nod(), Duration::from_secs(60)).await?;
                let text = nod.map(|nod| nod.payload).unwrap_or_default();
                run.publish(&format!("said {number}"), run.channel().said(), &text).await?;
            }
            finished.notify_one();
            Ok(())
        };
        let works = async |run: Run<Room>| {
            if stays_in_memory {
                run.step("work", async || {
                    finished.notified().await;
                    Ok::<_, RunError>(())
                })
                .await?;
            }
            Ok(())
        };
        run.join(answers, works).await?;
        Ok(done("end"))
    };
    let (runs, job) = runs(&there, answering).await;
    let mut reader = here.subscribe(&room("1"), &["said"]).await;
    reader.ready().await;
    runs.start(&job, "run_1", &Room(room("1")), &()).await.unwrap();
    let mut times = Vec::new();
    for number in 0..SIGNALS {
        waits(&runs, "run_1").await;
        let since = Instant::now();
        here.hub.signal(Room(room("1")).nod(), &number.to_string()).await.unwrap();
        assert_eq!(said(&mut reader).await, json!(number.to_string()));
        times.push(since.elapsed());
    }
    assert_eq!(ended(&runs, "run_1").await, completed("end"));
    times.sort_unstable();
    times
}

/// Returns the next text, and skips the events of the run.
async fn said(reader: &mut crate::support::client::Client) -> Value {
    loop {
        if let ServerFrame::Data { data, .. } = reader.frame().await {
            return data;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_at_one_server_reaches_a_run_at_another_at_once() {
    for stays_in_memory in [false, true] {
        let times = measure_signals(stays_in_memory).await;
        println!(
            "signal until the answer, in memory {stays_in_memory}: p50 {:?}, max {:?}",
            times[10], times[19]
        );
        // With polling alone, all but the first would take half a second. A busy machine may delay many of them.
        assert!(times[5] < Duration::from_millis(200), "{times:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_its_server_has_no_slot_for_starts_at_once_at_another() {
    let schema = Schema::new();
    let [full, free] = [schema.server().await, schema.server().await];
    let begun = Count::default();
    let counted = begun.clone();
    let hangs = move |_: Run<Room>, hangs: bool| {
        let begun = counted.clone();
        async move {
            if hangs {
                begun.up();
                std::future::pending::<()>().await;
            }
            Ok(done("end"))
        }
    };
    let (busy, job) = runs_with(&full, |builder| builder.max_concurrent_runs(1), hangs.clone()).await;
    busy.start(&job, "hanging", &Room(room("0")), &true).await.unwrap();
    while begun.get() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (_other, _) = runs(&free, hangs).await;
    let mut times = Vec::new();
    for number in 0..20 {
        let (id, since) = (format!("run_{number}"), Instant::now());
        busy.start(&job, &id, &Room(room("1")), &false).await.unwrap();
        while busy.status(&id).await.unwrap() != Some(completed("end")) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        times.push(since.elapsed());
    }
    times.sort_unstable();
    println!("start at one server until the end at another: p50 {:?}, max {:?}", times[10], times[19]);
    assert!(times[5] < Duration::from_millis(200), "{times:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_complete_and_publish_once_although_connections_are_cut() {
    const RUNS: u32 = 30;
    let database = TestServer::start(false);
    let schema = Schema::of(&database);
    let server = schema.server().await;
    let executed = Count::default();
    let (runs, job) = publishing(&server, &executed).await;
    let cutter = client(&database).await;
    let cutting = tokio::spawn(async move {
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'fanfare'";
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            cutter.simple_query(cut).await.unwrap();
        }
    });
    for number in 0..RUNS {
        start(&runs, &job, number).await;
    }
    cutting.await.unwrap();
    for number in 0..RUNS {
        complete(&runs, number).await;
    }
    for number in 0..RUNS {
        assert_eq!(texts(&server, &room(&number.to_string())).await, TEXTS);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_complete_and_publish_once_although_the_database_is_killed() {
    const RUNS: u32 = 30;
    let mut database = TestServer::start(true);
    let schema = Schema::of(&database);
    let server = schema.server().await;
    let executed = Count::default();
    let (runs, job) = publishing(&server, &executed).await;
    for number in 0..RUNS {
        start(&runs, &job, number).await;
        if number % 10 == 5 {
            tokio::task::block_in_place(|| {
                database.kill("QUIT");
                database.restart();
            });
        }
    }
    for number in 0..RUNS {
        complete(&runs, number).await;
    }
    for number in 0..RUNS {
        assert_eq!(texts(&server, &room(&number.to_string())).await, TEXTS);
    }
}

#[test]
fn the_runs_of_a_killed_server_continue_on_another() {
    let schema = Schema::new();
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (killed, executed) = (runtime(), Count::default());
    let job = |executed: &Count, hangs: bool| {
        let executed = executed.clone();
        move |run: Run<Room>, (): ()| {
            let executed = executed.clone();
            async move {
                run.step("first", async || Ok::<_, RunError>(executed.up())).await?;
                run.publish("said", run.channel().said(), "once").await?;
                if hangs {
                    std::future::pending::<()>().await;
                }
                run.publish("said again", run.channel().said(), "twice").await?;
                Ok(done("end"))
            }
        }
    };
    let server = killed.block_on(async {
        let server = schema.server().await;
        let (runs, hanging) = runs(&server, job(&executed, true)).await;
        runs.start(&hanging, "run_1", &Room(room("1")), &()).await.unwrap();
        let mut reader = server.resume(&room("1"), &["said"], "start").await;
        reader.ready().await;
        assert_eq!(said(&mut reader).await, json!("once"));
        server
    });
    // Its tasks end where they are. Nothing is released.
    killed.shutdown_background();
    std::mem::forget(server);
    runtime().block_on(async {
        let client = client(TestServer::shared()).await;
        client.batch_execute(&format!("UPDATE {}.processes SET seen = 0", schema.name)).await.unwrap();
        let server = schema.server().await;
        let (runs, _) = runs(&server, job(&executed, false)).await;
        assert_eq!(ended(&runs, "run_1").await, completed("end"));
        assert_eq!(executed.get(), 1);
        assert_eq!(texts(&server, &room("1")).await, ["once", "twice"]);
    });
}

#[tokio::test]
async fn a_text_ends_if_the_connection_fails_while_it_begins() {
    let (schema, channel) = (Schema::new(), room("1"));
    let server = schema.server().await;
    let mut reader = server.subscribe(&channel, &["draft"]).await;
    reader.ready().await;
    let cut = format!(
        "CREATE FUNCTION {0}.cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM pg_terminate_backend(pg_backend_pid());
             RETURN NULL;
         END $$;
         CREATE TRIGGER cut AFTER INSERT ON {0}.messages FOR EACH ROW
         WHEN (NEW.frame LIKE '%datastream-start%') EXECUTE FUNCTION {0}.cut()",
        schema.name
    );
    client(TestServer::shared()).await.batch_execute(&cut).await.unwrap();
    let error = server.hub.stream(draft(&channel)).await.unwrap_err();
    assert!(matches!(error, PublishError::Storage(_)), "{error}");
    // The server cannot know whether readers have received the start.
    let end = reader.frame().await;
    assert!(matches!(end, ServerFrame::DatastreamEnd { error: Some(_), .. }), "{end:?}");
}

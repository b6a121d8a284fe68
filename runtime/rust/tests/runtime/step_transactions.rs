//! Steps that do their work in a database transaction.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use fanfare::postgres::StepTransaction;
use fanfare::{Run, RunError, RunStatus, Runs};
use fanfare_test_servers::postgres::TestServer;

use crate::support::definition::{Outcome, Room, room, said};
use crate::support::postgres::Schema;
use crate::support::runs::{Count, MINUTE, completed, done, ended, failed, runs, runs_with};
use crate::support::server::Server;

/// Adds a row and publishes a message.
async fn work(
    run: &Run<Room>,
    schema: &str,
    transaction: &mut StepTransaction,
    text: &str,
) -> Result<i64, RunError> {
    let insert = format!("INSERT INTO {schema}.work (text) VALUES ($1) RETURNING id");
    let id = transaction.query_one(&insert, &[&text]).await?.get(0);
    run.hub().publish(run.channel().said(), text).within(transaction).await?;
    Ok(id)
}

async fn create_table(schema: &Schema) {
    let create = "CREATE TABLE work (id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text NOT NULL)";
    schema.client().await.batch_execute(create).await.unwrap();
}

/// Returns the texts of the rows, and those of the messages.
async fn texts(schema: &Schema) -> [Vec<String>; 2] {
    let client = schema.client().await;
    let statements = [
        "SELECT text FROM work ORDER BY text",
        "SELECT frame::json ->> 'data' FROM messages WHERE topic = 'said' ORDER BY 1",
    ];
    let mut found = [Vec::new(), Vec::new()];
    for (texts, sql) in found.iter_mut().zip(statements) {
        *texts = client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    }
    found
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test]
async fn the_work_and_the_record_of_a_step_commit_together() {
    let schema = Schema::new();
    let server = schema.server().await;
    create_table(&schema).await;
    let (attempts, executions, name) = (Count::default(), Count::default(), schema.name.clone());
    let counts = (attempts.clone(), executions.clone());
    let job = move |run: Run<Room>, (): ()| {
        let ((attempts, executions), name) = (counts.clone(), name.clone());
        async move {
            executions.up();
            let value: i64 = run
                .transaction("first", async |mut transaction| {
                    let attempt = attempts.up();
                    let value = work(&run, &name, &mut transaction, &format!("attempt {attempt}")).await?;
                    match attempt {
                        1 => Err(RunError::retry("once more")),
                        2 => panic!("unexpected"),
                        _ => Ok(value),
                    }
                })
                .await?;
            let failed: Result<(), RunError> = run
                .transaction("second", async |mut transaction| {
                    work(&run, &name, &mut transaction, "not committed").await?;
                    Err(RunError::fail("no"))
                })
                .await;
            let why = failed.unwrap_err().to_string();
            // Executes the job again from its beginning.
            run.sleep("a moment", Duration::from_millis(50)).await?;
            if executions.get() == 1 {
                return Err(RunError::retry("again"));
            }
            Ok(done(format!("{value} {why}")))
        }
    };
    let (runs, job) = runs(&server, job).await;
    runs.start(&job, "run", &Room(room("1")), &()).await.unwrap();
    assert_eq!(ended(&runs, "run").await, completed("3 no"));
    assert_eq!((attempts.get(), executions.get()), (3, 2));
    assert_eq!(texts(&schema).await, [owned(&["attempt 3"]), owned(&["attempt 3"])]);
    server.stop().await;
}

#[tokio::test]
async fn a_transaction_that_the_database_rejects_is_attempted_again() {
    let schema = Schema::new();
    let server = schema.server().await;
    create_table(&schema).await;
    // Checked when the transaction commits, with the application's search path.
    let check = format!(
        "CREATE TABLE public.{0}_allowed (text text);
         CREATE FUNCTION check_work() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF NOT EXISTS (SELECT FROM {0}_allowed a WHERE a.text = NEW.text) THEN
                 RAISE EXCEPTION 'refused at the commit';
             END IF;
             RETURN NULL;
         END $$;
         CREATE CONSTRAINT TRIGGER check_work AFTER INSERT ON work DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION check_work();
         INSERT INTO public.{0}_allowed VALUES ('1'), ('3')",
        schema.name
    );
    schema.client().await.batch_execute(&check).await.unwrap();
    let (attempts, name) = (Count::default(), schema.name.clone());
    let job = move |run: Run<Room>, first: u32| {
        let (attempts, name) = (attempts.clone(), name.clone());
        async move {
            let text: String = run
                .transaction("check", async |mut transaction| {
                    let text = (first + attempts.up() - 1).to_string();
                    work(&run, &name, &mut transaction, &text).await?;
                    Ok::<_, RunError>(text)
                })
                .await?;
            let lost: Result<(), RunError> = run
                .transaction("keep", async |transaction| {
                    std::mem::forget(transaction);
                    Ok::<_, RunError>(())
                })
                .await;
            Ok(done(format!("{text} {}", lost.unwrap_err())))
        }
    };
    let (runs, job) = runs_with(&server, |builder| builder.max_retries(1), job).await;
    runs.start(&job, "run", &Room(room("1")), &2).await.unwrap();
    let RunStatus::Completed(result) = ended(&runs, "run").await else { panic!() };
    assert!(result.contains("3 the transaction of step \\\"keep\\\" was not committed"), "{result}");
    assert_eq!(texts(&schema).await, [owned(&["3"]), owned(&["3"])]);
    runs.start(&job, "failing", &Room(room("1")), &10).await.unwrap();
    let RunStatus::Failed(why) = ended(&runs, "failing").await else { panic!() };
    assert!(why.contains("refused at the commit"), "{why}");
    assert_eq!(texts(&schema).await, [owned(&["3"]), owned(&["3"])]);
    server.stop().await;
}

#[tokio::test]
async fn a_run_halts_if_its_storage_has_no_transactions() {
    let server = Server::start_with(|builder| builder.storage(fanfare::Sqlite::in_memory().unwrap())).await;
    let job = |run: Run<Room>, (): ()| async move {
        run.transaction("x", async |_| Ok::<_, RunError>(())).await?;
        Ok(done("never"))
    };
    let (runs, job) = runs(&server, job).await;
    runs.start(&job, "run", &Room(room("1")), &()).await.unwrap();
    let status = loop {
        match runs.status("run").await.unwrap().unwrap() {
            RunStatus::Running => tokio::time::sleep(Duration::from_millis(5)).await,
            status => break status,
        }
    };
    assert!(format!("{status:?}").contains("needs a hub whose storage is PostgreSQL"), "{status:?}");
    server.stop().await;
}

const STEPS: usize = 8;

async fn storm(run: Run<Room>, name: String) -> Result<Outcome, RunError> {
    for step in 0..STEPS {
        let text = format!("{} {step}", run.id());
        run.transaction("work", async |mut transaction| {
            work(&run, &name, &mut transaction, &text).await?;
            tokio::time::sleep(Duration::from_millis(5)).await;
            Ok::<_, RunError>(())
        })
        .await?;
    }
    Ok(done("done"))
}

/// Returns the texts that each run adds.
fn expected(run_ids: &[String]) -> Vec<String> {
    let mut expected: Vec<String> =
        run_ids.iter().flat_map(|run_id| (0..STEPS).map(move |step| format!("{run_id} {step}"))).collect();
    expected.sort();
    expected
}

async fn check(schema: &Schema, run_ids: &[String]) {
    let [rows, messages] = texts(schema).await;
    let expected = expected(run_ids);
    for (kind, found) in [("row", &rows), ("message", &messages)] {
        let mut counts = BTreeMap::new();
        for text in found {
            *counts.entry(text).or_insert(0) += 1;
        }
        let wrong: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
        assert!(wrong.is_empty(), "{kind} not once: {wrong:?}");
        assert_eq!(*found, expected, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_in_a_transaction_happens_once_although_connections_are_cut() {
    // Not the shared server, because all connections are cut.
    let own = TestServer::start(false);
    let schema = Schema { url: own.url(), name: "storm".into() };
    let server = schema.server().await;
    create_table(&schema).await;
    let name = schema.name.clone();
    let job = move |run: Run<Room>, (): ()| storm(run, name.clone());
    let settings =
        |builder: fanfare::RunsBuilder| builder.max_retries(1_000).lease_duration(Duration::from_secs(2));
    let (runs, job) = runs_with(&server, settings, job).await;
    let run_ids: Vec<String> = (0..40).map(|number| format!("run_{number}")).collect();
    for run_id in &run_ids {
        runs.start(&job, run_id, &Room(room("1")), &()).await.unwrap();
    }
    let cutter = schema.client().await;
    let mut cuts: i64 = 0;
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE application_name = 'fanfare' AND random() < 0.3";
    for round in 0..25 {
        tokio::time::sleep(Duration::from_millis(30 + round * 3)).await;
        cuts += cutter.query_one(cut, &[]).await.unwrap().get::<_, i64>(0);
    }
    for run_id in &run_ids {
        loop {
            match runs.status(run_id).await {
                Ok(Some(RunStatus::Completed(_))) => break,
                Ok(Some(status)) if failed(&status) => panic!("{run_id}: {status:?}"),
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
    eprintln!("{cuts} connections were cut");
    check(&schema, &run_ids).await;
    server.stop().await;
}

const URL: &str = "FANFARE_TEST_STEPS";

/// A process of the test below.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a process of another test"]
async fn killed_process() {
    let Ok(url) = std::env::var(URL) else { return };
    let schema = Schema { url, name: "killed".into() };
    let server = schema.server().await;
    let (_runs, _) = executing(&server, &schema).await;
    std::future::pending().await
}

async fn executing(server: &Server, schema: &Schema) -> (Runs, fanfare::Job<Room, ()>) {
    let name = schema.name.clone();
    let settings =
        |builder: fanfare::RunsBuilder| builder.max_retries(1_000).lease_duration(Duration::from_millis(500));
    runs_with(server, settings, move |run: Run<Room>, (): ()| storm(run, name.clone())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_in_a_transaction_happens_once_although_its_process_is_killed() {
    let schema = Schema { url: TestServer::shared().url(), name: "killed".into() };
    let server = schema.server().await;
    create_table(&schema).await;
    let run_ids: Vec<String> = (0..40).map(|number| format!("run_{number}")).collect();
    {
        // Starts the runs, and leaves them to the others.
        let none = |builder: fanfare::RunsBuilder| builder.max_concurrent_runs(1);
        let job = |_: Run<Room>, (): ()| std::future::pending();
        let (runs, job) = runs_with(&server, none, job).await;
        for run_id in &run_ids {
            runs.start(&job, run_id, &Room(room("1")), &()).await.unwrap();
        }
    }
    server.stop().await;
    let (mut kills, mut left) = (0, 40_i64);
    let client = schema.client().await;
    let count = async |sql: &str| -> i64 { client.query_one(sql, &[]).await.unwrap().get(0) };
    let (unfinished, rows) =
        ("SELECT count(*) FROM runs WHERE state = 'running'", "SELECT count(*) FROM work");
    while left > 0 {
        let (before, since) = (count(rows).await, Instant::now());
        let mut process = Command::new(std::env::current_exe().unwrap());
        process.args(["--exact", "step_transactions::killed_process", "--ignored"]).env(URL, &schema.url);
        let mut process = process.spawn().unwrap();
        // Starting may take longer than the work until the next kill.
        while count(rows).await == before && count(unfinished).await > 0 {
            assert!(since.elapsed() < MINUTE, "{left} runs are left");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(300 + kills * 37 % 300)).await;
        process.kill().unwrap();
        process.wait().unwrap();
        kills += 1;
        left = count(unfinished).await;
    }
    let completed = count("SELECT count(*) FROM runs WHERE state = 'completed'").await;
    eprintln!("{completed} runs completed; {kills} processes were killed");
    assert_eq!(completed, 40);
    check(&schema, &run_ids).await;
}

#[tokio::test]
async fn a_position_and_the_rows_of_a_snapshot_belong_together() {
    let schema = Schema::new();
    let server = schema.server().await;
    create_table(&schema).await;
    let (mut writer, mut reader, channel) = (schema.client().await, schema.client().await, room("1"));
    let mut publish = async |text: &str| {
        let mut transaction = writer.transaction().await.unwrap();
        transaction.execute("INSERT INTO work (text) VALUES ($1)", &[&text]).await.unwrap();
        server.hub.publish(said(&channel), text).within(&mut transaction).await.unwrap();
        transaction.commit().await.unwrap();
    };
    for round in 0..20 {
        let repeatable = tokio_postgres::IsolationLevel::RepeatableRead;
        let transaction = reader.build_transaction().isolation_level(repeatable).read_only(true);
        let mut transaction = transaction.start().await.unwrap();
        let count = "SELECT count(*) FROM work";
        let rows: i64 = transaction.query_one(count, &[]).await.unwrap().get(0);
        // The snapshot was taken by the first statement, and the channel may not have existed then.
        publish(&format!("{round} a")).await;
        let position = server.hub.position(&channel).within(&mut transaction).await.unwrap();
        publish(&format!("{round} b")).await;
        let again: i64 = transaction.query_one(count, &[]).await.unwrap().get(0);
        assert_eq!((rows, again), (2 * round, 2 * round));
        transaction.commit().await.unwrap();
        let mut changes = server.hub.subscribe(said(&channel)).since(position).await.unwrap();
        for expected in ["a", "b"] {
            assert_eq!(changes.recv().await.unwrap().data, format!("{round} {expected}"));
        }
    }
    // At READ COMMITTED, the position comes first.
    let mut transaction = reader.transaction().await.unwrap();
    let position = server.hub.position(&channel).within(&mut transaction).await.unwrap();
    publish("last").await;
    transaction.commit().await.unwrap();
    let mut changes = server.hub.subscribe(said(&channel)).since(position).await.unwrap();
    assert_eq!(changes.recv().await.unwrap().data, "last");
    server.stop().await;
}

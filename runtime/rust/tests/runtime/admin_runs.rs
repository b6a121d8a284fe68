//! Listing runs, and showing their calls and signals.

use std::collections::BTreeSet;
use std::time::Duration;

use fanfare::{Run, RunError, Runs, Sqlite};
use serde_json::{Value, json};

use crate::support::definition::{Room, room};
use crate::support::file::File;
use crate::support::http;
use crate::support::runs::{MINUTE, done, ended, waits};
use crate::support::server::{KEY, Server};

async fn start(file: &File) -> Server {
    let storage = Sqlite::open(file.path()).unwrap();
    Server::start_with(|builder| builder.admin_routes(true).storage(storage)).await
}

fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["run_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn runs_are_listed_exactly_once_while_runs_are_added() {
    let file = File::new();
    let server = start(&file).await;
    let mut builder = Runs::builder(&server.hub);
    let job = builder.register("echo", |_: Run<Room>, text: String| async move {
        if text == "fail" { Err(RunError::fail("no")) } else { Ok(done(text)) }
    });
    let waiting = builder.register("wait", |run: Run<Room>, (): ()| async move {
        run.wait_for(run.channel().nod(), MINUTE).await?;
        Ok(done("nodded"))
    });
    let sleeping = builder.register("sleep", |run: Run<Room>, (): ()| async move {
        run.sleep("night", MINUTE).await?;
        Ok(done("awake"))
    });
    let retrying = builder.register("retry", |run: Run<Room>, (): ()| async move {
        run.step("flaky", async || Err::<(), _>(RunError::retry_after("busy", MINUTE))).await?;
        Ok(done("never"))
    });
    let runs = builder.build().await.unwrap();
    let channel = Room(room("1"));
    for number in 0..40 {
        let text = if number % 4 == 0 { "fail" } else { "fine" };
        let id = format!("run_{number:02}");
        runs.start(&job, &id, &channel, &text.to_owned()).await.unwrap();
        ended(&runs, &id).await;
    }
    let other = Room(room("2"));
    runs.start(&waiting, "waits", &other, &()).await.unwrap();
    waits(&runs, "waits").await;
    runs.start(&sleeping, "sleeps", &other, &()).await.unwrap();
    runs.start(&retrying, "retries", &other, &()).await.unwrap();
    server.settle("sleeps", "sleeping").await;
    server.settle("retries", "retrying").await;

    let mut added = 0;
    let all = server
        .admin_pages("runs?limit=6", async || {
            added += 1;
            let id = format!("later_{added}");
            runs.start(&job, &id, &channel, &"fine".to_owned()).await.unwrap();
        })
        .await;
    let mut expected: Vec<String> = (0..40).map(|number| format!("run_{number:02}")).collect();
    expected.extend(["waits", "sleeps", "retries"].map(str::to_owned));
    expected.reverse();
    assert_eq!(ids(&all), expected);

    let list = async |filter: &str| server.admin_pages(&format!("runs?limit=5&{filter}"), async || {}).await;
    let failed = list("state=failed").await;
    let expected: Vec<String> =
        (0..40).rev().step_by(1).filter(|n| n % 4 == 0).map(|n| format!("run_{n:02}")).collect();
    assert_eq!(ids(&failed), expected);
    assert_eq!((&failed[0]["error"], &failed[0]["job"]), (&json!("no"), &json!("echo")));
    assert!(failed[0]["created_at"].as_str() <= failed[0]["changed_at"].as_str());
    assert_eq!(ids(&list("job=echo&state=failed").await), expected);
    assert_eq!(ids(&list("channel=room:1&state=failed").await), expected);
    assert_eq!(ids(&list("state=running").await), ["retries", "sleeps", "waits"]);
    assert_eq!(ids(&list("channel=room:2").await), ["retries", "sleeps", "waits"]);
    for (activity, id) in [("waiting", "waits"), ("sleeping", "sleeps"), ("retrying", "retries")] {
        assert_eq!(ids(&list(&format!("activity={activity}")).await), [id]);
        assert_eq!(
            ids(&list(&format!("activity={activity}&channel=room:2&job={}", &id[..id.len() - 1])).await)
                .len(),
            usize::from(activity != "retrying")
        );
    }
    assert_eq!(list("job=wait").await[0]["waiting_for"], json!(["nod"]));
    let mixed = list("state=failed,running").await;
    assert_eq!(mixed.len(), 13);
    assert_eq!(ids(&mixed)[..3], ["retries", "sleeps", "waits"]);
    assert_eq!(list("job=echo").await.len(), 40 + added);
    let unique: BTreeSet<_> = ids(&mixed).into_iter().collect();
    assert_eq!(unique.len(), mixed.len());

    let run_20 = server.admin("run?run_id=run_20").await;
    let time = run_20["created_at"].as_str().unwrap();
    let before = list(&format!("created_before={time}")).await;
    let after = list(&format!("created_after={time}&job=echo")).await;
    assert_eq!(before.len() + after.len(), 40 + added);
    assert!(ids(&before).contains(&"run_19") && !ids(&before).contains(&"run_20"));
    assert!(ids(&after).contains(&"run_20"));
}

#[tokio::test]
async fn a_page_of_runs_with_many_open_questions_has_at_most_a_mebibyte() {
    let file = File::new();
    let server = start(&file).await;
    let connection = rusqlite::Connection::open(file.path()).unwrap();
    // Each run asks 300 questions for signals with long names, one of them twice.
    let questions =
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 300)
        INSERT INTO waits (run, branch, position, id, names, since, until)
            SELECT runs.id, '', n, 'w', json_array('nod', n || printf('%.*c', 500, 'x')), 0, 9000000000000
            FROM runs, numbers;";
    for number in 0..100 {
        let sql = "INSERT INTO runs (run, job, channel, input, state, due, changed)
            VALUES (?1, 'job', 'room:1', '1', ?2, 9000000000000, 0)";
        let state = if number % 2 == 0 { "running" } else { "halted" };
        connection.execute(sql, (format!("run_{number}"), state)).unwrap();
    }
    connection.execute_batch(questions).unwrap();
    for filter in ["", "state=running", "activity=waiting", "channel=room:1"] {
        let path = format!("runs?limit=500&{filter}");
        let first = server.admin(&path).await;
        let bytes = first.to_string().len();
        assert!(bytes > 700_000 && bytes < 1_100_000, "{filter}: {bytes}");
        let all = server.admin_pages(&path, async || {}).await;
        let unique: BTreeSet<_> = ids(&all).into_iter().collect();
        let expected = if filter.is_empty() || filter.starts_with("channel") { 100 } else { 50 };
        assert_eq!((all.len(), unique.len()), (expected, expected), "{filter}");
        assert_eq!(all[0]["waiting_for"].as_array().unwrap().len(), 301, "each name is listed once");
    }
}

#[tokio::test]
async fn a_run_is_shown_with_its_calls_signals_and_result() {
    let file = File::new();
    let server = start(&file).await;
    let mut builder =
        Runs::builder(&server.hub).backoff(Duration::from_millis(10), Duration::from_millis(10));
    let count = crate::support::runs::Count::default();
    let counter = count.clone();
    let job = builder.register("everything", move |run: Run<Room>, name: String| {
        let count = counter.clone();
        async move {
            let greeting: String = run
                .step("greet", async || {
                    if count.up() < 3 { Err(RunError::retry("not yet")) } else { Ok(format!("Hello {name}")) }
                })
                .await?;
            run.publish("tell", run.channel().said(), &greeting).await?;
            run.sleep("rest", Duration::from_millis(5)).await?;
            let (first, second) = run
                .join(
                    async |run| run.step("one", async || Ok::<_, RunError>(1)).await,
                    async |run| run.step("two", async || Ok::<_, RunError>(2)).await,
                )
                .await?;
            run.race(
                async |run| run.step("fast", async || Ok::<_, RunError>(3)).await,
                async |run| run.sleep("slow", MINUTE).await.map(|()| 4),
            )
            .await?;
            run.stream("write", run.channel().draft(), async |draft| draft.write("Once upon").await).await?;
            run.version("new", 2).await?;
            let failed = run.step("fails", async || Err::<(), _>(RunError::fail("broken"))).await;
            let nod = run.wait_for(run.channel().nod(), MINUTE).await?;
            let nod = nod.map(|nod| nod.payload).unwrap_or_default();
            Ok(done(format!("{first} {second} {nod} {}", failed.is_err())))
        }
    });
    let runs = builder.build().await.unwrap();
    let channel = Room(room("1"));
    runs.start(&job, "run_1", &channel, &"Ada".to_owned()).await.unwrap();
    waits(&runs, "run_1").await;
    let open = server.admin_pages("calls?run_id=run_1&limit=2", async || {}).await;
    let find =
        |calls: &[Value], call: &str| calls.iter().find(|known| known["call"] == call).unwrap().clone();
    let question = find(&open, "8");
    assert_eq!((&question["kind"], &question["state"]), (&json!("wait"), &json!("begun")));
    assert_eq!(question["question"]["signals"], json!(["nod"]));
    assert_eq!(question["question"]["id"], "run_1:8");
    assert!(question["question"]["closes_at"].as_str() > question["question"]["asked_at"].as_str());
    assert_eq!(server.admin("run?run_id=run_1").await["waiting_for"], json!(["nod"]));

    server.hub.signal(channel.nod(), "yes").sender("ada").await.unwrap();
    ended(&runs, "run_1").await;
    let run = server.admin("run?run_id=run_1").await;
    assert_eq!((&run["state"], &run["input"]), (&json!("completed"), &json!("Ada")));
    assert_eq!(run["result"], json!({ "message": "1 2 yes true" }));
    assert!(run.get("activity").is_none() && run.get("error").is_none());
    let calls = server.admin_pages("calls?run_id=run_1&limit=3", async || {}).await;
    let sites: Vec<_> = calls.iter().map(|call| call["call"].as_str().unwrap()).collect();
    // The branch that lost may have begun.
    let sites: Vec<_> = sites.into_iter().filter(|call| *call != "4.1/0").collect();
    assert_eq!(sites, ["0", "1", "2", "4", "5", "6", "7", "8", "3.0/0", "3.1/0", "4.0/0"]);
    let greet = find(&calls, "0");
    assert_eq!(
        (&greet["kind"], &greet["id"], &greet["value"]),
        (&json!("step"), &json!("greet"), &json!("Hello Ada"))
    );
    assert_eq!((&greet["attempts"], &greet["state"]), (&json!(3), &json!("succeeded")));
    assert!(greet["began_at"].as_str() < greet["ended_at"].as_str());
    assert_eq!(find(&calls, "3.1/0")["attempts"], 1);
    let id = server.admin("history?channel=room:1&topic=said").await["items"][0]["id"].clone();
    assert_eq!(find(&calls, "1")["message_id"], id);
    assert!(find(&calls, "2")["until"].is_string());
    assert_eq!((&find(&calls, "4")["kind"], &find(&calls, "4")["winner"]), (&json!("race"), &json!(0)));
    assert_eq!(find(&calls, "5")["value"], "Once upon");
    assert_eq!(find(&calls, "6")["value"], 2);
    let fails = find(&calls, "7");
    assert_eq!(
        (&fails["state"], &fails["error"], &fails["attempts"]),
        (&json!("failed"), &json!("broken"), &json!(1))
    );
    let answer = &find(&calls, "8")["question"]["answer"];
    assert_eq!(
        (&answer["signal"], &answer["payload"], &answer["sender"]),
        (&json!("nod"), &json!("yes"), &json!("ada"))
    );
    let signals = server.admin("signals?run_id=run_1").await;
    let signal = &signals["items"][0];
    assert_eq!(
        (&signal["name"], &signal["payload"], &signal["status"]),
        (&json!("nod"), &json!("yes"), &json!("taken"))
    );
    assert_eq!(server.admin("server").await["jobs"], json!(["everything"]));
}

#[tokio::test]
async fn pages_end_at_a_mebibyte_and_after_twenty_thousand_rows() {
    let file = File::new();
    let server = start(&file).await;
    let mut builder = Runs::builder(&server.hub);
    let job = builder.register("large", |run: Run<Room>, (): ()| async move {
        for number in 0..5 {
            run.step(&number.to_string(), async || Ok::<_, RunError>("x".repeat(400_000))).await?;
        }
        Ok(done("fine"))
    });
    let runs = builder.build().await.unwrap();
    runs.start(&job, "large", &Room(room("1")), &()).await.unwrap();
    ended(&runs, "large").await;
    let page = server.admin("calls?run_id=large").await;
    assert_eq!((page["items"].as_array().unwrap().len(), &page["next"]), (2, &json!("1")));
    let mut pages = 1;
    let calls = server.admin_pages("calls?run_id=large", async || pages += 1).await;
    assert_eq!((calls.len(), pages), (5, 3));
    for _ in 0..4 {
        let text = "y".repeat(400_000);
        server.hub.publish(Room(room("2")).said(), &text).await.unwrap();
    }
    assert!(server.admin("history?channel=room:2").await["next"].is_string());
    assert_eq!(server.admin_pages("history?channel=room:2", async || {}).await.len(), 4);

    let connection = rusqlite::Connection::open(file.path()).unwrap();
    connection
        .execute_batch(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 45000)
             INSERT INTO runs (run, job, channel, input, state, due, changed)
                 SELECT 'many_' || n, 'job', 'room:3', '1', CASE n WHEN 1 THEN 'failed' ELSE 'completed' END,
                     0, 9000000000000 FROM numbers;",
        )
        .unwrap();
    let path = "runs?channel=room:3&state=failed";
    let page = server.admin(path).await;
    assert!(page["items"] == json!([]) && page["next"].is_string(), "{page}");
    assert_eq!(ids(&server.admin_pages(path, async || {}).await), ["many_1"]);
}

#[tokio::test]
async fn runs_are_shown_while_the_file_is_locked_but_not_after_it_is_deleted() {
    let file = File::new();
    let server = start(&file).await;
    let mut builder = Runs::builder(&server.hub);
    let job = builder.register("job", |_: Run<Room>, (): ()| async move { Ok(done("fine")) });
    let runs = builder.build().await.unwrap();
    runs.start(&job, "run_1", &Room(room("1")), &()).await.unwrap();
    ended(&runs, "run_1").await;
    let other = rusqlite::Connection::open(file.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(server.admin("run?run_id=run_1").await["state"], "completed");
    other.execute_batch("COMMIT").unwrap();
    drop(other);
    std::fs::remove_file(file.path()).unwrap();
    let answer = http::admin(server.address, "runs", Some(KEY)).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.error().contains("was deleted or replaced"), "{answer:?}");
}

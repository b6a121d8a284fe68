//! The speed of the admin routes with many runs, channels and connections. Run it alone: `cargo test --release -p fanfare --test runtime
//! admin_speed -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use fanfare::admin::{ChannelFilter, HistoryFilter, PageRequest, RunActivity, RunFilter, RunStateName};
use fanfare::{Hub, Rate, Sqlite};
use rusqlite::Connection;

use crate::support::client::Client;
use crate::support::definition::{REGISTRY, room, said};
use crate::support::file::File;
use crate::support::server::{KEY, Server};

const ENDED: u32 = 100_000;
const LIVE: u32 = 1_000;

/// How often, and for how long, publishers are measured in each way.
const ROUNDS: usize = 8;
const ROUND: Duration = Duration::from_secs(3);

fn open(file: &File) -> Hub {
    let storage = Sqlite::open(file.path()).unwrap();
    let builder = Hub::builder(&REGISTRY).signing_key(KEY).storage(storage);
    builder.max_connections_per_token(CONNECTIONS).max_connection_rate(Rate::UNLIMITED).build().unwrap()
}

/// Adds ended runs with three calls each, and live ones of all kinds.
fn fill(file: &File) {
    let connection = Connection::open(file.path()).unwrap();
    connection
        .execute_batch(&format!(
            "BEGIN;
             WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {ENDED})
             INSERT INTO runs (run, job, channel, input, state, due, changed, created, outcome)
                 SELECT 'run_' || n, 'job_' || (n % 20), 'room:' || (n % 500), '\"some input\"',
                     CASE WHEN n % 100 = 0 THEN 'failed' WHEN n % 250 = 0 THEN 'cancelled' ELSE 'completed' END,
                     0, n * 1000, n * 1000, '\"some result\"' FROM numbers;
             INSERT INTO steps (run, branch, position, kind, id, value, at, began)
                 SELECT id, '', p, 'step', 'step', '\"{}\"', created, created FROM runs,
                     (SELECT 0 AS p UNION SELECT 1 UNION SELECT 2);
             WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {LIVE})
             INSERT INTO runs (run, job, channel, input, state, due, changed, created, failures)
                 SELECT 'live_' || n, 'job_' || (n % 20), 'room:' || (n % 500), '1', 'running', 9000000000000,
                     {ENDED}000 + n, {ENDED}000 + n, n % 4 = 0 FROM numbers;
             INSERT INTO waits (run, branch, position, id, names, since, until)
                 SELECT id, '', 0, 'nod', '[\"nod\"]', 0, 9000000000000 FROM runs WHERE state = 'running' AND id % 3 = 0;
             COMMIT;",
            "x".repeat(100)
        ))
        .unwrap();
}

fn quantile(times: &mut [Duration], quantile: f64) -> Duration {
    times.sort_unstable();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        clippy::cast_possible_truncation,
        reason = "an index"
    )]
    let index = (times.len() as f64 * quantile) as usize;
    times[index.min(times.len() - 1)]
}

async fn publish_for(hub: &Hub, duration: Duration) -> Vec<Duration> {
    let (channel, until) = (room("busy"), Instant::now() + duration);
    let mut times = Vec::new();
    while Instant::now() < until {
        let began = Instant::now();
        hub.publish(said(&channel), "message").await.unwrap();
        times.push(began.elapsed());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    times
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes long"]
async fn lists_are_fast_and_publishers_do_not_notice() {
    let file = File::new();
    // Creates the tables.
    drop(open(&file));
    fill(&file);
    let hub = open(&file);
    let admin = hub.admin();
    let at = |number: u64| std::time::UNIX_EPOCH + Duration::from_secs(number);
    let filters = [
        ("all", RunFilter::new()),
        ("state=failed", RunFilter::new().state(RunStateName::Failed)),
        ("state=cancelled", RunFilter::new().state(RunStateName::Cancelled)),
        ("state=running", RunFilter::new().state(RunStateName::Running)),
        ("job", RunFilter::new().job("job_7")),
        ("job, state=failed", RunFilter::new().job("job_0").state(RunStateName::Failed)),
        ("job, state=failed, none", RunFilter::new().job("job_7").state(RunStateName::Failed)),
        ("unknown job", RunFilter::new().job("none")),
        ("activity=waiting", RunFilter::new().activity(RunActivity::Waiting)),
        ("activity=due, none", RunFilter::new().activity(RunActivity::Due)),
        ("channel", RunFilter::new().channel("room:7")),
        ("channel, state=failed", RunFilter::new().channel("room:0").state(RunStateName::Failed)),
        ("created between", RunFilter::new().created_after(at(50_000)).created_before(at(50_100))),
    ];
    for (name, filter) in filters {
        for limit in [50, 500] {
            let page = PageRequest::new().limit(limit);
            let (mut times, mut items) = (Vec::new(), 0);
            for _ in 0..20 {
                let began = Instant::now();
                items = admin.runs(&filter, &page).await.unwrap().items.len();
                times.push(began.elapsed());
            }
            let (median, max) = (quantile(&mut times, 0.5), quantile(&mut times, 1.0));
            println!("runs {name}, limit {limit}: {items} items, median {median:?}, max {max:?}");
            assert!(median < Duration::from_millis(50), "{name}");
        }
    }
    let (began, mut deep, mut pages) = (Instant::now(), PageRequest::new().limit(500), 0);
    loop {
        let page = admin.runs(&RunFilter::new(), &deep).await.unwrap();
        pages += 1;
        let Some(next) = page.next else { break };
        deep = deep.cursor(next);
    }
    println!("all {} runs in {pages} pages: {:?}", ENDED + LIVE, began.elapsed());

    publish_for(&hub, Duration::from_millis(500)).await;
    for (polling, pause, limit) in [
        ("as one page of Studio", Duration::from_secs(1), 50),
        ("every 100 ms, large pages", Duration::from_millis(100), 500),
        ("without a pause, large pages", Duration::ZERO, 500),
    ] {
        compare(polling, &hub, || poll(hub.clone(), pause, limit)).await;
    }
}

/// Compares the times of publishers without and with a task, in alternate rounds.
async fn compare<F: Future<Output = ()> + Send + 'static>(name: &str, hub: &Hub, task: impl Fn() -> F) {
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        without.push(publish_for(hub, ROUND).await);
        let task = tokio::spawn(task());
        with.push(publish_for(hub, ROUND).await);
        task.abort();
    }
    let all = |rounds: &[Vec<Duration>]| rounds.concat();
    let p99 = |rounds: &mut [Vec<Duration>]| {
        let mut each: Vec<_> = rounds.iter_mut().map(|times| quantile(times, 0.99)).collect();
        quantile(&mut each, 0.5)
    };
    for (label, rounds) in [("without", &mut without), ("with", &mut with)] {
        let mut times = all(rounds);
        let (median, max) = (quantile(&mut times, 0.5), quantile(&mut times, 1.0));
        let (count, p99_of_all) = (times.len(), quantile(&mut times, 0.99));
        let typical = p99(rounds);
        println!(
            "publish, {name}, {label}: {count} messages, median {median:?}, p99 {p99_of_all:?}, typical p99 of a round \
             {typical:?}, max {max:?}"
        );
    }
    println!(
        "publish, {name}: ratio of p99 {:.2}",
        p99(&mut with).as_secs_f64() / p99(&mut without).as_secs_f64()
    );
}

/// Reads pages of all kinds, with a pause in between.
async fn poll(hub: Hub, pause: Duration, limit: usize) {
    let (admin, page) = (hub.admin(), PageRequest::new().limit(limit));
    loop {
        admin.runs(&RunFilter::new().job("job_7"), &page).await.unwrap();
        admin.calls("run_7", &page).await.unwrap();
        admin.channels(&ChannelFilter::new(), &page).await.unwrap();
        admin.history("room:busy", &HistoryFilter::new(), &page).await.unwrap();
        admin.connections(&page).unwrap();
        let _ = admin.metrics();
        tokio::time::sleep(pause).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes long"]
async fn a_page_of_channels_is_as_fast_with_many_channels_and_messages() {
    let page = PageRequest::new().limit(500);
    for (name, hub, file) in [many_channels().await, many_messages()] {
        let admin = hub.admin();
        let names = if file.is_some() { ("room:01", "room:1") } else { ("room:050000", "room:0999") };
        for (kind, filter, page) in [
            ("first", ChannelFilter::new(), page.clone()),
            ("deep", ChannelFilter::new(), page.clone().cursor(names.0)),
            ("prefix", ChannelFilter::new().prefix(names.1), page.clone()),
            ("definition", ChannelFilter::new().definition("room"), page.clone()),
            ("other definition", ChannelFilter::new().definition("small"), page.clone()),
        ] {
            let (mut times, mut items) = (Vec::new(), 0);
            for _ in 0..20 {
                let began = Instant::now();
                items = admin.channels(&filter, &page).await.unwrap().items.len();
                times.push(began.elapsed());
            }
            let (median, max) = (quantile(&mut times, 0.5), quantile(&mut times, 1.0));
            println!("channels, {name}, {kind}: {items} items, median {median:?}, max {max:?}");
            assert!(median < Duration::from_millis(50), "{name}, {kind}");
        }
        let (began, mut request, mut pages) = (Instant::now(), page.clone(), 0);
        while let Some(next) = admin.channels(&ChannelFilter::new(), &request).await.unwrap().next {
            (request, pages) = (request.cursor(next), pages + 1);
        }
        println!("channels, {name}: all in {pages} pages: {:?}", began.elapsed());
    }
}

async fn many_channels() -> (&'static str, Hub, Option<File>) {
    let hub = Hub::builder(&REGISTRY).signing_key(KEY).build().unwrap();
    for number in 0..100_000 {
        hub.publish(said(&room(&format!("{number:06}"))), "message").await.unwrap();
    }
    ("100,000 in memory", hub, None)
}

fn many_messages() -> (&'static str, Hub, Option<File>) {
    let file = File::new();
    drop(open(&file));
    let connection = Connection::open(file.path()).unwrap();
    connection
        .execute_batch(
            "BEGIN;
             WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 20)
             INSERT INTO channels (name, life, head, fingerprint, used, sweep_at, messages, bytes)
                 SELECT printf('room:%02d', n), 7, 100000, '', 0, 9000000000000, 100000, 1100000 FROM numbers;
             WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 100000)
             INSERT INTO messages (channel, offset, topic, published, frame)
                 SELECT channels.id, n, 'said', 0, 'some frames' FROM channels, numbers;
             COMMIT;",
        )
        .unwrap();
    ("20 stored with 100,000 messages each", open(&file), Some(file))
}

const CONNECTIONS: usize = 10_000;

/// Each process may open fewer files than both ends of all connections need, so another process has the clients.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes long"]
async fn pages_of_many_connections_are_fast_and_publishers_do_not_notice() {
    let file = File::new();
    let hub = open(&file);
    let server = Server::serve_ours(hub.clone(), axum::Router::new(), |serve| serve).await;
    let token =
        hub.token(room("1").grant(["said"])).expires_in(Duration::from_secs(3000)).id("all").mint().unwrap();
    let mut clients = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["admin_speed::clients_of_many_connections", "--ignored", "--exact", "--nocapture"])
        .env("FANFARE_SPEED", format!("{} {token}", server.address))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let opening = Instant::now();
    let count = || async { hub.admin().server().connections };
    while count().await < CONNECTIONS && opening.elapsed() < Duration::from_secs(120) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(count().await, CONNECTIONS);
    println!("{CONNECTIONS} connections opened in {:?}", opening.elapsed());
    for limit in [50, 500] {
        let (mut times, mut items, mut request) = (Vec::new(), 0, PageRequest::new().limit(limit));
        loop {
            let began = Instant::now();
            let page = hub.admin().connections(&request).unwrap();
            serde_json::to_string(&page).unwrap();
            times.push(began.elapsed());
            items += page.items.len();
            let Some(next) = page.next else { break };
            request = request.cursor(next);
        }
        let (median, max) = (quantile(&mut times, 0.5), quantile(&mut times, 1.0));
        println!(
            "connections, limit {limit}: {items} in {} pages, median {median:?}, max {max:?}",
            times.len()
        );
        assert!(items == CONNECTIONS && median < Duration::from_millis(50));
    }
    let read = async |hub: Hub, pause| {
        let page = PageRequest::new().limit(500);
        loop {
            hub.admin().connections(&page).unwrap();
            tokio::time::sleep(pause).await;
        }
    };
    for (name, pause) in [("connections every 2 s", 2000), ("connections every 10 ms", 10)] {
        compare(name, &hub, || read(hub.clone(), Duration::from_millis(pause))).await;
    }
    drop(clients.stdin.take());
    clients.wait().unwrap();
}

/// Opens connections for the test above, until its standard input ends.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "is started by another test"]
async fn clients_of_many_connections() {
    let Ok(target) = std::env::var("FANFARE_SPEED") else { return };
    let (address, token) = target.split_once(' ').unwrap();
    let mut open = Vec::with_capacity(CONNECTIONS);
    while open.len() < CONNECTIONS {
        let opening = (0..100).map(|_| async {
            let stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let protocols = format!("fanfare.v1, bearer.{token}");
            Client::open_on(stream, "", Some(&protocols)).await.map_err(|refusal| refusal.status).unwrap()
        });
        open.extend(futures_util::future::join_all(opening).await);
    }
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await.unwrap().unwrap();
}

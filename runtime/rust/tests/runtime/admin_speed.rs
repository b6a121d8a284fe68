//! The speed of the admin routes with many runs. Run it alone: `cargo test --release -p fanfare --test runtime
//! admin_speed -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use fanfare::admin::{ChannelFilter, HistoryFilter, PageRequest, RunActivity, RunFilter, RunStateName};
use fanfare::{Hub, Sqlite};
use rusqlite::Connection;

use crate::support::definition::{REGISTRY, room, said};
use crate::support::file::File;
use crate::support::server::KEY;

const ENDED: u32 = 100_000;
const LIVE: u32 = 1_000;

fn open(file: &File) -> Hub {
    let storage = Sqlite::open(file.path()).unwrap();
    Hub::builder(&REGISTRY).signing_key(KEY).storage(storage).build().unwrap()
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
    for pause in [None, Some(Duration::from_millis(100)), Some(Duration::ZERO)] {
        let polling = pause.map(|pause| tokio::spawn(poll(hub.clone(), pause)));
        let mut times = publish_for(&hub, Duration::from_secs(5)).await;
        if let Some(polling) = polling {
            polling.abort();
        }
        let count = times.len();
        let (median, p99, max) =
            (quantile(&mut times, 0.5), quantile(&mut times, 0.99), quantile(&mut times, 1.0));
        println!(
            "publish, polled every {pause:?}: {count} messages, median {median:?}, p99 {p99:?}, max {max:?}"
        );
    }
}

/// Reads large pages of all kinds, with a pause in between.
async fn poll(hub: Hub, pause: Duration) {
    let (admin, page) = (hub.admin(), PageRequest::new().limit(500));
    loop {
        admin.runs(&RunFilter::new().job("job_7"), &page).await.unwrap();
        admin.calls("run_7", &page).await.unwrap();
        admin.channels(&ChannelFilter::new(), &page).await.unwrap();
        admin.history("room:busy", &HistoryFilter::new(), &page).await.unwrap();
        tokio::time::sleep(pause).await;
    }
}

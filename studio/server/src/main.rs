//! A hub with runs and messages of every kind, to develop and test Fanfare Studio.
//!
//! It prints one line of JSON with its URL, its signing key and an admin token. A line on its standard input starts runs
//! (the name of a job, and ids), a run with many steps (`import`, its id, and a number), or publishes messages (`messages`,
//! the id of a run, a number, and optionally how many per second). It exits when that input ends, unless it is started with
//! `--keep`.

mod definitions;
mod jobs;
mod samples;

use clap::Parser;
use fanfare::{Hub, Sqlite};
use jobs::Jobs;
use serde_json::json;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;

/// Tests know it, and the hub is reachable from this machine only.
const SIGNING_KEY: &str = "signkey-test-00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// Longer than tests take.
const TOKEN_LIFE: Duration = Duration::from_secs(60 * 60);

#[derive(Parser)]
struct Arguments {
    /// The port, or 0 for any free one
    #[arg(long, default_value_t = 3100)]
    port: u16,
    /// The SQLite file; in memory if omitted
    #[arg(long)]
    database: Option<PathBuf>,
    /// How many runs to start that complete at once
    #[arg(long, default_value_t = 0)]
    runs: usize,
    /// How many messages to publish on the channel `pipeline:run_messages`
    #[arg(long, default_value_t = 0)]
    messages: u32,
    /// Start one run of every kind
    #[arg(long)]
    samples: bool,
    /// Leave the admin routes and Studio out
    #[arg(long)]
    without_admin: bool,
    /// Do not exit when standard input ends
    #[arg(long)]
    keep: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments = Arguments::parse();
    let mut hub =
        Hub::builder(&definitions::REGISTRY).signing_key(SIGNING_KEY).admin_routes(!arguments.without_admin);
    if let Some(database) = &arguments.database {
        hub = hub.storage(Sqlite::open(database)?);
    }
    let hub = hub.build()?;
    let jobs = Jobs::register(&hub).await?;
    let listener = TcpListener::bind(("127.0.0.1", arguments.port)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    samples::publish_notice(&hub).await?;
    samples::publish_messages(&hub, "run_messages", arguments.messages).await?;
    samples::start(&jobs, arguments.runs, arguments.samples).await?;
    let admin_token = hub.admin().token().subject("operator").expires_in(TOKEN_LIFE).mint()?;
    println!("{}", json!({ "url": url, "signingKey": SIGNING_KEY, "adminToken": admin_token }));

    let routes = fanfare::routes(hub.clone()).merge(fanfare::studio(&hub));
    fanfare::serve(listener, routes, &hub)
        .with_graceful_shutdown(read_commands(hub.clone(), jobs, arguments.keep))
        .await;
    Ok(())
}

async fn read_commands(hub: Hub, jobs: Jobs, keep: bool) {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Err(error) = execute(&hub, &jobs, &line).await {
            eprintln!("{line}: {error}");
        }
    }
    if keep {
        std::future::pending::<()>().await;
    }
}

async fn execute(hub: &Hub, jobs: &Jobs, line: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match *words.as_slice() {
        ["messages", id, count] => samples::publish_messages(hub, id, count.parse()?).await,
        ["messages", id, count, rate] => {
            let (hub, id) = (hub.clone(), id.to_owned());
            let (count, rate) = (count.parse()?, rate.parse()?);
            tokio::spawn(async move {
                if let Err(error) = samples::publish_at_rate(&hub, &id, count, rate).await {
                    eprintln!("messages {id}: {error}");
                }
            });
            Ok(())
        }
        ["import", id, steps] => jobs.start_import(id, steps.parse()?).await,
        [job, ref ids @ ..] => {
            for id in ids {
                jobs.start(job, id).await?;
            }
            Ok(())
        }
        [] => Ok(()),
    }
}

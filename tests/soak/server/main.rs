//! The server that the soak test drives and kills.
//!
//! It prints its port, and then answers each line `heap` on its standard input with the live bytes on its heap. At a
//! failpoint given by `--stop-at`, it prints `stopped` and blocks. It exits when its standard input ends, so that no
//! test can leave it running.

fanfare::include_channels!();

mod work;

use clap::Parser;
use fanfare::{Hub, Nats, Postgres, Sqlite};
use fanfare_soak::{NATS_SHARDS, SIGNING_KEY};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use std::error::Error;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;

/// Counts allocated and freed bytes, so that the live bytes are known exactly.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[derive(Parser)]
struct Arguments {
    /// SQLite file; in memory if omitted
    #[arg(long)]
    database: Option<PathBuf>,
    /// URL of a PostgreSQL database, instead of a SQLite file
    #[arg(long, value_name = "URL", conflicts_with = "database")]
    postgres: Option<String>,
    /// URLs of three NATS servers, separated by commas, instead of a SQLite file
    #[arg(long, value_name = "URLS", conflicts_with_all = ["database", "postgres"])]
    nats: Option<String>,
    /// Interval between pings
    #[arg(long, default_value_t = 1000)]
    ping_milliseconds: u64,
    /// File to which the steps of runs append; no runs if omitted
    #[arg(long)]
    effects: Option<PathBuf>,
    /// Duration of leases
    #[arg(long, default_value_t = 15_000)]
    lease_milliseconds: u64,
    /// Block at a failpoint of the storage when it is reached for the Nth time
    #[arg(long, value_name = "FAILPOINT:N")]
    stop_at: Option<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    if let Some((failpoint, nth)) = arguments.stop_at.as_deref().and_then(|stop| stop.split_once(':')) {
        stop_at(failpoint, nth.parse()?)?;
    }
    let mut hub = Hub::builder(&channels::REGISTRY)
        .signing_key(SIGNING_KEY)
        .ping_interval(Duration::from_millis(arguments.ping_milliseconds))
        // Idle channels would look like a leak.
        .max_idle_channels(0);
    if let Some(database) = arguments.database {
        hub = hub.storage(Sqlite::open(database)?);
    }
    let has_rows = arguments.postgres.is_some();
    if let Some(url) = arguments.postgres {
        hub = hub.storage(Postgres::connect(&url).await?);
    }
    if let Some(urls) = arguments.nats {
        hub = hub.storage(Nats::connect(&urls).replicas(3).shards(NATS_SHARDS).await?);
    }
    let hub = hub.build()?;
    let mut routes = fanfare::routes(hub.clone());
    if let Some(effects) = arguments.effects {
        let lease = Duration::from_millis(arguments.lease_milliseconds);
        routes = routes.merge(work::execute(&hub, effects, has_rows, lease).await?);
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?.port());
    std::thread::spawn(answer_commands);
    fanfare::serve(listener, routes, &hub).await;
    Ok(())
}

/// Blocks the storage at a failpoint, so that the test can kill the server there.
fn stop_at(failpoint: &str, nth: u32) -> Result<(), String> {
    let passed = AtomicU32::new(0);
    fail::cfg_callback(failpoint, move || {
        if passed.fetch_add(1, Ordering::Relaxed) + 1 == nth {
            println!("stopped");
            loop {
                std::thread::park();
            }
        }
    })
}

fn answer_commands() {
    for line in std::io::stdin().lines().map_while(Result::ok) {
        if line == "heap" {
            let stats = INSTRUMENTED_SYSTEM.stats();
            println!("{}", stats.bytes_allocated.saturating_sub(stats.bytes_deallocated));
        }
    }
    std::process::exit(0);
}

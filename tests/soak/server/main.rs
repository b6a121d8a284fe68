//! The server that the soak test drives and kills.
//!
//! It prints its port, and then answers each line `heap` on its standard input with the bytes that live
//! on its heap. Where it is told to stop it prints `stopped` and goes no further. It ends when that input ends, so that no test can leave it behind.

fanfare::include_channels!();

mod work;

use clap::Parser;
use fanfare::{Hub, Sqlite};
use fanfare_soak::SIGNING_KEY;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use std::error::Error;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;

/// Counts what is allocated and freed, so that what is live is known exactly.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[derive(Parser)]
struct Arguments {
    /// The file to keep everything in; in memory without
    #[arg(long)]
    database: Option<PathBuf>,
    /// Between two pings
    #[arg(long, default_value_t = 1000)]
    ping_milliseconds: u64,
    /// The file to which the steps of runs append; no runs without
    #[arg(long)]
    effects: Option<PathBuf>,
    /// How long others leave a run alone that this server holds
    #[arg(long, default_value_t = 15_000)]
    lease_milliseconds: u64,
    /// Where the storage stops for good, and at which time that it comes there
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
        // What idle channels leave behind would be taken for a leak.
        .max_idle_channels(0);
    if let Some(database) = arguments.database {
        hub = hub.storage(Sqlite::open(database)?);
    }
    let hub = hub.build()?;
    let mut routes = fanfare::routes(hub.clone());
    if let Some(effects) = arguments.effects {
        let lease = Duration::from_millis(arguments.lease_milliseconds);
        routes = routes.merge(work::execute(&hub, effects, lease).await?);
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?.port());
    std::thread::spawn(answer_questions);
    fanfare::serve(listener, routes, &hub).await;
    Ok(())
}

/// Stops the storage at a place for good, so that whoever started the server can kill it there.
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

fn answer_questions() {
    for line in std::io::stdin().lines().map_while(Result::ok) {
        if line == "heap" {
            let stats = INSTRUMENTED_SYSTEM.stats();
            println!("{}", stats.bytes_allocated.saturating_sub(stats.bytes_deallocated));
        }
    }
    std::process::exit(0);
}

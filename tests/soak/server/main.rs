//! The server that the soak test drives and kills.
//!
//! It prints its port, and then answers each line `heap` on its standard input with the bytes that live
//! on its heap. It ends when that input ends, so that no test can leave it behind.

fanfare::include_channels!();

use clap::Parser;
use fanfare::{Hub, Sqlite};
use fanfare_soak::SIGNING_KEY;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use std::error::Error;
use std::path::PathBuf;
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
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut hub = Hub::builder(&channels::REGISTRY)
        .signing_key(SIGNING_KEY)
        .ping_interval(Duration::from_millis(arguments.ping_milliseconds))
        // What idle channels leave behind would be taken for a leak.
        .idle_channels(0);
    if let Some(database) = arguments.database {
        hub = hub.storage(Sqlite::open(database)?);
    }
    let hub = hub.build()?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?.port());
    std::thread::spawn(answer_questions);
    fanfare::serve(listener, fanfare::routes(hub.clone()), &hub).await;
    Ok(())
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

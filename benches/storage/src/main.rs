//! Measures a storage: publishing, delivery from one server to another, and replay.
//!
//! `bench-storage serve` is a server, and `bench-storage postgres` starts the database's; the other commands are load
//! clients. Each prints its figures as `name=value`
//! pairs on one line. [`Target::open`] describes what `--to` and `--from` name.

use std::process::ExitCode;
use std::time::Duration;

use bench_client::{argument, number};

mod across;
mod channels;
mod database;
mod engine;
mod figures;
mod growth;
mod publish;
mod replay;
mod serve;
mod signals;
mod subscriber;
mod target;
mod transactions;

use target::Target;

/// Why a measurement failed.
type Error = Box<dyn std::error::Error + Send + Sync>;

/// The number of channels that messages are published to.
const CHANNELS: usize = 20;

/// The size of a payload in bytes.
const SIZE: usize = 200;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<String, Error> {
    let given = |name: &str| argument(name).ok_or_else(|| format!("--{name} is missing"));
    let time = Duration::from_millis(number("milliseconds", 2_000));
    let publishers = usize::try_from(number("publishers", 1))?;
    match std::env::args().nth(1).as_deref() {
        Some("postgres") => database::serve(),
        Some("create-database") => {
            database::create_database(&given("server")?).await?;
            Ok(String::new())
        }
        Some("serve") => serve::serve(&given("storage")?).await,
        Some("publish") => publish::for_time(Target::open(&given("to")?).await?, publishers, time).await,
        Some("fill") => publish::fill(Target::open(&given("to")?).await?, number("messages", 10_000)).await,
        Some("across") => {
            let (from, rate) = (given("from")?, number("rate", 500));
            across::measure(Target::open(&given("to")?).await?, &from, rate, time).await
        }
        Some("replay") => replay::measure(&given("from")?, number("messages", 10_000)).await,
        Some("signals") => signals::measure(&given("storage")?, number("signals", 100)).await,
        Some("transactions") => {
            let publishes = argument("publishes").is_none_or(|given| given != "false");
            transactions::measure(&given("storage")?, publishers, publishes, time).await
        }
        Some("growth") => {
            growth::measure(&given("storage")?, number("rate", 2_000), number("seconds", 60)).await
        }
        _ => Err("usage: bench-storage postgres|create-database|serve|publish|fill|across|replay|signals|transactions|growth \
                  [--name value]…"
            .into()),
    }
}

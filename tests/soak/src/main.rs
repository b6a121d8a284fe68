//! The command line of the soak, which `cargo xtask soak` builds and starts.

use clap::Parser;
use fanfare_soak::{Attackers, Size, Soak};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

#[derive(Parser)]
#[command(
    name = "cargo xtask soak",
    about = "Inject faults, and check that no message is lost, repeated or out of order"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct Arguments {
    /// Seed of all random decisions; a new one each time if omitted
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Seconds that the fault test publishes
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
    /// Use 10 subscribers, 500 messages per second and 2 kills
    #[arg(long)]
    short: bool,
    /// Attack the server while honest clients use it, instead of injecting network faults
    #[arg(long, conflicts_with_all = ["seconds", "short"])]
    hostile: bool,
    /// Only test runs: kill their server 500 times, and let two servers execute the same runs
    #[arg(long, conflicts_with_all = ["seconds", "hostile"])]
    runs: bool,
    /// Only test two servers on one file, which is locked and replaced while readers resume at either server
    #[arg(long, conflicts_with_all = ["hostile", "runs"])]
    delivery: bool,
    /// Only test three servers on one PostgreSQL database, which fails: messages, and runs with 300 kills
    #[arg(long, conflicts_with_all = ["hostile", "runs", "delivery"])]
    cluster: bool,
    /// Only test messages of three servers on a cluster of three NATS servers, which fail
    #[arg(long, conflicts_with_all = ["hostile", "runs", "delivery", "cluster"])]
    nats: bool,
    /// Folder for the database and the logs
    #[arg(long, value_name = "FOLDER", default_value = "target/soak")]
    folder: PathBuf,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nerror: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> fanfare_soak::Result {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(0..1_000_000));
    let server = std::env::current_exe().unwrap_or_default();
    let soak = Soak {
        seed,
        size: if arguments.short { Size::Short } else { Size::Full },
        duration: Duration::from_secs(arguments.seconds),
        server: server.with_file_name(format!("fanfare-soak-server{}", std::env::consts::EXE_SUFFIX)),
        node: Path::new(env!("CARGO_MANIFEST_DIR")).join("node/subscriber.mjs"),
        folder: arguments.folder.join(seed.to_string()),
    };
    // Before any other thread starts, because threads inherit their cores.
    let attackers = arguments.hostile.then(Attackers::start).transpose()?;
    tokio::runtime::Runtime::new()?.block_on(async {
        match (arguments, &attackers) {
            (_, Some(attackers)) => soak.run_hostile(attackers).await,
            (Arguments { runs: true, .. }, _) => soak.run_runs().await,
            (Arguments { delivery: true, .. }, _) => soak.run_delivery().await,
            (Arguments { cluster: true, .. }, _) => soak.run_cluster().await,
            (Arguments { nats: true, .. }, _) => soak.run_nats().await,
            _ => soak.run().await,
        }
    })
}

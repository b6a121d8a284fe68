//! Runs a soak: `cargo xtask soak` builds what it needs and starts it.

use clap::Parser;
use fanfare_soak::{Attackers, Size, Soak};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

#[derive(Parser)]
#[command(name = "cargo xtask soak", about = "Cuts, stalls and kills, and then counts.")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct Arguments {
    /// Decides everything that is random; another one each time without
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How long the fault test publishes
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    seconds: u64,
    /// 10 subscribers, 500 messages a second and 2 kills
    #[arg(long)]
    short: bool,
    /// Clients that mean harm instead of a network with faults
    #[arg(long, conflicts_with_all = ["seconds", "short"])]
    hostile: bool,
    /// Runs whose server is killed, and runs that two servers execute, instead of messages alone
    #[arg(long, conflicts_with_all = ["seconds", "hostile"])]
    runs: bool,
    /// Two servers on one file, which is locked and replaced while readers resume at either
    #[arg(long, conflicts_with_all = ["hostile", "runs"])]
    delivery: bool,
    /// Where the database and the logs go
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
    // Before any other thread starts.
    let attackers = arguments.hostile.then(Attackers::start).transpose()?;
    tokio::runtime::Runtime::new()?.block_on(async {
        match (arguments, &attackers) {
            (_, Some(attackers)) => soak.run_hostile(attackers).await,
            (Arguments { runs: true, .. }, _) => soak.run_runs().await,
            (Arguments { delivery: true, .. }, _) => soak.run_delivery().await,
            _ => soak.run().await,
        }
    })
}

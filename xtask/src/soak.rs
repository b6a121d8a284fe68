//! `cargo xtask soak`: injects faults for minutes, and then checks what subscribers received.

use crate::failure::Result;
use crate::paths::{program, target};
use crate::process::{build_optimised, command, run};
use crate::step::step;
use crate::tools;
use std::path::Path;
use std::process::Command;

#[derive(clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Soak {
    /// Seed of all random decisions; a new one each time if omitted
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Seconds that the fault test publishes
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
    /// Use 10 subscribers, 500 messages per second and 2 kills, instead of 50, 2,000 and 5
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
}

impl Soak {
    pub(crate) fn run(&self) -> Result {
        if !self.delivery && !self.nats {
            tools::ensure_npm_packages()?;
            tools::build_typescript_client()?;
        }
        if self.cluster {
            tools::ensure_postgres()?;
        }
        let nats_server = if self.nats { Some(tools::ensure_nats_server()?) } else { None };
        step("Building the server and the harness, optimised", || run(&mut build_optimised("fanfare-soak")))?;
        let mut soak = raise_file_limit(&program("release", "fanfare-soak"));
        soak.arg("--folder").arg(target().join("soak"));
        if let Some(seed) = self.seed {
            soak.arg("--seed").arg(seed.to_string());
        }
        if self.hostile {
            soak.arg("--hostile");
        } else if self.runs {
            soak.arg("--runs");
        } else {
            soak.arg("--seconds").arg(self.seconds.to_string());
        }
        if self.delivery {
            soak.arg("--delivery");
        }
        if self.cluster {
            soak.arg("--cluster");
        }
        if let Some(nats_server) = nats_server {
            soak.arg("--nats").env("NATS_SERVER", nats_server);
        }
        if self.short {
            soak.arg("--short");
        }
        step("Soaking", || run(&mut soak))
    }
}

/// Returns a command that runs a program with the highest permitted limit of open files. Each connection needs a file.
fn raise_file_limit(program: &Path) -> Command {
    if cfg!(windows) {
        return command::<&str>(program, &[]);
    }
    let mut shell = command("sh", &["-c", "ulimit -n \"$(ulimit -H -n)\"; exec \"$0\" \"$@\""]);
    shell.arg(program);
    shell
}

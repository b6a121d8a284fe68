//! `cargo xtask soak`: cuts, stalls and kills, and then counts what subscribers were told.

use crate::failure::Result;
use crate::paths::{built, target};
use crate::process::{cargo, command, run};
use crate::step::step;
use crate::tools;
use std::path::Path;
use std::process::Command;

#[derive(clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Soak {
    /// Decides everything that is random; another one each time without
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How long the fault test publishes
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
    /// 10 subscribers, 500 messages a second and 2 kills instead of 50, 2,000 and 5
    #[arg(long)]
    short: bool,
    /// Clients that mean harm beside honest ones, instead of a network with faults
    #[arg(long, conflicts_with_all = ["seconds", "short"])]
    hostile: bool,
    /// Runs whose server is killed 500 times, and runs that two servers execute, and nothing else
    #[arg(long, conflicts_with_all = ["seconds", "hostile"])]
    runs: bool,
    /// Two servers on one file, which is locked and replaced while readers resume at either, and nothing else
    #[arg(long, conflicts_with_all = ["hostile", "runs"])]
    delivery: bool,
}

impl Soak {
    pub(crate) fn run(&self) -> Result {
        if !self.delivery {
            tools::node_and_packages()?;
            tools::build_typescript_client()?;
        }
        step("Building the server and the harness, optimised", || {
            run(&mut cargo(&["build", "--quiet", "--release", "--package", "fanfare-soak"]))
        })?;
        let mut soak = with_many_files(&built("release", "fanfare-soak"));
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
        if self.short {
            soak.arg("--short");
        }
        step("Soaking", || run(&mut soak))
    }
}

/// A program that may open as many files as the system permits anybody: each connection is one.
fn with_many_files(program: &Path) -> Command {
    if cfg!(windows) {
        return command::<&str>(program, &[]);
    }
    let mut shell = command("sh", &["-c", "ulimit -n \"$(ulimit -H -n)\"; exec \"$0\" \"$@\""]);
    shell.arg(program);
    shell
}

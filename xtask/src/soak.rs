//! `cargo xtask soak`: cuts, stalls and kills, and then counts what subscribers were told.

use crate::failure::Result;
use crate::paths::{built, target};
use crate::process::{cargo, command, run};
use crate::step::step;
use crate::tools;

#[derive(clap::Args)]
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
}

impl Soak {
    pub(crate) fn run(&self) -> Result {
        tools::node_and_packages()?;
        tools::build_typescript_client()?;
        step("Building the server and the harness, optimised", || {
            run(&mut cargo(&["build", "--quiet", "--release", "--package", "fanfare-soak"]))
        })?;
        let mut soak = command(built("release", "fanfare-soak"), &["--folder"]);
        soak.arg(target().join("soak")).arg("--seconds").arg(self.seconds.to_string());
        if let Some(seed) = self.seed {
            soak.arg("--seed").arg(seed.to_string());
        }
        if self.short {
            soak.arg("--short");
        }
        step("Soaking", || run(&mut soak))
    }
}

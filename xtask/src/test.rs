//! `cargo xtask test`: everything that CI runs.

use crate::audit;
use crate::demo;
use crate::failure::{Failure, Result};
use crate::fuzz;
use crate::paths::in_root;
use crate::process::{cargo, command, npm, run};
use crate::step::{spoken, step};
use crate::tools;
use std::time::Instant;

#[derive(clap::Args)]
pub(crate) struct Test {}

impl Test {
    // The fields that this command will have are its options; it has none yet.
    #[allow(clippy::unused_self)]
    pub(crate) fn run(&self) -> Result {
        let start = Instant::now();
        tools::node_and_packages()?;
        let browser = tools::browser()?;
        tools::build_typescript_client()?;

        let mut checks = Checks::default();
        checks.check("Rust is formatted", rust_is_formatted);
        checks.check("Clippy has nothing to say", || {
            run(&mut cargo(&[
                "clippy",
                "--quiet",
                "--workspace",
                "--all-targets",
                "--",
                "--deny",
                "warnings",
            ]))
        });
        checks.check("Dependencies are accepted", audit::check);
        checks.check("generated/ is what schemas/ says", || {
            run(&mut cargo(&["run", "--quiet", "--package", "fanfare-codegen", "--", "generate", "--check"]))
        });
        checks.check("Rust tests", || run(&mut cargo(&["test", "--workspace", "--no-fail-fast"])));
        checks.check("Inputs of the fuzzer hold in TypeScript, too", fuzz::replay_javascript);
        checks.check("Strict TypeScript", type_check);
        checks.check("The demo's server builds", demo::build_server);
        checks.check("The demo's page builds", demo::build_page);
        checks.check("TypeScript tests, end to end and in a browser", || {
            run(npm(&["test", "--workspaces", "--if-present"]).env("FANFARE_CHROMIUM", &browser))
        });
        checks.check("The demo summarises once", || demo::summarise_once(&in_root("runtime/PROTOCOL.md"), 0));
        checks.verdict(start)
    }
}

fn rust_is_formatted() -> Result {
    run(&mut cargo(&["fmt", "--all", "--", "--check", "--files-with-diff"]))
        .map_err(|failure| failure.help("`cargo fmt --all` formats it"))
}

/// Type checks the generated TypeScript, and everything else that has a `tsconfig.json` of its own
/// and is not built by a check of its own.
fn type_check() -> Result {
    let tsc = in_root("node_modules/typescript/bin/tsc");
    for project in ["tsconfig.json", "tests/tsconfig.json", "examples/content-pipeline/once/tsconfig.json"] {
        run(command("node", &[tsc.as_os_str()]).arg("--noEmit").arg("--project").arg(project))?;
    }
    Ok(())
}

/// Goes on after a failure, so that one run tells everything that is wrong.
#[derive(Default)]
struct Checks {
    count: usize,
    failed: Vec<String>,
}

impl Checks {
    fn check(&mut self, title: &str, work: impl FnOnce() -> Result) {
        self.count += 1;
        if let Err(failure) = step(title, work) {
            eprintln!("  {failure}");
            self.failed.push(format!("{title}: {failure}"));
        }
    }

    fn verdict(self, start: Instant) -> Result {
        let time = spoken(start.elapsed());
        if self.failed.is_empty() {
            println!("\nAll {} checks hold, after {time}.", self.count);
            return Ok(());
        }
        let failed = self.failed.len();
        let list = self.failed.join("\n  ");
        Err(Failure::new(format!("{failed} of {} checks failed, after {time}:\n  {list}", self.count)))
    }
}

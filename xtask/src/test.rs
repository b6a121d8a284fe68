//! `cargo xtask test`: everything that CI runs.

use crate::audit;
use crate::demo;
use crate::excerpt::run_and_quote;
use crate::failure::{Failure, Result};
use crate::fuzz;
use crate::paths::in_root;
use crate::process::{cargo, command, generate, npm};
use crate::step::{format_duration, step};
use crate::tools;
use std::path::Path;
use std::time::Instant;

/// The packages of the npm workspace that have tests.
const NPM_PACKAGES: [(&str, &str); 5] = [
    ("TypeScript client", "fanfare"),
    ("Page of the example", "content-pipeline-page"),
    ("End to end, in a browser", "fanfare-end-to-end"),
    ("With Inngest's SDK", "fanfare-inngest"),
    ("Toolchains and packages", "fanfare-toolchains"),
];

#[derive(clap::Args)]
pub(crate) struct Test {}

impl Test {
    #[expect(clippy::unused_self, reason = "commands have the same method; this one has no options")]
    pub(crate) fn run(&self) -> Result {
        let start = Instant::now();
        tools::ensure_npm_packages()?;
        let browser = tools::ensure_browser()?;
        tools::ensure_servers_and_terminal()?;
        let nats_server = tools::ensure_nats_server()?;
        tools::build_typescript_client()?;

        let mut checks = Checks::default();
        checks.check("Rust formatting", check_formatting);
        checks.check("Clippy", || {
            run_and_quote(&mut cargo(&[
                "clippy",
                "--quiet",
                "--workspace",
                "--all-targets",
                "--",
                "--deny",
                "warnings",
            ]))
        });
        checks.check("Dependencies", audit::check);
        checks.check("generated/ is up to date", || run_and_quote(generate().arg("--check")));
        checks.check("Rust tests", || {
            let mut tests = cargo(&["test", "--workspace", "--no-fail-fast"]);
            run_and_quote(tests.env("NATS_SERVER", &nats_server))
        });
        checks.check("Fuzzing corpus in TypeScript", fuzz::replay_javascript);
        checks.check("TypeScript types", check_types);
        checks.check("Build of the demo's server", demo::build_server);
        checks.check("Build of the demo's page", demo::build_page);
        for (title, package) in NPM_PACKAGES {
            checks.check(title, || {
                run_and_quote(npm(&["test", "--workspace", package]).env("FANFARE_CHROMIUM", &browser))
            });
        }
        checks.check("Studio", || check_studio(&browser));
        checks.check("Demo", || demo::summarise_once(&in_root(demo::STORY), 0, None));
        checks.finish(start)
    }
}

fn check_formatting() -> Result {
    run_and_quote(&mut cargo(&["fmt", "--all", "--", "--check", "--files-with-diff"]))
        .map_err(|failure| failure.help("run `cargo fmt --all`"))
}

/// Type-checks the TypeScript projects that no other check builds.
fn check_types() -> Result {
    let tsc = in_root("node_modules/typescript/bin/tsc");
    for project in [
        "tsconfig.json",
        "tests/tsconfig.json",
        "examples/content-pipeline/once/tsconfig.json",
        "examples/content-pipeline/record/tsconfig.json",
    ] {
        run_and_quote(command("node", &[tsc.as_os_str()]).arg("--noEmit").arg("--project").arg(project))?;
    }
    Ok(())
}

fn check_studio(browser: &Path) -> Result {
    let studio = in_root("studio");
    if !tools::are_packages_installed(&studio) {
        tools::install_packages(&studio)?;
    }
    run_and_quote(npm(&["test"]).current_dir(studio).env("FANFARE_CHROMIUM", browser))
}

/// Continues after a failure, so that one run reports all of them.
#[derive(Default)]
struct Checks {
    count: usize,
    failed: Vec<String>,
}

impl Checks {
    fn check(&mut self, title: &str, work: impl FnOnce() -> Result) {
        self.count += 1;
        if let Err(failure) = step(title, work) {
            self.failed.push(format!("{title}: {failure}"));
        }
    }

    fn finish(self, start: Instant) -> Result {
        let time = format_duration(start.elapsed());
        if self.failed.is_empty() {
            println!("\nAll {} checks passed in {time}.", self.count);
            return Ok(());
        }
        let failed = self.failed.len();
        let list = self.failed.join("\n  ");
        Err(Failure::new(format!("{failed} of {} checks failed, in {time}:\n  {list}", self.count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> String {
        std::fs::read_to_string(in_root(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    #[test]
    fn every_package_of_the_npm_workspace_with_tests_is_checked() {
        let manifest = read("package.json");
        let (_, folders) = manifest.split_once("\"workspaces\": [").expect("workspaces");
        let (folders, _) = folders.split_once(']').expect("the end of the workspaces");
        let manifests =
            folders.split('"').skip(1).step_by(2).map(|folder| read(&format!("{folder}/package.json")));
        let tested: Vec<String> = manifests.filter(|text| text.contains("\"test\": ")).collect();
        for (text, (_, package)) in tested.iter().zip(NPM_PACKAGES) {
            assert!(text.contains(&format!("\"name\": \"{package}\"")), "{package} is in another place");
        }
        assert_eq!(tested.len(), NPM_PACKAGES.len());
    }
}

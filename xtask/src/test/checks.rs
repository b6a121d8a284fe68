//! The checks that CI runs.

use crate::excerpt::run_and_quote;
use crate::failure::Result;
use crate::paths::in_root;
use crate::process::{built, cargo, command, npm};
use crate::{demo, fuzz, tools};
use std::num::NonZero;
use std::process::Command;
use std::thread::available_parallelism;

/// One check of `cargo xtask test`.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) title: &'static str,
    /// Titles of checks that have to pass first, because this one uses what they build.
    pub(super) needs: &'static [&'static str],
    /// Whether it holds cargo's lock of the target folder for long. Two such checks never run at once: the second would
    /// only wait, in a lane that another check could use.
    pub(super) compiles: bool,
    pub(super) work: Work,
}

#[derive(Debug)]
pub(super) enum Work {
    Call(fn() -> Result),
    /// Tests a package of the npm workspace.
    TestPackage(&'static str),
}

impl Check {
    const fn new(title: &'static str, needs: &'static [&'static str], work: fn() -> Result) -> Self {
        Self { title, needs, compiles: false, work: Work::Call(work) }
    }

    const fn test_package(
        title: &'static str,
        needs: &'static [&'static str],
        package: &'static str,
    ) -> Self {
        Self { title, needs, compiles: false, work: Work::TestPackage(package) }
    }

    const fn that_compiles(mut self) -> Self {
        self.compiles = true;
        self
    }

    pub(super) fn run(&self) -> Result {
        match self.work {
            Work::Call(work) => work(),
            Work::TestPackage(package) => test_prebuilt(&mut npm(&["test", "--workspace", package])),
        }
    }
}

const RUST_BUILD: &str = "Rust build";
const NPM_PACKAGES: &str = "npm packages";
const PAGE_BUILD: &str = "Build of the demo's page";
/// The programs that checks start, besides those that Rust tests start.
const PROGRAMS: [&str; 6] =
    ["audit", "content-pipeline", "fanfare", "fanfare-studio-server", "fanfare-test-server", "verdicts"];
const DEPENDENCIES: &str = "Dependencies";
const RUST_TESTS: &str = "Rust tests";

/// All checks. Those that others need come first, then the longest.
pub(super) const CHECKS: [Check; 18] = [
    Check::new(RUST_BUILD, &[], build_rust).that_compiles(),
    Check::new(NPM_PACKAGES, &[], prepare_npm_packages),
    Check::new(PAGE_BUILD, &[NPM_PACKAGES], demo::build_page),
    Check::new("Rust formatting", &[], check_formatting),
    Check::test_package("TypeScript client", &[NPM_PACKAGES], "fanfare"),
    Check::new(DEPENDENCIES, &[RUST_BUILD], || run_and_quote(&mut built("audit", &["check"]))),
    Check::new(RUST_TESTS, &[RUST_BUILD, NPM_PACKAGES], test_rust),
    Check::test_package("End to end, in a browser", &[RUST_BUILD, PAGE_BUILD], "fanfare-end-to-end"),
    Check::new("Studio", &[RUST_BUILD, NPM_PACKAGES], test_studio),
    Check::new("Clippy", &[], || lint(&["--workspace", "--all-targets"])).that_compiles(),
    Check::test_package("Page of the example", &[RUST_BUILD, PAGE_BUILD], "content-pipeline-page"),
    // It writes lock files, which the check of the dependencies would read.
    Check::test_package("Toolchains and packages", &[NPM_PACKAGES, DEPENDENCIES], "fanfare-toolchains")
        .that_compiles(),
    Check::new("Features of the server library", &[], lint_feature_sets).that_compiles(),
    Check::test_package("With Inngest's SDK", &[RUST_BUILD, NPM_PACKAGES], "fanfare-inngest"),
    Check::new("Fuzzing corpus in TypeScript", &[RUST_BUILD, NPM_PACKAGES], fuzz::replay_javascript),
    Check::new("generated/ is up to date", &[RUST_BUILD], check_generated),
    // A test in Rust writes the golden modules that it type-checks.
    Check::new("TypeScript types", &[RUST_TESTS], check_types),
    Check::new("Demo", &[RUST_BUILD, PAGE_BUILD], || demo::summarise_once(&in_root(demo::STORY), 0, None)),
];

/// Builds all tests and programs at once, so that they share their dependencies: cargo compiles a dependency again for
/// each selection of packages that needs other features of it.
fn build_rust() -> Result {
    let mut build = cargo(&["build", "--quiet", "--workspace", "--tests", "--examples"]);
    // Not all programs: this one is running, and its file must not be replaced.
    run_and_quote(build.args(PROGRAMS.iter().flat_map(|program| ["--bin", program])))
}

fn prepare_npm_packages() -> Result {
    tools::ensure_npm_packages()?;
    tools::build_typescript_client()?;
    let studio = in_root("studio");
    if tools::are_packages_installed(&studio) { Ok(()) } else { tools::install_packages(&studio) }
}

fn check_formatting() -> Result {
    run_and_quote(&mut cargo(&["fmt", "--all", "--", "--check", "--files-with-diff"]))
        .map_err(|failure| failure.help("run `cargo fmt --all`"))
}

fn check_generated() -> Result {
    run_and_quote(&mut built("fanfare", &["generate", "--check"]))
}

fn test_rust() -> Result {
    let mut test = cargo(&["test", "--workspace", "--no-fail-fast"]);
    // Many tests wait for a timer or for another process.
    let threads = 1 + available_parallelism().map_or(1, NonZero::get);
    test.env("NATS_SERVER", tools::ensure_nats_server()?);
    run_and_quote(test.env("RUST_TEST_THREADS", threads.to_string()))
}

/// Lints the server library with fewer features than the workspace enables. Only this check finds code that needs a
/// feature without requiring it, and code that is unused without a feature.
fn lint_feature_sets() -> Result {
    lint(&["--package", "fanfare"])?;
    lint(&["--package", "fanfare", "--no-default-features"])?;
    lint(&["--package", "fanfare", "--no-default-features", "--features", "postgres"])
}

fn lint(packages: &[&str]) -> Result {
    run_and_quote(cargo(&["clippy", "--quiet"]).args(packages).args(["--", "--deny", "warnings"]))
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

fn test_studio() -> Result {
    test_prebuilt(npm(&["test"]).current_dir(in_root("studio")))
}

/// Runs tests that use the browser, and what other checks have built: the programs, the client and the demo's page. A
/// second build would replace these while other tests use them.
fn test_prebuilt(test: &mut Command) -> Result {
    run_and_quote(test.env("FANFARE_CHROMIUM", tools::ensure_browser()?).env("FANFARE_PREBUILT", "1"))
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
        for manifest in manifests.filter(|manifest| manifest.contains("\"test\": ")) {
            let is_tested = CHECKS.iter().any(|check| match check.work {
                Work::TestPackage(package) => manifest.contains(&format!("\"name\": \"{package}\"")),
                Work::Call(_) => false,
            });
            assert!(is_tested, "{manifest}");
        }
    }

    #[test]
    fn a_check_needs_only_checks_that_are_listed_before_it() {
        for (index, check) in CHECKS.iter().enumerate() {
            for needed in check.needs {
                assert!(
                    CHECKS[..index].iter().any(|other| other.title == *needed),
                    "{}: {needed}",
                    check.title
                );
            }
        }
    }
}

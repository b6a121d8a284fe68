//! `cargo xtask fuzz`: searches for inputs that violate a property, guided by coverage.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::failure::{Failure, Result};
use crate::paths::{create_folder, in_root, program, target};
use crate::process::{build, built, cargo, command, generate, read_output, run, run_quietly};
use crate::step::step;
use crate::tools;

mod bugs;
mod report;

use report::{Found, Report, print};

/// Compiler flags that count the edges taken and record the operands of comparisons.
const COVERAGE: [&str; 7] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    // As in cargo-fuzz: crates leave out checks that no fuzzer passes, such as checksums.
    "--cfg",
    "fuzzing",
];

/// The program that prints Rust's verdicts.
const VERDICTS: &str = "verdicts";

/// The maximum length of an input in bytes, the same as `fanfare_fuzz::MAX_INPUT`.
const MAX_INPUT: usize = 4096;

/// The seconds after which libFuzzer aborts an input that hangs. The targets themselves fail after less CPU time.
const TIMEOUT: u32 = 20;

/// The targets in Rust, with one folder of `fuzz/corpus` per target.
const RUST: [&str; 10] = [
    "addresses",
    "client-frames",
    "cursors",
    "definitions",
    "journal",
    "patterns",
    "payloads",
    "requests",
    "server-frames",
    "tokens",
];

/// The targets in JavaScript.
const JAVASCRIPT: [&str; 4] = ["js-cursors", "js-events", "js-frames", "js-payloads"];

#[derive(clap::Args)]
pub(crate) struct Fuzz {
    /// Target to fuzz, such as `tokens`; all targets if omitted
    target: Option<String>,
    /// Seconds per target
    #[arg(long, value_name = "N", default_value_t = 600)]
    seconds: u64,
    /// Check this input instead of searching
    #[arg(long, value_name = "FILE", requires = "target")]
    input: Option<PathBuf>,
    /// Enable five deliberate bugs one by one, and measure how long it takes to find each
    #[arg(long, conflicts_with_all = ["target", "input"])]
    bugs: bool,
}

impl Fuzz {
    pub(crate) fn run(&self) -> Result {
        if self.bugs {
            let fuzzer = build_fuzzer()?;
            return bugs::find_all(&fuzzer, self.seconds);
        }
        let targets = self.select_targets()?;
        let fuzzer = targets.iter().any(|target| RUST.contains(target)).then(build_fuzzer).transpose()?;
        if targets.iter().any(|target| JAVASCRIPT.contains(target)) {
            tools::ensure_npm_packages()?;
            tools::build_typescript_client()?;
            generate_typescript(generate())?;
            build_verdicts()?;
        }
        let mut reports = Vec::new();
        for target in targets {
            let search = Search { target, seconds: self.seconds, bug: None, input: self.input.as_deref() };
            let title = format!("Fuzzing {target} for {} s", self.seconds);
            let report = step(&title, || match &fuzzer {
                Some(fuzzer) if RUST.contains(&target) => search.search_rust(fuzzer),
                _ => search.search_javascript(),
            })?;
            reports.push((target, report));
        }
        print(&reports);
        let findings = reports.iter().filter(|(_, report)| report.found.is_some()).count();
        match findings {
            0 => Ok(()),
            _ => Err(Failure::new(format!("{findings} targets found a failing input")).help(
                "fix the bug and move the input to `fuzz/corpus/<target>/`, so that `cargo test` replays it",
            )),
        }
    }

    fn select_targets(&self) -> Result<Vec<&'static str>> {
        let all = RUST.into_iter().chain(JAVASCRIPT);
        let Some(name) = &self.target else { return Ok(all.collect()) };
        let chosen: Vec<_> = all.clone().filter(|target| target == name).collect();
        if chosen.is_empty() {
            let all: Vec<_> = all.collect();
            return Err(
                Failure::new(format!("unknown target `{name}`")).help(format!("targets: {}", all.join(", ")))
            );
        }
        Ok(chosen)
    }
}

/// Replays the corpus of all JavaScript targets, without a search. Uses programs that have been built.
pub(crate) fn replay_javascript() -> Result {
    generate_typescript(built("fanfare", &["generate"]))?;
    for target in JAVASCRIPT {
        let search = Search { target, seconds: 0, bug: None, input: None };
        if let Some(found) = search.search_javascript()?.found {
            return Err(Failure::new(format!("{target}: {found}")));
        }
    }
    Ok(())
}

/// Builds the fuzzer and all its dependencies with coverage.
fn build_fuzzer() -> Result<PathBuf> {
    let triple = read_host_triple()?;
    step("Building the fuzzer, with coverage", || {
        // With an explicit target triple, cargo builds build scripts and macros without these flags.
        let arguments =
            ["build", "--quiet", "--profile", "fuzz", "--package", "fanfare-fuzz", "--bin", "fuzz"];
        let mut build = cargo(&arguments);
        build.args(["--features", "libfuzzer", "--target", &triple]).arg("--target-dir").arg(output_folder());
        build.env("CARGO_ENCODED_RUSTFLAGS", COVERAGE.join("\u{1f}"));
        if std::env::var_os("CXX").is_none() && tools::find_on_path("clang++").is_none() {
            build.env("CXX", "g++");
        }
        run(&mut build)
            .map_err(|failure| failure.help("libFuzzer needs a C++ compiler: install clang++ or g++"))
    })?;
    Ok(output_folder().join(triple).join("fuzz/fuzz"))
}

/// Returns the target triple of this machine.
fn read_host_triple() -> Result<String> {
    let version = read_output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Failure::new("`rustc -vV` prints no host"))
}

/// Returns the folder that the fuzzer is built in, and that keeps its inputs between runs.
fn output_folder() -> PathBuf {
    target().join("instrumented")
}

fn generate_typescript(mut generate: Command) -> Result {
    step("Generating the channels for the targets", || {
        let out = output_folder().join("generated");
        run_quietly(generate.args(["--schemas", "fuzz/schemas", "--out"]).arg(out))
    })
}

/// Builds the program that prints Rust's verdicts for the JavaScript targets.
fn build_verdicts() -> Result {
    step("Building the program for Rust's verdicts", || run(build("fanfare-fuzz").args(["--bin", VERDICTS])))
}

/// A search with one target.
struct Search<'s> {
    target: &'s str,
    seconds: u64,
    bug: Option<&'s str>,
    /// The input to check instead of searching.
    input: Option<&'s Path>,
}

impl Search<'_> {
    /// Searches with libFuzzer until an input fails or the time is up.
    fn search_rust(&self, fuzzer: &Path) -> Result<Report> {
        let Self { target, seconds, bug, input } = *self;
        let findings = output_folder().join("findings").join(bug.unwrap_or(target));
        let found_inputs = output_folder().join("corpus").join(bug.unwrap_or(target));
        if bug.is_some() {
            // A search for a deliberate bug always starts from the committed corpus. The folder may not exist.
            let _ = std::fs::remove_dir_all(&found_inputs);
        }
        for folder in [&findings, &found_inputs] {
            create_folder(folder)?;
        }
        let prefix = format!("-artifact_prefix={}/", findings.display());
        let mut search = libfuzzer_command(fuzzer, target, bug);
        search.arg(&prefix);
        if let Some(input) = input {
            run(search.arg(format!("-timeout={TIMEOUT}")).arg(input))?;
            return Ok(Report::default());
        }
        search.arg(format!("-max_len={MAX_INPUT}")).arg(format!("-timeout={TIMEOUT}"));
        search
            .arg(format!("-max_total_time={seconds}"))
            .arg("-print_final_stats=1")
            .arg("-rss_limit_mb=4096");
        let dictionary = in_root(format!("fuzz/dictionaries/{target}.dict"));
        if dictionary.is_file() {
            search.arg(format!("-dict={}", dictionary.display()));
        }
        // libFuzzer writes new inputs to the first folder.
        search.arg(&found_inputs);
        let corpus = in_root(format!("fuzz/corpus/{target}"));
        let mut report = Report::run(search.arg(corpus))?;
        // Minimizing an input that times out would take hours.
        let found = report.found.as_mut().filter(|found| bug.is_none() && !found.is_timeout());
        if let Some(found) = found {
            self.minimize(fuzzer, found)?;
        }
        Ok(report)
    }

    /// Fails if the target fails for an input.
    fn replay(&self, fuzzer: &Path, input: &Path) -> Result {
        let mut check = libfuzzer_command(fuzzer, self.target, self.bug);
        check.arg(format!("-timeout={TIMEOUT}"));
        read_output(check.arg(input)).map(drop)
    }

    /// Minimizes an input, for at most a minute.
    fn minimize(&self, fuzzer: &Path, found: &mut Found) -> Result {
        let smaller = found.path.with_extension("smaller");
        let mut minimize = libfuzzer_command(fuzzer, self.target, self.bug);
        minimize.arg("-minimize_crash=1").arg("-max_total_time=60").arg(format!("-timeout={TIMEOUT}"));
        minimize.arg(format!("-exact_artifact_path={}", smaller.display())).arg(&found.path);
        // It exits with an error when it can minimize no further. The smallest input is saved by then.
        minimize.output().map_err(|error| Failure::new(format!("cannot start libFuzzer: {error}")))?;
        if smaller.is_file() {
            found.path = smaller;
        }
        Ok(())
    }

    /// Searches with the JavaScript fuzzer, whose output has the format of libFuzzer's.
    fn search_javascript(&self) -> Result<Report> {
        let findings = output_folder().join("findings").join(self.target);
        create_folder(&findings)?;
        let mut search = command("node", &["fuzz/javascript/fuzz.mjs", self.target]);
        search.arg(output_folder()).arg(self.seconds.to_string());
        search.env("FANFARE_VERDICTS", program("debug", VERDICTS));
        if let Some(input) = self.input {
            run(search.arg(input))?;
            return Ok(Report::default());
        }
        Report::run(&mut search)
    }
}

fn libfuzzer_command(fuzzer: &Path, target: &str, bug: Option<&str>) -> Command {
    let mut command = command::<&str>(fuzzer, &[]);
    command.env("FANFARE_FUZZ_TARGET", target);
    if let Some(bug) = bug {
        command.env("FANFARE_FUZZ_BUG", bug);
    }
    command
}

fn format_seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

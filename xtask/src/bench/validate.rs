//! `cargo xtask bench validate`: measures how fast payloads are validated, in Rust and in JavaScript.

use super::figures::Figures;
use super::machine::Watch;
use super::statistics::{Measured, describe_verdicts};
use super::{machine, workspace};
use crate::failure::{Failure, Result};
use crate::paths::{create_folder, in_root, read_file, target, write_file};
use crate::process::{command, generate, read_output, run_quietly};
use crate::step::step;
use crate::tools;
use std::path::PathBuf;
use std::process::Stdio;

/// The number of orders in the long payload, for about 100 KB.
const ORDERS: usize = 105;
const PAYLOADS: [&str; 3] = ["progress", "order", "archive"];

#[derive(clap::Args)]
pub(crate) struct Validate {
    /// Rounds, with a measurement of 0.1 seconds per contestant
    #[arg(long, value_name = "N", default_value_t = 9)]
    rounds: usize,
}

/// The times of all contestants.
struct Times {
    /// In the order of the tables.
    titles: Vec<String>,
    /// By payload and title.
    measured: Measured,
}

impl Validate {
    pub(crate) fn run(&self) -> Result {
        if self.rounds == 0 {
            return Err(Failure::new("--rounds must be at least 1"));
        }
        tools::ensure_npm_packages()?;
        tools::build_typescript_client()?;
        let bench = Bench { root: target().join("bench/validate"), rounds: self.rounds.to_string() };
        bench.prepare()?;
        let watch = Watch::start();
        let rust = step("Measuring Rust", || bench.measure_rust())?;
        let javascript = step("Measuring JavaScript", || bench.measure_javascript())?;

        println!("\n# Validating payloads\n\n{}; {}.", machine::describe(), Bench::read_versions()?);
        println!(
            "Median (minimum–maximum) of {} rounds. Ratios are to the first line of the table, in the same round. {}\n{}",
            self.rounds,
            describe_verdicts(self.rounds),
            watch.describe()
        );
        bench.print("Rust", &rust)?;
        bench.print("JavaScript, from a parsed value", &javascript)
    }
}

/// The folder that the benchmark writes, and the number of rounds.
struct Bench {
    root: PathBuf,
    rounds: String,
}

impl Bench {
    fn prepare(&self) -> Result {
        step("Generating code", || {
            create_folder(&self.root.join("scratch"))?;
            for payload in ["progress", "order"] {
                let text = read_file(&workspace::source(format!("validate/payloads/{payload}.json")))?;
                write_file(&self.payload(payload), &text)?;
            }
            let order = read_file(&self.payload("order"))?;
            let orders = vec![order; ORDERS].join(",");
            write_file(&self.payload("archive"), &format!("{{\"orders\":[{orders}]}}"))?;
            let schemas = workspace::source("validate/schemas");
            run_quietly(generate().arg("--schemas").arg(schemas).arg("--out").arg(self.generated()))
        })?;
        step("Building the Rust, optimised", || workspace::build("bench-validate"))?;
        workspace::install_packages()
    }

    fn measure_rust(&self) -> Result<Times> {
        let schemas = self.generated().join("json-schema/shop");
        let program = workspace::program("bench-validate");
        let mut measure = command(program, &[self.root.join("payloads"), schemas]);
        Times::parse(&read_output(measure.arg(&self.rounds).stderr(Stdio::inherit()))?)
    }

    /// Measures with and without eval, in two processes, because zod decides once per process.
    fn measure_javascript(&self) -> Result<Times> {
        let mut lines = Vec::new();
        for mode in ["eval", "no-eval"] {
            let mut measure = command("node", &[workspace::source("validate/measure.mjs"), self.generated()]);
            measure.arg(self.root.join("payloads")).args([&self.rounds, mode]).arg(self.root.join("scratch"));
            lines.push(read_output(measure.stderr(Stdio::inherit()))?);
        }
        Times::parse(&lines.join("\n"))
    }

    fn generated(&self) -> PathBuf {
        self.root.join("generated")
    }

    fn payload(&self, name: &str) -> PathBuf {
        self.root.join(format!("payloads/{name}.json"))
    }

    /// Returns the versions of the contestants. zod is the main workspace's.
    fn read_versions() -> Result<String> {
        let mut versions = workspace::read_crate_versions(&["jsonschema", "serde_json"])?;
        let zod = read_file(&in_root("node_modules/zod/package.json"))?;
        versions.push(workspace::find_version("zod", &zod, "\"version\": \""));
        versions.extend(workspace::read_npm_versions(&["ajv", "ajv-formats", "json-schema-to-zod"])?);
        Ok(versions.join(", "))
    }

    fn print(&self, title: &str, times: &Times) -> Result {
        println!("\n## {title}");
        let Some(first) = times.titles.first() else { return Ok(()) };
        for payload in PAYLOADS {
            let size = read_file(&self.payload(payload))?.len();
            println!("\n| {payload}, {size} bytes | time | ratio | per second |\n|---|---:|---:|---:|");
            for title in &times.titles {
                let time = times.measured.samples(payload, title, "nanoseconds");
                let ratios = times.measured.ratios(payload, title, first, "nanoseconds");
                let ratio =
                    if title == first { String::new() } else { ratios.describe_ratio("faster", "slower") };
                let rate = format_rate(time.median());
                println!("| {title} | {} | {ratio} | {rate} |", time.describe(format_time));
            }
        }
        Ok(())
    }
}

impl Times {
    /// Reads lines of payload, title and nanoseconds, in the order of the rounds.
    fn parse(lines: &str) -> Result<Self> {
        let mut times = Self { titles: Vec::new(), measured: Measured::default() };
        for line in lines.lines() {
            let [payload, title, time] = *line.split('\t').collect::<Vec<_>>() else {
                return Err(unreadable(line));
            };
            let time = time.parse().map_err(|_| unreadable(line))?;
            if times.titles.iter().all(|known| known != title) {
                times.titles.push(title.to_owned());
            }
            times.measured.add(payload, title, Figures::default().with("nanoseconds", time));
        }
        Ok(times)
    }
}

fn unreadable(line: &str) -> Failure {
    Failure::new(format!("expected payload, title and time, got {line:?}"))
}

fn format_time(nanoseconds: f64) -> String {
    if nanoseconds < 10_000.0 {
        format!("{nanoseconds:.0} ns")
    } else {
        format!("{:.0} µs", nanoseconds / 1e3)
    }
}

fn format_rate(nanoseconds: f64) -> String {
    let rate = 1e9 / nanoseconds;
    if rate < 1e6 { format!("{:.1} k", rate / 1e3) } else { format!("{:.2} M", rate / 1e6) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_line_by_line() {
        let times = Times::parse("order\tb, compiled\t12.5\norder\ta\t1\norder\tb, compiled\t14.5").unwrap();
        assert_eq!(times.titles, ["b, compiled", "a"]);
        assert!((times.measured.median("order", "b, compiled", "nanoseconds") - 13.5).abs() < 1e-9);
        assert!(Times::parse("order").is_err() && Times::parse("order\ta\tb").is_err());
    }

    #[test]
    fn times_and_rates_have_suitable_units() {
        assert_eq!((format_time(812.4).as_str(), format_rate(812.4).as_str()), ("812 ns", "1.23 M"));
        assert_eq!((format_time(81_240.0).as_str(), format_rate(81_240.0).as_str()), ("81 µs", "12.3 k"));
    }
}

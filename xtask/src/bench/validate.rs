//! `cargo xtask bench validate`: measures how fast payloads are validated, in Rust and in JavaScript.

use super::{machine, workspace};
use crate::failure::{Failure, Result};
use crate::paths::{in_root, target};
use crate::process::{cargo, command, read, run_quietly};
use crate::step::step;
use crate::tools;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// The number of orders in the long payload, for about 100 KB.
const ORDERS: usize = 105;
const PAYLOADS: [&str; 3] = ["progress", "order", "archive"];

#[derive(clap::Args)]
pub(crate) struct Validate {
    /// Measurements of 0.1 seconds per contestant; the median is reported
    #[arg(long, value_name = "N", default_value_t = 9)]
    rounds: usize,
}

/// The time that one contestant takes for one payload.
struct Figure {
    payload: String,
    title: String,
    nanoseconds: f64,
}

impl Validate {
    pub(crate) fn run(&self) -> Result {
        if self.rounds == 0 {
            return Err(Failure::new("--rounds must be at least 1"));
        }
        tools::node_and_packages()?;
        tools::build_typescript_client()?;
        let bench = Bench { root: target().join("bench/validate"), rounds: self.rounds.to_string() };
        bench.prepare()?;
        let rust = step("Measuring Rust", || bench.rust())?;
        let javascript = step("Measuring JavaScript", || bench.javascript())?;

        println!("\n# Validating payloads\n\n{}; {}.", machine::description(), Bench::versions()?);
        println!("Medians of {} rounds. Ratios are relative to the first line of each table.", self.rounds);
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
            write(&self.root.join("scratch/.keep"), "")?;
            for payload in ["progress", "order"] {
                let text = read_file(&workspace::source(format!("validate/payloads/{payload}.json")))?;
                write(&self.payload(payload), &text)?;
            }
            let order = read_file(&self.payload("order"))?;
            let orders = vec![order; ORDERS].join(",");
            write(&self.payload("archive"), &format!("{{\"orders\":[{orders}]}}"))?;
            let arguments = ["run", "--quiet", "--package", "fanfare-codegen", "--", "generate", "--schemas"];
            let mut generate = cargo(&arguments);
            let schemas = workspace::source("validate/schemas");
            run_quietly(generate.arg(schemas).arg("--out").arg(self.generated()))
        })?;
        step("Building the Rust, optimised", || workspace::build("bench-validate"))?;
        workspace::install_packages()
    }

    fn rust(&self) -> Result<Vec<Figure>> {
        let schemas = self.generated().join("json-schema/shop");
        let program = workspace::program("bench-validate");
        let mut measure = command(program, &[self.root.join("payloads"), schemas]);
        figures(&read(measure.arg(&self.rounds).stderr(Stdio::inherit()))?)
    }

    /// Measures with and without eval, in two processes, because zod decides once per process.
    fn javascript(&self) -> Result<Vec<Figure>> {
        let mut all = Vec::new();
        for mode in ["eval", "no-eval"] {
            let mut measure = command("node", &[workspace::source("validate/measure.mjs"), self.generated()]);
            measure.arg(self.root.join("payloads")).args([&self.rounds, mode]).arg(self.root.join("scratch"));
            all.extend(figures(&read(measure.stderr(Stdio::inherit()))?)?);
        }
        Ok(all)
    }

    fn generated(&self) -> PathBuf {
        self.root.join("generated")
    }

    fn payload(&self, name: &str) -> PathBuf {
        self.root.join(format!("payloads/{name}.json"))
    }

    /// Returns the versions of the contestants. zod is the main workspace's.
    fn versions() -> Result<String> {
        let mut versions = workspace::crate_versions(&["jsonschema", "serde_json"])?;
        let zod = read_file(&in_root("node_modules/zod/package.json"))?;
        versions.push(workspace::versioned("zod", &zod, "\"version\": \""));
        versions.extend(workspace::npm_versions(&["ajv", "ajv-formats", "json-schema-to-zod"])?);
        Ok(versions.join(", "))
    }

    fn print(&self, title: &str, figures: &[Figure]) -> Result {
        println!("\n## {title}");
        for payload in PAYLOADS {
            let size = read_file(&self.payload(payload))?.len();
            println!("\n| {payload}, {size} bytes | time | per second | ratio |\n|---|---:|---:|---:|");
            let of_payload = || figures.iter().filter(|figure| figure.payload == payload);
            let first = of_payload().next().map_or(f64::NAN, |figure| figure.nanoseconds);
            for Figure { title, nanoseconds, .. } in of_payload() {
                let (time, rate, ratio) = (time(*nanoseconds), rate(*nanoseconds), nanoseconds / first);
                println!("| {title} | {time} | {rate} | {ratio:.2} × |");
            }
        }
        Ok(())
    }
}

fn figures(lines: &str) -> Result<Vec<Figure>> {
    let figure = |line: &str| {
        let mut fields = line.split('\t').map(str::to_owned);
        let (payload, title) = (fields.next()?, fields.next()?);
        Some(Figure { payload, title, nanoseconds: fields.next()?.parse().ok()? })
    };
    let unreadable = |line: &str| Failure::new(format!("expected payload, title and time, got {line:?}"));
    lines.lines().map(|line| figure(line).ok_or_else(|| unreadable(line))).collect()
}

fn time(nanoseconds: f64) -> String {
    if nanoseconds < 10_000.0 {
        format!("{nanoseconds:.0} ns")
    } else {
        format!("{:.0} µs", nanoseconds / 1e3)
    }
}

fn rate(nanoseconds: f64) -> String {
    let rate = 1e9 / nanoseconds;
    if rate < 1e6 { format!("{:.1} k", rate / 1e3) } else { format!("{:.2} M", rate / 1e6) }
}

fn read_file(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| Failure::at(path, &error))
}

fn write(path: &Path, text: &str) -> Result {
    let failed = |error| Failure::at(path, &error);
    path.parent().map_or(Ok(()), fs::create_dir_all).map_err(failed)?;
    fs::write(path, text).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_line_by_line() {
        let figures = figures("order\tajv, compiled\t12.5\nprogress\tx\t1").unwrap();
        assert_eq!((figures[0].title.as_str(), figures.len()), ("ajv, compiled", 2));
        assert!(super::figures("order").is_err());
    }

    #[test]
    fn times_and_rates_have_suitable_units() {
        assert_eq!((time(812.4).as_str(), rate(812.4).as_str()), ("812 ns", "1.23 M"));
        assert_eq!((time(81_240.0).as_str(), rate(81_240.0).as_str()), ("81 µs", "12.3 k"));
    }
}

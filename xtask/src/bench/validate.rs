//! `cargo xtask bench validate`: measures how fast payloads are validated, in Rust and in JavaScript.

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
        tools::ensure_npm_packages()?;
        tools::build_typescript_client()?;
        let bench = Bench { root: target().join("bench/validate"), rounds: self.rounds.to_string() };
        bench.prepare()?;
        let rust = step("Measuring Rust", || bench.measure_rust())?;
        let javascript = step("Measuring JavaScript", || bench.measure_javascript())?;

        println!("\n# Validating payloads\n\n{}; {}.", machine::describe(), Bench::read_versions()?);
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

    fn measure_rust(&self) -> Result<Vec<Figure>> {
        let schemas = self.generated().join("json-schema/shop");
        let program = workspace::program("bench-validate");
        let mut measure = command(program, &[self.root.join("payloads"), schemas]);
        parse_figures(&read_output(measure.arg(&self.rounds).stderr(Stdio::inherit()))?)
    }

    /// Measures with and without eval, in two processes, because zod decides once per process.
    fn measure_javascript(&self) -> Result<Vec<Figure>> {
        let mut all = Vec::new();
        for mode in ["eval", "no-eval"] {
            let mut measure = command("node", &[workspace::source("validate/measure.mjs"), self.generated()]);
            measure.arg(self.root.join("payloads")).args([&self.rounds, mode]).arg(self.root.join("scratch"));
            all.extend(parse_figures(&read_output(measure.stderr(Stdio::inherit()))?)?);
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
    fn read_versions() -> Result<String> {
        let mut versions = workspace::read_crate_versions(&["jsonschema", "serde_json"])?;
        let zod = read_file(&in_root("node_modules/zod/package.json"))?;
        versions.push(workspace::find_version("zod", &zod, "\"version\": \""));
        versions.extend(workspace::read_npm_versions(&["ajv", "ajv-formats", "json-schema-to-zod"])?);
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
                let (time, rate, ratio) =
                    (format_time(*nanoseconds), format_rate(*nanoseconds), nanoseconds / first);
                println!("| {title} | {time} | {rate} | {ratio:.2} × |");
            }
        }
        Ok(())
    }
}

fn parse_figures(lines: &str) -> Result<Vec<Figure>> {
    let figure = |line: &str| {
        let mut fields = line.split('\t').map(str::to_owned);
        let (payload, title) = (fields.next()?, fields.next()?);
        Some(Figure { payload, title, nanoseconds: fields.next()?.parse().ok()? })
    };
    let unreadable = |line: &str| Failure::new(format!("expected payload, title and time, got {line:?}"));
    lines.lines().map(|line| figure(line).ok_or_else(|| unreadable(line))).collect()
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
    fn figures_are_read_line_by_line() {
        let figures = parse_figures("order\tajv, compiled\t12.5\nprogress\tx\t1").unwrap();
        assert_eq!((figures[0].title.as_str(), figures.len()), ("ajv, compiled", 2));
        assert!(parse_figures("order").is_err());
    }

    #[test]
    fn times_and_rates_have_suitable_units() {
        assert_eq!((format_time(812.4).as_str(), format_rate(812.4).as_str()), ("812 ns", "1.23 M"));
        assert_eq!((format_time(81_240.0).as_str(), format_rate(81_240.0).as_str()), ("81 µs", "12.3 k"));
    }
}

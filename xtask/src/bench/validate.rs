//! `cargo xtask bench validate`: how fast payloads are checked, in Rust and in JavaScript.

use super::machine;
use crate::failure::{Failure, Result};
use crate::paths::{built, in_root, target};
use crate::process::{cargo, command, npm, read, run, run_quietly};
use crate::step::step;
use crate::tools;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// The folder of the definition, the payloads, the programs that measure, and the peers' versions.
const SOURCES: &str = "xtask/validate";
/// How many orders the long payload holds, so that it has about 100 KB.
const ORDERS: usize = 105;
const PAYLOADS: [&str; 3] = ["progress", "order", "archive"];

#[derive(clap::Args)]
pub(crate) struct Validate {
    /// How often each contestant runs for a tenth of a second; its median counts
    #[arg(long, value_name = "N", default_value_t = 9)]
    rounds: usize,
}

/// What one contestant needs for one payload.
struct Figure {
    payload: String,
    title: String,
    nanoseconds: f64,
}

impl Validate {
    pub(crate) fn run(&self) -> Result {
        if self.rounds == 0 {
            return Err(Failure::new("--rounds takes at least 1"));
        }
        tools::node_and_packages()?;
        tools::build_typescript_client()?;
        let bench = Bench { root: target().join("bench/validate"), rounds: self.rounds.to_string() };
        bench.prepare()?;
        let rust = step("Measuring Rust", || bench.rust())?;
        let javascript = step("Measuring JavaScript", || bench.javascript())?;

        println!("\n# Checking payloads\n\n{}; {}.", machine::description(), bench.versions()?);
        println!("Medians of {} rounds. Ratios are against the first line of each table.", self.rounds);
        bench.print("Rust", &rust)?;
        bench.print("JavaScript, of a parsed value", &javascript)
    }
}

/// Where all that the bench makes lies, and how long it measures.
struct Bench {
    root: PathBuf,
    rounds: String,
}

impl Bench {
    fn prepare(&self) -> Result {
        step("Generating code", || {
            write(&self.root.join("scratch/.keep"), "")?;
            for payload in ["progress", "order"] {
                let text = read_file(&in_root(SOURCES).join(format!("payloads/{payload}.json")))?;
                write(&self.payload(payload), &text)?;
            }
            let order = read_file(&self.payload("order"))?;
            let orders = vec![order; ORDERS].join(",");
            write(&self.payload("archive"), &format!("{{\"orders\":[{orders}]}}"))?;
            let arguments = ["run", "--quiet", "--package", "fanfare-codegen", "--", "generate", "--schemas"];
            let mut generate = cargo(&arguments);
            run_quietly(generate.arg(in_root(SOURCES).join("schemas")).arg("--out").arg(self.generated()))
        })?;
        step("Building the Rust, optimised", || self.build())?;
        step("Installing the peers on npm", || {
            run_quietly(npm(&["ci", "--no-audit", "--no-fund"]).current_dir(in_root(SOURCES)))
        })
    }

    /// Builds a crate of its own, so that nobody compiles it who does not measure. It has the workspace's
    /// versions and shares what the workspace has built.
    fn build(&self) -> Result {
        let sources = self.root.join("rust/src");
        if sources.exists() {
            fs::remove_dir_all(&sources).map_err(|error| Failure::at(&sources, &error))?;
        }
        let manifest = format!(
            "[package]\nname = \"bench-validate\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [dependencies]\nfanfare = {{ path = '{}' }}\n\
             jsonschema = {{ version = \"0.60\", default-features = false }}\n\
             serde = {{ version = \"1\", features = [\"derive\"] }}\n\
             serde_json = {{ version = \"1\", features = [\"preserve_order\", \"float_roundtrip\"] }}\n",
            in_root("runtime/rust").display()
        );
        write(&self.root.join("rust/Cargo.toml"), &manifest)?;
        write(&self.root.join("rust/Cargo.lock"), &read_file(&in_root("Cargo.lock"))?)?;
        write(&sources.join("main.rs"), &read_file(&in_root(SOURCES).join("main.rs"))?)?;
        for file in ["channels.rs", "shop.rs"] {
            let text = read_file(&self.generated().join("rust").join(file))?;
            let place =
                if file == "channels.rs" { sources.join(file) } else { sources.join("channels").join(file) };
            write(&place, &text)?;
        }
        let mut build = cargo(&["build", "--quiet", "--release", "--manifest-path"]);
        run(build.arg(self.root.join("rust/Cargo.toml")).arg("--target-dir").arg(target()))
    }

    fn rust(&self) -> Result<Vec<Figure>> {
        let schemas = self.generated().join("json-schema/shop");
        let mut measure = command(built("release", "bench-validate"), &[self.root.join("payloads"), schemas]);
        figures(&read(measure.arg(&self.rounds).stderr(Stdio::inherit()))?)
    }

    /// With and without eval, in two processes, because zod decides once.
    fn javascript(&self) -> Result<Vec<Figure>> {
        let mut all = Vec::new();
        for mode in ["eval", "no-eval"] {
            let mut measure = command("node", &[in_root(SOURCES).join("measure.mjs"), self.generated()]);
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

    /// The peers' versions, as they are locked.
    fn versions(&self) -> Result<String> {
        let tree = read(npm(&["ls", "--depth", "0", "--parseable", "--long"]).current_dir(in_root(SOURCES)))?;
        let peers = tree.lines().skip(1).filter_map(|line| line.rsplit(':').next()).map(str::to_owned);
        let zod = read_file(&in_root("node_modules/zod/package.json"))?;
        let lock = read_file(&self.root.join("rust/Cargo.lock"))?;
        let crates = ["jsonschema", "serde_json"];
        let crates = crates.map(|name| versioned(name, &lock, &format!("name = \"{name}\"\nversion = \"")));
        let zod = versioned("zod", &zod, "\"version\": \"");
        Ok(crates.into_iter().chain([zod]).chain(peers).collect::<Vec<_>>().join(", "))
    }

    fn print(&self, title: &str, figures: &[Figure]) -> Result {
        println!("\n## {title}");
        for payload in PAYLOADS {
            let size = read_file(&self.payload(payload))?.len();
            println!("\n| {payload}, {size} bytes | time | a second | ratio |\n|---|---:|---:|---:|");
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
    let unreadable = |line: &str| Failure::new(format!("no figure is in {line:?}"));
    lines.lines().map(|line| figure(line).ok_or_else(|| unreadable(line))).collect()
}

fn versioned(name: &str, text: &str, before: &str) -> String {
    let version = text.split(before).nth(1).and_then(|rest| rest.split('"').next());
    format!("{name}@{}", version.unwrap_or("unknown"))
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
    fn times_and_rates_have_units_that_fit() {
        assert_eq!((time(812.4).as_str(), rate(812.4).as_str()), ("812 ns", "1.23 M"));
        assert_eq!((time(81_240.0).as_str(), rate(81_240.0).as_str()), ("81 µs", "12.3 k"));
    }
}

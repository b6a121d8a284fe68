//! `cargo xtask bench codegen`: measures how fast definitions are compiled, and how fast the generated code compiles.

use super::check::{self, Checked};
use super::contestants::{self, ALL, Contestant, FANFARE, Folders, TYPIFY};
use super::figures::Figures;
use super::machine::Watch;
use super::statistics::{Measured, Samples, describe_verdicts};
use super::{machine, types};
use crate::failure::{Failure, Result};
use crate::paths::{create_empty_folder, program, write_file};
use crate::process::{command, run_quietly};
use crate::step::step;
use crate::tools;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

#[derive(clap::Args)]
pub(crate) struct Codegen {
    /// Number of object types, ten per channel, at most 1,000
    #[arg(long, value_name = "N", default_value_t = types::MAX_TYPES)]
    types: usize,
    /// Number of rounds
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// Skip `cargo check` of the Rust code, which takes minutes and much memory for typify's
    #[arg(long)]
    skip_check: bool,
}

impl Codegen {
    pub(crate) fn run(&self) -> Result {
        if !(1..=types::MAX_TYPES).contains(&self.types) || self.rounds == 0 {
            return Err(Failure::new("--types must be 1 to 1000, and --rounds at least 1"));
        }
        tools::ensure_npm_packages()?;
        contestants::prepare()?;
        let folders = Folders::new();
        let count = write_types(self.types, &folders)?;

        let watch = Watch::start();
        let mut measured = Measured::default();
        for round in 1..=self.rounds {
            step(&format!("Round {round} of {}", self.rounds), || {
                ALL.iter().try_for_each(|contestant| measure(contestant, &folders, &mut measured))
            })?;
        }
        let load = watch.describe();
        let compared =
            step("Comparing all channels with a git revision", || self.measure_breaking(&folders))?;
        let watched = step("Changing one definition while `fanfare generate --watch` runs", || {
            self.measure_watch(&folders)
        })?;
        let checked = if self.skip_check { None } else { Some(check_both(&folders)?) };

        println!("\n# {count} object types\n\n{}; {}.", machine::describe(), contestants::read_versions()?);
        println!(
            "Whole processes, median (minimum–maximum) of {} rounds. {}\n{load}\n",
            self.rounds,
            describe_verdicts(self.rounds)
        );
        print_times(&measured, &folders);
        let ratio = compared.median() / measured.median(TIMES, FANFARE.title, "seconds");
        let verdict = if ratio < 2.0 { "met" } else { "missed" };
        println!(
            "\n`fanfare breaking` against a git revision, with a change in every channel: {}, {ratio:.1} × the time of\n`fanfare generate`. Target below 2 ×: {verdict}.",
            compared.describe(format_seconds)
        );
        println!(
            "\n`fanfare generate --watch`, from a change of one definition to its files: {}.",
            watched.describe(|time| format!("{:.0} ms", time * 1e3))
        );
        if let Some([fanfare, typify]) = checked {
            print_checks(&fanfare, &typify);
        }
        Ok(())
    }

    /// Commits the definitions, changes every channel, and compares.
    fn measure_breaking(&self, folders: &Folders) -> Result<Samples> {
        let git = |arguments: &[&str]| run_quietly(command("git", arguments).current_dir(folders.schemas()));
        git(&["init", "--quiet"])?;
        git(&["add", "."])?;
        let author = ["-c", "user.name=bench", "-c", "user.email=bench@example.com"];
        git(&[&author[..], &["commit", "--quiet", "--message=types"]].concat())?;
        for channel in types::generate(self.types) {
            let changed = types::to_yaml(&channel).replace("\"maximum\": 1000000", "\"maximum\": 999999");
            write_file(&folders.schemas().join(format!("{}.yaml", channel.name)), &changed)?;
        }
        // Errors are expected, and the command is to succeed.
        let levels = folders.root.join("fanfare.yaml");
        write_file(&levels, "breaking: { wire: note, history: note, source: note }\n")?;
        let mut times = Vec::new();
        for _ in 0..self.rounds {
            let mut command = command(program("release", "fanfare"), &["breaking", "--against", "HEAD"]);
            command.arg("--schemas").arg(folders.schemas()).arg("--config").arg(&levels);
            times.push(time(&mut command)?);
        }
        Ok(Samples::new(times))
    }

    /// Changes a definition several times, and returns the seconds until its files are written.
    fn measure_watch(&self, folders: &Folders) -> Result<Samples> {
        let channel = types::generate(self.types).swap_remove(0);
        let path = folders.schemas().join(format!("{}.yaml", channel.name));
        let mut command = command(program("release", "fanfare"), &["generate", "--watch", "--schemas"]);
        command.arg(folders.schemas()).arg("--out").arg(folders.root.join("watched"));
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| Failure::at(&path, &error))?;
        let output = child.stdout.take().ok_or_else(|| Failure::new("`fanfare` has no output"))?;
        let mut lines = BufReader::new(output).lines();
        let mut wait =
            || lines.by_ref().map_while(std::result::Result::ok).any(|line| line.starts_with("watching"));
        let mut times = Vec::new();
        let mut is_running = wait();
        for round in 0..self.rounds {
            let maximum = format!("\"maximum\": {}", 900_000 + round);
            let changed = types::to_yaml(&channel).replace("\"maximum\": 1000000", &maximum);
            let start = Instant::now();
            write_file(&path, &changed)?;
            is_running &= wait();
            times.push(start.elapsed().as_secs_f64());
        }
        let _ = child.kill();
        let _ = child.wait();
        if !is_running {
            return Err(Failure::new("`fanfare generate --watch` ended"));
        }
        Ok(Samples::new(times))
    }
}

/// The measurement of the contestants.
const TIMES: &str = "times";

/// Compiles all types once.
fn measure(contestant: &Contestant, folders: &Folders, measured: &mut Measured) -> Result {
    let seconds = time(&mut contestant.command(folders)?)?;
    measured.add(TIMES, contestant.title, Figures::default().with("seconds", seconds));
    Ok(())
}

/// Runs a command, and returns the seconds that it took.
fn time(command: &mut Command) -> Result<f64> {
    let start = Instant::now();
    run_quietly(command)?;
    Ok(start.elapsed().as_secs_f64())
}

/// Writes the types in both forms and returns their number.
fn write_types(count: usize, folders: &Folders) -> Result<usize> {
    let channels = types::generate(count);
    let schemas = folders.schemas();
    create_empty_folder(&schemas)?;
    for channel in &channels {
        write_file(&schemas.join(format!("{}.yaml", channel.name)), &types::to_yaml(channel))?;
    }
    write_file(&folders.document(), &types::to_json_schema(&channels))?;
    Ok(channels.len() * types::TYPES_PER_CHANNEL)
}

fn check_both(folders: &Folders) -> Result<[Checked; 2]> {
    let fanfare = step("cargo check of Fanfare's Rust", || {
        check::check_fanfare(&folders.output(&FANFARE), &folders.root)
    })?;
    let typify = step("cargo check of typify's Rust", || {
        check::check_typify(&folders.output(&TYPIFY), &folders.root)
    })?;
    Ok([fanfare, typify])
}

fn print_times(measured: &Measured, folders: &Folders) {
    println!("| program | time | ratio | output |");
    println!("|---|---:|---:|---:|");
    for contestant in &ALL {
        let seconds = measured.samples(TIMES, contestant.title, "seconds").describe(format_seconds);
        let ratios = measured.ratios(TIMES, contestant.title, FANFARE.title, "seconds");
        let ratio = if contestant.title == FANFARE.title {
            String::new()
        } else {
            ratios.describe_ratio("faster", "slower")
        };
        let lines = contestants::count_lines(&folders.output(contestant));
        println!("| {} | {seconds} | {ratio} | {lines} lines |", contestant.title);
    }
}

fn format_seconds(seconds: f64) -> String {
    format!("{seconds:.2} s")
}

fn print_checks(fanfare: &Checked, typify: &Checked) {
    println!("\n| `cargo check` of the Rust code | time | peak memory | code |");
    println!("|---|---:|---:|---:|");
    for checked in [fanfare, typify] {
        let seconds = checked.usage.time.as_secs_f64();
        let memory = checked.usage.peak_kib.map_or("unknown".into(), format_gigabytes);
        println!("| {} | {seconds:.1} s | {memory} | {} lines |", checked.title, checked.lines);
    }
    let share = fanfare.usage.time.as_secs_f64() / typify.usage.time.as_secs_f64() * 100.0;
    let verdict = if share <= 40.0 { "met" } else { "missed" };
    println!("\nFanfare's code takes {share:.0} % of the time of typify's. Target of 40 %: {verdict}.");
}

fn format_gigabytes(kib: u64) -> String {
    let tenths = kib * 1024 / 100_000_000;
    format!("{}.{} GB", tenths / 10, tenths % 10)
}

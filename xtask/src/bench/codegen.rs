//! `cargo xtask bench codegen`: measures how fast definitions are compiled, and how fast the generated code compiles.

use super::check::{self, Checked};
use super::contestants::{self, ALL, Contestant, FANFARE, Folders, TYPIFY};
use super::{machine, types};
use crate::failure::{Failure, Result};
use crate::paths::{create_empty_folder, program, write_file};
use crate::process::{command, run_quietly};
use crate::step::step;
use crate::tools;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Codegen {
    /// Number of object types, ten per channel, at most 1,000
    #[arg(long, value_name = "N", default_value_t = types::MAX_TYPES)]
    types: usize,
    /// Runs per program; the median is reported
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

        let mut times = Vec::new();
        for contestant in &ALL {
            times.push(step(&format!("Compiling with {}", contestant.title), || {
                self.measure(contestant, &folders)
            })?);
        }
        let compared =
            step("Comparing all channels with a git revision", || self.measure_breaking(&folders))?;
        let watched = step("Changing one definition while `fanfare generate --watch` runs", || {
            self.measure_watch(&folders)
        })?;
        let checked = if self.skip_check { None } else { Some(check_both(&folders)?) };

        println!("\n# {count} object types\n\n{}; {}.", machine::describe(), contestants::read_versions()?);
        println!("Whole processes, median of {}.\n", self.rounds);
        print_times(&times, &folders);
        let ratio = compared.as_secs_f64() / times[0].as_secs_f64();
        let verdict = if ratio < 2.0 { "met" } else { "missed" };
        println!(
            "\n`fanfare breaking` against a git revision, with a change in every channel: {:.2} s, {ratio:.1} × the time of\n`fanfare generate`. Target below 2 ×: {verdict}.",
            compared.as_secs_f64()
        );
        println!(
            "\n`fanfare generate --watch`, from a change of one definition to its files: {} ms.",
            watched.as_millis()
        );
        if let Some([fanfare, typify]) = checked {
            print_checks(&fanfare, &typify);
        }
        Ok(())
    }

    fn measure(&self, contestant: &Contestant, folders: &Folders) -> Result<Duration> {
        self.median(|| contestant.command(folders))
    }

    /// Commits the definitions, changes every channel, and compares.
    fn measure_breaking(&self, folders: &Folders) -> Result<Duration> {
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
        self.median(|| {
            let mut command = command(program("release", "fanfare"), &["breaking", "--against", "HEAD"]);
            command.arg("--schemas").arg(folders.schemas()).arg("--config").arg(&levels);
            Ok(command)
        })
    }

    /// Changes a definition several times, and returns the median of the times until its files are written.
    fn measure_watch(&self, folders: &Folders) -> Result<Duration> {
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
            times.push(start.elapsed());
        }
        let _ = child.kill();
        let _ = child.wait();
        if !is_running {
            return Err(Failure::new("`fanfare generate --watch` ended"));
        }
        times.sort_unstable();
        Ok(times[times.len() / 2])
    }

    /// Runs a command several times, and returns the median of the times.
    fn median(&self, command: impl Fn() -> Result<Command>) -> Result<Duration> {
        let mut times = Vec::new();
        for _ in 0..self.rounds {
            let mut command = command()?;
            let start = Instant::now();
            run_quietly(&mut command)?;
            times.push(start.elapsed());
        }
        times.sort_unstable();
        Ok(times[times.len() / 2])
    }
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

fn print_times(times: &[Duration], folders: &Folders) {
    println!("| program | time | relative to fanfare | output |");
    println!("|---|---:|---:|---:|");
    for (contestant, time) in ALL.iter().zip(times) {
        let seconds = time.as_secs_f64();
        let ratio = seconds / times[0].as_secs_f64();
        let lines = contestants::count_lines(&folders.output(contestant));
        println!("| {} | {seconds:.2} s | {ratio:.1} × | {lines} lines |", contestant.title);
    }
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

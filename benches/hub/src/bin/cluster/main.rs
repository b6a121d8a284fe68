//! The load client for several hubs that share NATS servers.
//!
//! Each command prints figures as `name=value` pairs on a line. `hold` and `listen` print a line once they are ready,
//! and another one for each line of their input.

mod hold;
mod listen;
mod publish;
mod streams;

use bench_hub::process::{self, Cpu};
use bench_hub::{argument, now, number};
use std::fmt::{Display, Write};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

/// The reason why a command failed.
type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    match LocalSet::new().run_until(run()).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Error> {
    let server = format!("127.0.0.1:{}", number("port", 0));
    let process = number("process", 0);
    match std::env::args().nth(1).as_deref() {
        Some("hold") => hold::run(&server, &argument("channels").ok_or("--channels is missing")?).await,
        Some("publish") => publish::run().await,
        Some("listen") => listen::run(&server, number("connections", 1), number("shards", 4)).await,
        Some("subjects") => streams::subjects(&server, process, &numbers("points")).await,
        Some("subscriptions") => streams::subscriptions(&server, process, &numbers("points")).await,
        Some("consumers") => streams::consumers(&server, process, &numbers("points")).await,
        _ => {
            Err("usage: cluster hold|publish|listen|subjects|subscriptions|consumers [--name value]…".into())
        }
    }
}

/// Returns the numbers after `--name`, which are separated by commas.
fn numbers(name: &str) -> Vec<u64> {
    let given = argument(name).unwrap_or_default();
    given.split(',').filter_map(|number| number.parse().ok()).collect()
}

/// Calls `answer` for each line of the input, and prints what it returns.
async fn answer_lines(mut answer: impl FnMut() -> String) -> Result<(), Error> {
    let (sender, mut lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            // The receiver exists until the program ends.
            let _ = sender.send(line);
        }
    });
    while lines.recv().await.is_some() {
        println!("{}", answer());
    }
    Ok(())
}

/// The figures of a command.
#[derive(Default)]
struct Figures(String);

impl Figures {
    fn add(&mut self, name: impl Display, value: impl Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{name}={value} ");
    }

    fn print(&self) {
        println!("{}", self.0.trim_end());
    }
}

/// Measures the processes that `--processes` names.
struct Watch {
    processes: Vec<u64>,
    cpu: Vec<Cpu>,
    memory: Vec<u64>,
    begun: u64,
}

impl Watch {
    fn start() -> Self {
        let processes = numbers("processes");
        let cpu = processes.iter().map(|process| Cpu::read(*process)).collect();
        let memory = processes.iter().map(|process| process::memory(*process)).collect();
        Self { processes, cpu, memory, begun: now() }
    }

    /// Adds the seconds since the start and, for each process, its CPU time in microseconds, its memory in KB, and the
    /// growth of its memory in KB.
    fn finish(self, figures: &mut Figures) {
        figures.add("seconds", (now() - self.begun) as f64 / 1e9);
        let before = self.cpu.iter().zip(self.memory);
        for (index, (process, (cpu, memory))) in self.processes.iter().zip(before).enumerate() {
            let after = process::memory(*process);
            figures.add(format_args!("cpu_{index}"), Cpu::read(*process).since(cpu));
            figures.add(format_args!("memory_{index}"), after);
            figures.add(format_args!("grown_{index}"), after.saturating_sub(memory));
        }
    }
}

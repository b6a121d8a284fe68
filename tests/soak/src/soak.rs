//! Executes all rounds of a soak and reports their results.

use crate::Result;
use crate::attackers::Attackers;
use crate::fault_test::{Outcome, Setup};
use crate::hostile::{Measurement, run_attacks};
use crate::log::Log;
use crate::plan::{Plan, Size};
use crate::server::Installation;
use crate::verdict::{Verdict, judge};
use std::fmt::Display;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The parameters of a soak.
#[derive(Clone, Debug)]
pub struct Soak {
    /// The seed of all random decisions.
    pub seed: u64,
    /// The size.
    pub size: Size,
    /// How long the fault test publishes. The test with the short history takes half as long, but at least 5 seconds.
    pub duration: Duration,
    /// The path of the server.
    pub server: PathBuf,
    /// The script that subscribes with the TypeScript client.
    pub node: PathBuf,
    /// The folder for databases and for the logs of failed rounds. It is emptied first.
    pub folder: PathBuf,
}

/// The minimum duration of the test with the short history, which has few gaps otherwise.
const MIN_GAP_TEST: Duration = Duration::from_secs(5);
/// How long the warm-up publishes.
const WARM_UP: Duration = Duration::from_secs(10);
/// How long the server takes to free its memory: the age of the history, the time that an idle log stays in memory, and
/// the interval of the cleanup.
const CLEANUP_TIME: Duration = Duration::from_secs(105);
/// How much longer the heap may take to shrink.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The maximum ratio of the heap after the test to the heap before.
const HEAP_TOLERANCE: f64 = 1.1;

impl Soak {
    /// Runs the fault test, checks that the heap has shrunk, and runs the test with the short history. The full size
    /// also runs the tests of runs.
    ///
    /// # Errors
    /// Returns an error if a message was lost, repeated or out of order, a gap is wrong, or the heap has grown.
    pub async fn run(&self) -> Result {
        println!("seed {}", self.seed);
        let full = self.size == Size::Full;
        let mut setup = self.setup("faults").await?;
        let heap_before = if full { Some(self.warm_up(&mut setup).await?) } else { None };
        self.run_plan(&mut setup, &self.size.faults(self.seed, self.duration)).await?;
        if let Some(before) = heap_before {
            compare_heap(&mut setup, before).await?;
        }
        setup.server.kill().await?;
        let mut setup = self.setup("gaps").await?;
        self.run_plan(&mut setup, &self.size.gaps(self.seed, (self.duration / 2).max(MIN_GAP_TEST))).await?;
        setup.server.kill().await?;
        if full {
            crate::runs::test(self).await?;
        }
        Ok(std::fs::remove_dir_all(&self.folder)?)
    }

    /// Runs all attacks while ten honest subscribers use the server.
    ///
    /// # Errors
    /// Returns an error if a limit or the bound on memory is exceeded, or an honest subscriber lost a message.
    pub async fn run_hostile(&self, attackers: &Attackers) -> Result {
        println!("seed {}", self.seed);
        let plan = Size::honest(self.seed);
        let mut setup = self.setup(plan.name).await?;
        let running = setup.begin(&plan).await?;
        let measurements = run_attacks(&mut setup, attackers).await?;
        running.over.send_replace(true);
        let outcome = setup.end(running).await?;
        println!("\n# attacks\n{}", Measurement::TITLES);
        for measurement in &measurements {
            println!("{measurement}");
        }
        println!("\n# honest subscribers during the attacks");
        self.check(&setup, &plan, &outcome)?;
        setup.server.kill().await?;
        Ok(std::fs::remove_dir_all(&self.folder)?)
    }

    /// Tests runs whose server is killed at any time, and runs that two servers execute.
    ///
    /// # Errors
    /// Returns an error if a run does not complete, or anything that must happen once does not.
    pub async fn run_runs(&self) -> Result {
        println!("seed {}", self.seed);
        crate::runs::test(self).await?;
        Ok(std::fs::remove_dir_all(&self.folder)?)
    }

    /// Tests two servers on one file, which is locked and replaced while readers resume at either server.
    ///
    /// # Errors
    /// Returns an error if a reader did not receive exactly what was committed, or an acknowledged publish does not
    /// exist once.
    pub async fn run_delivery(&self) -> Result {
        println!("seed {}", self.seed);
        crate::delivery::test(self).await?;
        Ok(std::fs::remove_dir_all(&self.folder)?)
    }

    /// Tests servers on one PostgreSQL database: messages while the database fails and readers resume at any server, and
    /// runs whose servers are killed and suspended.
    ///
    /// # Errors
    /// Returns an error if a reader did not receive exactly what was committed, an acknowledged publish does not exist
    /// once, a run does not complete, or anything that must happen once does not.
    pub async fn run_cluster(&self) -> Result {
        println!("seed {}", self.seed);
        crate::delivery::test_machines(self).await?;
        crate::runs::test_cluster(self).await?;
        Ok(std::fs::remove_dir_all(&self.folder)?)
    }

    /// Tests three servers on a cluster of three NATS servers, which fail while readers resume at any server.
    ///
    /// # Errors
    /// Returns an error if a reader did not receive exactly what was stored, or an acknowledged publish does not exist
    /// once.
    pub async fn run_nats(&self) -> Result {
        println!("seed {}", self.seed);
        crate::delivery::test_nats(self).await?;
        Ok(std::fs::remove_dir_all(&self.folder)?)
    }

    async fn setup(&self, name: &str) -> Result<Setup> {
        let folder = self.folder.join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let installation = Installation::new(&self.server, &folder);
        Setup::start(installation, self.node.clone(), self.seed).await
    }

    /// Returns the live bytes of the heap before the test: after subscribers and messages of the same kind, when all
    /// have disconnected and the server has cleaned up. So it includes everything that is allocated once and kept.
    async fn warm_up(&self, setup: &mut Setup) -> Result<u64> {
        let plan = self.size.warm_up(self.seed, WARM_UP);
        self.run_plan(setup, &plan).await?;
        sleep(CLEANUP_TIME).await;
        setup.server.heap().await
    }

    async fn run_plan(&self, setup: &mut Setup, plan: &Plan) -> Result {
        announce(plan);
        let outcome = setup.run(plan).await?;
        self.check(setup, plan, &outcome)
    }

    /// Prints the counts, and fails if anything is violated.
    fn check(&self, setup: &Setup, plan: &Plan, outcome: &Outcome) -> Result {
        let published = outcome.messages();
        let verdict = judge(plan.history, &published, &outcome.logs);
        report(setup, outcome, &verdict);
        if verdict.is_good() && outcome.late.is_empty() {
            return Ok(());
        }
        let folder = self.folder.join(plan.name);
        for (channel, messages) in published.iter().enumerate() {
            write_lines(&folder.join(format!("published-{channel}.log")), messages)?;
        }
        for log in &outcome.logs {
            write_log(&folder.join(format!("{}.log", log.subscriber)), log)?;
        }
        let mut failure = format!("seed {}: the round {} failed", self.seed, plan.name);
        for difference in verdict.differences.iter().take(10) {
            failure.push_str(&format!("\n  {difference}"));
        }
        if !outcome.late.is_empty() {
            failure.push_str(&format!("\n  without the last message: {}", outcome.late.join(", ")));
        }
        failure.push_str(&format!("\n  see the logs in {}", folder.display()));
        Err(failure.into())
    }
}

/// Waits until the heap of the last server has shrunk to that of the first.
async fn compare_heap(setup: &mut Setup, before: u64) -> Result {
    sleep(CLEANUP_TIME).await;
    let end = Instant::now() + TIMEOUT;
    loop {
        let after = setup.server.heap().await?;
        #[allow(clippy::cast_precision_loss, reason = "a heap is far smaller than 2^53 bytes")]
        let ratio = after as f64 / before as f64;
        if ratio <= HEAP_TOLERANCE || Instant::now() > end {
            line("live heap before, in bytes", before);
            line("live heap after, in bytes", after);
            line("live heap, after to before", format!("{ratio:.3}"));
            line("resident memory, in bytes", setup.server.resident().unwrap_or(0));
            return if ratio <= HEAP_TOLERANCE {
                Ok(())
            } else {
                Err("the heap has grown by more than 10 %".into())
            };
        }
        sleep(Duration::from_secs(1)).await;
    }
}

fn announce(plan: &Plan) {
    println!(
        "\n# {}: {} subscribers ({} in Node), {} messages per second on {} channels for {:?}, {} kills",
        plan.name,
        plan.rust_clients + plan.node_clients,
        plan.node_clients,
        plan.rate,
        plan.channels,
        plan.duration,
        plan.kills
    );
}

fn report(setup: &Setup, outcome: &Outcome, verdict: &Verdict) {
    let counts = setup.network.counts();
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let sum =
        |count: fn(&crate::publisher::Published) -> u64| outcome.published.iter().map(count).sum::<u64>();
    line("published and acknowledged", sum(|channel| channel.messages.len() as u64));
    line("requests repeated", sum(|channel| channel.repeated));
    line("of which already published", sum(|channel| channel.replayed));
    line("delivered", verdict.delivered);
    // Counting started after every subscriber had connected.
    line("reconnects", read(&counts.subscribers));
    line("connections of the publisher", read(&counts.publishers));
    line("kills", outcome.kills);
    line("connections cut", read(&counts.cut));
    line("connections torn", read(&counts.torn));
    line("connections half closed", read(&counts.half_closed));
    line("connections silently lost", read(&counts.swallowed));
    line("connections refused", read(&counts.refused));
    line("times stalled", read(&counts.stalled));
    line("times slowed", read(&counts.slowed));
    line("gaps", verdict.gaps);
    line("messages in gaps", verdict.missed);
    line("repeated gaps", verdict.repeated_gaps);
    line("duplicates on the wire", verdict.duplicates);
    line("lost", verdict.lost);
    line("repeated", verdict.repeated);
    line("out of order", verdict.out_of_order);
    line("wrong gaps", verdict.wrong_gaps);
}

pub(crate) fn line(title: &str, value: impl Display) {
    println!("{title:<28} {value:>12}");
}

pub(crate) fn write_log(path: &std::path::Path, log: &Log) -> Result {
    let mut file = BufWriter::new(File::create(path)?);
    for violation in &log.violations {
        writeln!(file, "violation: {violation}")?;
    }
    for channel in &log.channels {
        writeln!(file, "{}", channel.channel)?;
        for entry in &channel.entries {
            writeln!(file, "  {entry}")?;
        }
    }
    Ok(())
}

fn write_lines(path: &std::path::Path, lines: &[impl Display]) -> Result {
    let mut file = BufWriter::new(File::create(path)?);
    for line in lines {
        writeln!(file, "{line}")?;
    }
    Ok(())
}

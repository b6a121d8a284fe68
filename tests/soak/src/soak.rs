//! All runs of a soak, one after the other, and what they found.

use crate::Result;
use crate::attackers::Attackers;
use crate::fault_test::{Outcome, Stage};
use crate::hostile::{Figure, harm};
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

/// What a soak is made of.
#[derive(Clone, Debug)]
pub struct Soak {
    /// Decides everything that is random.
    pub seed: u64,
    /// How large it is.
    pub size: Size,
    /// How long the fault test publishes. That with the narrow history takes half as long,
    /// and 5 seconds at least.
    pub duration: Duration,
    /// The server's program.
    pub server: PathBuf,
    /// The program that subscribes with the TypeScript client.
    pub node: PathBuf,
    /// Where the database is, and the logs of a run that fails. It is emptied first.
    pub folder: PathBuf,
}

/// A run that is shorter has hardly a gap.
const SHORTEST: Duration = Duration::from_secs(5);
/// How long the warm-up publishes.
const WARM_UP: Duration = Duration::from_secs(10);
/// The history's age, the time for which a log stays in memory that nobody uses, and a round of tidying.
const UNTIL_TIDY: Duration = Duration::from_secs(105);
/// How long the heap may take beyond that to be what it was.
const PATIENCE: Duration = Duration::from_secs(30);
/// The heap may be larger than before by this factor.
const HEAP_TOLERANCE: f64 = 1.1;

impl Soak {
    /// The fault test, then the one with a history that is too small, and in between whether the heap has
    /// returned to what it was.
    ///
    /// # Errors
    /// When anything was lost, repeated or out of order, when a gap is wrong, or when the heap has grown.
    pub async fn run(&self) -> Result {
        println!("seed {}", self.seed);
        let full = self.size == Size::Full;
        let mut stage = self.stage("faults").await?;
        let heap_before = if full { Some(self.warm_up(&mut stage).await?) } else { None };
        self.play(&mut stage, &self.size.faults(self.seed, self.duration)).await?;
        if let Some(before) = heap_before {
            compare_heap(&mut stage, before).await?;
        }
        stage.server.kill().await?;
        let mut stage = self.stage("gaps").await?;
        self.play(&mut stage, &self.size.gaps(self.seed, (self.duration / 2).max(SHORTEST))).await?;
        stage.server.kill().await?;
        if full {
            crate::runs::test(self, self.size).await?;
        }
        Ok(std::fs::remove_dir_all(&self.folder)?)
    }

    /// All kinds of harm, while ten honest subscribers are told everything.
    ///
    /// # Errors
    /// When a limit does not hold, when memory is not bounded, or when an honest subscriber lost anything.
    pub async fn run_hostile(&self, attackers: &Attackers) -> Result {
        println!("seed {}", self.seed);
        let plan = Size::honest(self.seed);
        let mut stage = self.stage(plan.name).await?;
        let running = stage.begin(&plan).await?;
        let figures = harm(&mut stage, attackers).await?;
        running.over.send_replace(true);
        let outcome = stage.end(running).await?;
        println!("\n# harm\n{}", Figure::TITLES);
        for figure in &figures {
            println!("{figure}");
        }
        println!("\n# honest subscribers meanwhile");
        self.check(&stage, &plan, &outcome)?;
        stage.server.kill().await?;
        Ok(std::fs::remove_dir_all(&self.folder)?)
    }

    /// Runs whose server is killed at any moment, and runs that two servers execute.
    ///
    /// # Errors
    /// When a run does not complete, or anything that is to be once was not.
    pub async fn run_runs(&self) -> Result {
        println!("seed {}", self.seed);
        crate::runs::test(self, self.size).await?;
        Ok(std::fs::remove_dir_all(&self.folder)?)
    }

    /// Two servers on one file, which is locked and replaced while readers resume at either server.
    ///
    /// # Errors
    /// When a reader did not get exactly what was committed, or a publish that was answered is not there once.
    pub async fn run_delivery(&self) -> Result {
        println!("seed {}", self.seed);
        crate::delivery::test(self).await?;
        Ok(std::fs::remove_dir_all(&self.folder)?)
    }

    async fn stage(&self, name: &str) -> Result<Stage> {
        let folder = self.folder.join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let installation = Installation::new(&self.server, &folder);
        Stage::set(installation, self.node.clone(), self.seed).await
    }

    /// The level of the heap before the test: of the same server, after subscribers and messages of the same
    /// kind, when all have left and what they left is tidied up. What is made once and kept is in it.
    async fn warm_up(&self, stage: &mut Stage) -> Result<u64> {
        let plan = self.size.warm_up(self.seed, WARM_UP);
        self.play(stage, &plan).await?;
        sleep(UNTIL_TIDY).await;
        stage.server.heap().await
    }

    async fn play(&self, stage: &mut Stage, plan: &Plan) -> Result {
        announce(plan);
        let outcome = stage.play(plan).await?;
        self.check(stage, plan, &outcome)
    }

    /// Prints what was counted, and fails where anything is wrong.
    fn check(&self, stage: &Stage, plan: &Plan, outcome: &Outcome) -> Result {
        let published = outcome.messages();
        let verdict = judge(plan.history, &published, &outcome.logs);
        report(stage, outcome, &verdict);
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
        let mut failure = format!("seed {}: the run {} failed", self.seed, plan.name);
        for difference in verdict.differences.iter().take(10) {
            failure.push_str(&format!("\n  {difference}"));
        }
        if !outcome.late.is_empty() {
            failure.push_str(&format!("\n  not told the last message: {}", outcome.late.join(", ")));
        }
        failure.push_str(&format!("\n  all logs are in {}", folder.display()));
        Err(failure.into())
    }
}

/// Waits until the heap of the last server is what that of the first was.
async fn compare_heap(stage: &mut Stage, before: u64) -> Result {
    sleep(UNTIL_TIDY).await;
    let end = Instant::now() + PATIENCE;
    loop {
        let after = stage.server.heap().await?;
        #[allow(clippy::cast_precision_loss, reason = "a heap is far smaller than 2^53 bytes")]
        let ratio = after as f64 / before as f64;
        if ratio <= HEAP_TOLERANCE || Instant::now() > end {
            line("live heap before, in bytes", before);
            line("live heap after, in bytes", after);
            line("live heap, after to before", format!("{ratio:.3}"));
            line("resident memory, in bytes", stage.server.resident().unwrap_or(0));
            return if ratio <= HEAP_TOLERANCE { Ok(()) } else { Err("the heap has grown".into()) };
        }
        sleep(Duration::from_secs(1)).await;
    }
}

fn announce(plan: &Plan) {
    println!(
        "\n# {}: {} subscribers ({} in Node), {} messages a second on {} channels for {:?}, {} kills",
        plan.name,
        plan.rust_clients + plan.node_clients,
        plan.node_clients,
        plan.rate,
        plan.channels,
        plan.duration,
        plan.kills
    );
}

fn report(stage: &Stage, outcome: &Outcome, verdict: &Verdict) {
    let counts = stage.network.counts();
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let sum =
        |count: fn(&crate::publisher::Published) -> u64| outcome.published.iter().map(count).sum::<u64>();
    line("published and acknowledged", sum(|channel| channel.messages.len() as u64));
    line("requests repeated", sum(|channel| channel.repeated));
    line("of these published before", sum(|channel| channel.replayed));
    line("delivered", verdict.delivered);
    // Every subscriber had connected when counting began.
    line("reconnects", read(&counts.subscribers));
    line("connections of the publisher", read(&counts.publishers));
    line("kills", outcome.kills);
    line("connections cut", read(&counts.cut));
    line("connections torn", read(&counts.torn));
    line("connections half closed", read(&counts.half_closed));
    line("connections swallowed", read(&counts.swallowed));
    line("connections refused", read(&counts.refused));
    line("times stalled", read(&counts.stalled));
    line("times slowed", read(&counts.slowed));
    line("gaps", verdict.gaps);
    line("messages in gaps", verdict.missed);
    line("gaps told again", verdict.gaps_told_again);
    line("kept back by clients", verdict.kept_back);
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
    for complaint in &log.complaints {
        writeln!(file, "complaint: {complaint}")?;
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

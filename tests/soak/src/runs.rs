//! Tests runs whose servers are killed at any time, and runs that several servers execute.
//!
//! - `driver`: starts runs, sends them signals, and collects their results.
//! - `crash`: kills the servers at random times or at failpoints inside of transactions.
//! - `pair`: two servers on one journal, of which one is suspended for longer than its leases.
//! - `journal`: reads the database. `verdict`: compares it with what clients observed.

mod crash;
mod driver;
mod journal;
mod pair;
mod verdict;

use crate::Result;
use crate::database::Database;
use crate::fault_test::{SETTLE_TIME, find_late, wait_for_all};
use crate::log::Log;
use crate::network::Network;
use crate::plan::{Faults, History, Plan, Size};
use crate::postgres::Server;
use crate::soak::{Soak, line, write_log};
use crate::subscribers::SharedLog;
use driver::{Counts, Finished};
use journal::Journal;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::sleep;

/// The parameters of one test.
#[derive(Clone, Copy, Debug)]
struct Work {
    seed: u64,
    name: &'static str,
    channels: usize,
    /// The number of concurrent runs per channel.
    concurrent: usize,
    /// The number of iterations of the job. Each makes one call of each kind, and on PostgreSQL a transactional step.
    iterations: u32,
    pause: Duration,
    /// The maximum number of runs.
    max_runs: u32,
}

impl Work {
    /// Returns a plan for the subscribers. Its other fields have no effect.
    fn plan(&self, rust_clients: usize, node_clients: usize) -> Plan {
        let none = Duration::ZERO;
        Plan {
            name: self.name,
            seed: self.seed,
            history: History::All,
            channels: self.channels,
            rate: 0,
            duration: none,
            rust_clients,
            node_clients,
            kills: 0,
            faults: Faults { mean_interval: none, max_duration: none, max_outage: none, outage_percent: 0 },
        }
    }
}

/// The table to which steps write in their transactions. It has no key, so that a row that is written twice is noticed.
const CREATE_ROWS: &str = "CREATE TABLE public.work_rows (run text, iteration int8, value text)";

/// The database and the files of a test.
struct Files {
    folder: PathBuf,
    database: Database,
    effects: PathBuf,
}

impl Files {
    /// Creates the folder. The database is a file in it.
    fn new(soak: &Soak, name: &str) -> Result<Self> {
        let folder = soak.folder.join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let database = Database::File(folder.join("fanfare.db"));
        Ok(Self { database, effects: folder.join("effects.log"), folder })
    }

    /// Creates the folder, and a database in PostgreSQL with a table of the application.
    async fn with_postgres(soak: &Soak, name: &str) -> Result<Self> {
        let server = Server::start(soak.size == Size::Full).await?;
        server.connect().await?.batch_execute(CREATE_ROWS).await?;
        Ok(Self { database: Database::Postgres(Arc::new(server)), ..Self::new(soak, name)? })
    }
}

/// Waits until subscribers have received everything, prints the counts, and fails if anything is violated.
async fn conclude(
    work: &Work,
    files: &Files,
    finished: &[Finished],
    counts: &Counts,
    networks: &[&Network],
    logs: &[SharedLog],
) -> Result {
    let journal = Journal::read(&files.database, &work.plan(0, 0).channels()).await?;
    let published = journal.messages();
    let is_complete = |log: &Log| {
        log.channels.iter().zip(&published).all(|(channel, published)| channel.is_complete(published))
    };
    wait_for_all(logs, is_complete).await;
    sleep(SETTLE_TIME).await;
    let late = find_late(logs, is_complete);
    let logs: Vec<Log> = logs.iter().map(|log| log.with(|log| log.clone())).collect();
    let verdict = verdict::judge(work, finished, &journal, &files.effects, &logs)?;
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    line("runs", finished.len());
    line("recorded calls", journal.calls.len());
    line("side effects of steps", verdict.steps);
    line("side effects, all executions", verdict.effects);
    if let Some(rows) = &journal.rows {
        line("rows of transactional steps", rows.len());
    }
    line("durable messages", verdict.durable);
    line("non-durable messages", verdict.non_durable);
    line("of which repeats", verdict.non_durable - verdict.durable.min(verdict.non_durable));
    line("signals recorded", finished.iter().map(|run| run.recorded.len()).sum::<usize>());
    line("signals refused", read(&counts.refused));
    line("requests repeated", read(&counts.repeated));
    line("reconnects", networks.iter().map(|network| read(&network.counts().subscribers)).sum::<u64>());
    line("delivered", verdict.delivery.delivered);
    line("lost", verdict.delivery.lost);
    line("repeated", verdict.delivery.repeated);
    line("out of order", verdict.delivery.out_of_order);
    line("violations", verdict.violations.len() + late.len());
    if verdict.violations.is_empty() && late.is_empty() {
        return Ok(());
    }
    for log in &logs {
        write_log(&files.folder.join(format!("{}.log", log.subscriber)), log)?;
    }
    let late = late.iter().map(|subscriber| format!("{subscriber} did not receive the last message"));
    let violations: Vec<String> = verdict.violations.iter().cloned().chain(late).collect();
    std::fs::write(files.folder.join("violations.log"), violations.join("\n"))?;
    let shown = violations.iter().take(10).map(String::as_str).collect::<Vec<_>>().join("\n  ");
    let (name, seed, folder) = (work.name, work.seed, files.folder.display());
    Err(format!("seed {seed}: {name} failed\n  {shown}\n  see {folder}").into())
}

/// Runs the crash test and the tests of two servers.
pub(crate) async fn test(soak: &Soak) -> Result {
    let full = soak.size == Size::Full;
    let crash = crash_work(soak);
    crash::test(&crash, soak, &Files::new(soak, crash.name)?, 1, if full { 500 } else { 12 }).await?;
    let pair = pair_work(soak);
    pair::test(soak, pair, &Files::new(soak, pair.name)?).await?;
    pair::test_with_other_clocks(soak, Work { name: "clocks", ..pair }).await
}

/// Runs the crash test with three servers, and the test of two servers, on PostgreSQL.
pub(crate) async fn test_cluster(soak: &Soak) -> Result {
    let full = soak.size == Size::Full;
    let crash = Work { name: "machines-crash", ..crash_work(soak) };
    let files = Files::with_postgres(soak, crash.name).await?;
    crash::test(&crash, soak, &files, 3, if full { 300 } else { 9 }).await?;
    let pair = pair_work(soak);
    let max_runs = if full { pair.max_runs } else { pair.max_runs / 4 };
    let pair = Work { name: "machines-pair", max_runs, ..pair };
    pair::test(soak, pair, &Files::with_postgres(soak, pair.name).await?).await
}

fn crash_work(soak: &Soak) -> Work {
    let full = soak.size == Size::Full;
    Work {
        seed: soak.seed,
        name: "crash",
        channels: if full { 5 } else { 2 },
        concurrent: 3,
        iterations: if full { 20 } else { 4 },
        pause: Duration::from_millis(5),
        max_runs: u32::MAX / 20,
    }
}

fn pair_work(soak: &Soak) -> Work {
    let max_runs = if soak.size == Size::Full { 200 } else { 48 };
    Work { name: "pair", concurrent: 6, max_runs, ..crash_work(soak) }
}

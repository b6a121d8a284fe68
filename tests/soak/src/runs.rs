//! Runs whose server is killed at any moment, and runs of which two servers believe that they hold them.
//!
//! - `driver`: starts runs, sends them signals, and keeps what they came to.
//! - `crash`: kills the server at random, or where its storage stops inside of a transaction.
//! - `pair`: two servers on one journal, of which one is stopped for longer than its leases.
//! - `journal`: what stands in the database; `verdict` holds it against what was seen from outside.

mod crash;
mod driver;
mod journal;
mod pair;
mod verdict;

use crate::Result;
use crate::fault_test::{AFTERMATH, everyone, late};
use crate::log::Log;
use crate::network::Network;
use crate::plan::{Faults, History, Plan, Size};
use crate::soak::{Soak, line, write_log};
use crate::subscribers::SharedLog;
use driver::{Counts, Finished};
use journal::Journal;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::sleep;

/// What is executed in one test.
#[derive(Clone, Copy, Debug)]
struct Work {
    seed: u64,
    name: &'static str,
    channels: usize,
    /// How many runs are under way on a channel at a time.
    at_once: usize,
    /// How many steps of each kind a run has.
    rounds: u32,
    pause: Duration,
    /// How many runs there are at most.
    most: u32,
}

impl Work {
    /// The subscribers, as they are planned elsewhere. Nothing else of the plan counts.
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
            faults: Faults { every: none, longest: none, outage: none, outage_percent: 0 },
        }
    }
}

/// Where a test keeps what it needs.
struct Place {
    folder: PathBuf,
    database: PathBuf,
    effects: PathBuf,
}

impl Place {
    fn new(soak: &Soak, name: &str) -> Result<Self> {
        let folder = soak.folder.join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        Ok(Self { database: folder.join("fanfare.db"), effects: folder.join("effects.log"), folder })
    }
}

/// Waits until subscribers were told all, and judges. Prints what was counted, and fails where anything is
/// wrong.
async fn conclude(
    work: &Work,
    place: &Place,
    finished: &[Finished],
    counts: &Counts,
    networks: &[&Network],
    logs: &[SharedLog],
) -> Result {
    let journal = Journal::read(&place.database, &work.plan(0, 0).channels())?;
    let published = journal.messages();
    let is_complete = |log: &Log| {
        log.channels.iter().zip(&published).all(|(channel, published)| channel.is_complete(published))
    };
    everyone(logs, is_complete).await;
    sleep(AFTERMATH).await;
    let late = late(logs, is_complete);
    let logs: Vec<Log> = logs.iter().map(|log| log.with(|log| log.clone())).collect();
    let verdict = verdict::judge(work, finished, &journal, &place.effects, &logs)?;
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    line("runs", finished.len());
    line("steps written down", journal.steps.len());
    line("side effects of steps", verdict.steps);
    line("side effects, all executions", verdict.effects);
    line("durable messages", verdict.durable);
    line("non-durable messages", verdict.loose);
    line("of these repeats", verdict.loose - verdict.durable.min(verdict.loose));
    line("signals recorded", finished.iter().map(|run| run.recorded.len()).sum::<usize>());
    line("signals refused", read(&counts.refused));
    line("requests repeated", read(&counts.repeated));
    line("reconnects", networks.iter().map(|network| read(&network.counts().subscribers)).sum::<u64>());
    line("delivered", verdict.told.delivered);
    line("lost", verdict.told.lost);
    line("repeated", verdict.told.repeated);
    line("out of order", verdict.told.out_of_order);
    line("faults", verdict.faults.len() + late.len());
    if verdict.faults.is_empty() && late.is_empty() {
        return Ok(());
    }
    for log in &logs {
        write_log(&place.folder.join(format!("{}.log", log.subscriber)), log)?;
    }
    let late = late.iter().map(|subscriber| format!("{subscriber} was not told the last message"));
    let faults: Vec<String> = verdict.faults.iter().cloned().chain(late).collect();
    std::fs::write(place.folder.join("faults.log"), faults.join("\n"))?;
    let shown = faults.iter().take(10).map(String::as_str).collect::<Vec<_>>().join("\n  ");
    let (name, seed, folder) = (work.name, work.seed, place.folder.display());
    Err(format!("seed {seed}: {name} failed\n  {shown}\n  all is in {folder}").into())
}

/// The crash test, and the tests of two servers.
pub(crate) async fn test(soak: &Soak, size: Size) -> Result {
    let full = size == Size::Full;
    let work = Work {
        seed: soak.seed,
        name: "crash",
        channels: if full { 5 } else { 2 },
        at_once: 3,
        rounds: if full { 20 } else { 4 },
        pause: Duration::from_millis(5),
        most: u32::MAX / 20,
    };
    crash::test(soak, work, if full { 500 } else { 12 }).await?;
    let pair = Work { name: "pair", at_once: 6, most: if full { 200 } else { 48 }, ..work };
    pair::test(soak, pair).await?;
    pair::test_with_other_clocks(soak, Work { name: "clocks", ..pair }).await
}

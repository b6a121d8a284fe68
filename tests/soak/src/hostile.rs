//! Attacks a hub that honest clients use: the attacks are refused or dropped, memory stays bounded, and the honest
//! clients receive everything with little delay.

mod crowd;
mod exhaustion;
mod flood;
mod frames;
mod payloads;
mod probe;
mod raw;
mod silence;
mod stalled;
mod tokens;

use crate::Result;
use crate::attackers::Attackers;
use crate::fault_test::Setup;
use crate::http;
use crate::server::Server;
use probe::{Delays, Probe};
use std::fmt;
use std::future::Future;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const MEGABYTE: u64 = 1024 * 1024;
/// The interval between two samples of the server's memory.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(200);
/// The minimum duration of an attack, so that enough messages are published meanwhile.
const MIN_DURATION: Duration = Duration::from_secs(10);
/// How long honest clients are alone first, until the history has its full length.
const BASELINE_DURATION: Duration = Duration::from_secs(32);

/// The measurement of one attack.
#[derive(Debug)]
pub(crate) struct Measurement {
    /// The attack and its outcome.
    what: String,
    time: Duration,
    /// The bytes that the attackers sent.
    sent: u64,
    /// The CPU time of the server, including that for honest clients.
    processor: Duration,
    /// The peak of live bytes on the server's heap above those before the attack.
    heap: u64,
    /// The peak of the server's resident memory in bytes.
    resident: u64,
    /// The delays of honest clients.
    delays: Delays,
}

impl Measurement {
    /// The titles of the columns of [`Display`](fmt::Display).
    pub(crate) const TITLES: &str =
        "\x20     time     sent   server     heap resident    message delayed      visit delayed    re-
         s       MB    CPU s  MB more       MB  median ms p99 ms   median ms max ms  connects";
}

impl fmt::Display for Measurement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, time, sent, processor, heap, resident, delays } = self;
        let delay =
            |delays: &[Duration], per_thousand| Delays::quantile(delays, per_thousand).as_secs_f64() * 1000.0;
        write!(
            formatter,
            "{:>10.1} {:>8} {:>8.1} {:>8} {:>8} {:>10.1} {:>6.1} {:>11.1} {:>6.1} {:>9}  {what}",
            time.as_secs_f64(),
            sent / MEGABYTE,
            processor.as_secs_f64(),
            heap / MEGABYTE,
            resident / MEGABYTE,
            delay(&delays.messages, 500),
            delay(&delays.messages, 990),
            delay(&delays.visits, 500),
            delay(&delays.visits, 1000),
            delays.reconnects,
        )
    }
}

/// Executes all attacks in turn, after a time without attacks. The first measurement is of that time.
///
/// Each attack has an allowance for the growth of the server's heap, which follows from its number of connections and
/// from the limits per connection.
pub(crate) async fn run_attacks(setup: &mut Setup, attackers: &Attackers) -> Result<Vec<Measurement>> {
    let port = setup.server.port;
    let mut target = Target { server: &mut setup.server, attackers, probe: Probe::start(port) };
    let no_attack = async || {
        sleep(BASELINE_DURATION).await;
        Ok("nothing".to_owned())
    };
    Ok(vec![
        target.measure(u64::MAX, no_attack).await?,
        target.measure(4 * MEGABYTE, || tokens::send_altered(port)).await?,
        target.measure(4 * MEGABYTE, || frames::send_malformed(port)).await?,
        target.measure(4 * MEGABYTE, || frames::send_compressed(port)).await?,
        target.measure(32 * MEGABYTE, || frames::send_too_large(port)).await?,
        target.measure(32 * MEGABYTE, || payloads::patterns(port)).await?,
        // Decoded values take up to 11 times as much memory as their text.
        target.measure(64 * MEGABYTE, || payloads::errors(port)).await?,
        target.measure(32 * MEGABYTE, || payloads::alternatives(port)).await?,
        target.measure(128 * MEGABYTE, || stalled::readers(port)).await?,
        target.measure(64 * MEGABYTE, || flood::subscribe(port)).await?,
        target.measure(32 * MEGABYTE, || exhaustion::kept_alive(port)).await?,
        target.measure(32 * MEGABYTE, || exhaustion::bodies(port)).await?,
        target.measure(32 * MEGABYTE, || exhaustion::sockets(port)).await?,
        target.measure(32 * MEGABYTE, || silence::frozen(port)).await?,
        target.measure(32 * MEGABYTE, || silence::idle(port)).await?,
        target.measure(32 * MEGABYTE, || silence::slow(port)).await?,
        target.measure(320 * MEGABYTE, || crowd::crowd(port)).await?,
    ])
}

/// A server that is measured during attacks.
struct Target<'s> {
    server: &'s mut Server,
    attackers: &'s Attackers,
    probe: Probe,
}

impl Target<'_> {
    /// Repeats an attack for at least [`MIN_DURATION`] and measures it.
    async fn measure<F: Future<Output = Result<String>> + Send + 'static>(
        &mut self,
        allowance: u64,
        run_attacks: impl Fn() -> F,
    ) -> Result<Measurement> {
        self.probe.take();
        let before = self.server.heap().await?;
        let (start, sent, processor) = (Instant::now(), http::sent(), self.server.processor_time());
        let (mut heap, mut resident) = (0, 0);
        let mut what = String::new();
        while what.is_empty() || start.elapsed() < MIN_DURATION {
            let run_attacks = self.attackers.run(run_attacks());
            tokio::pin!(run_attacks);
            loop {
                tokio::select! {
                    done = &mut run_attacks => {
                        what = done?;
                        break;
                    }
                    () = sleep(SAMPLE_INTERVAL) => {
                        heap = heap.max(self.server.heap().await?.saturating_sub(before));
                        resident = resident.max(self.server.resident().unwrap_or(0));
                    }
                }
            }
        }
        if heap > allowance {
            return Err(format!("{what}: the heap grew by {heap} bytes, the limit is {allowance}").into());
        }
        Ok(Measurement {
            what,
            time: start.elapsed(),
            sent: http::sent() - sent,
            processor: self.server.processor_time().saturating_sub(processor),
            heap,
            resident,
            delays: self.probe.take(),
        })
    }
}

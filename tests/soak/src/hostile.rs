//! Clients that mean harm, beside honest ones on the same hub: what they try is refused or dropped, memory stays
//! bounded, and the honest ones are told everything, hardly later than without them.

mod crowd;
mod flood;
mod frames;
mod payloads;
mod places;
mod probe;
mod raw;
mod silence;
mod stalled;
mod tokens;

use crate::Result;
use crate::attackers::Attackers;
use crate::fault_test::Stage;
use crate::http;
use crate::server::Server;
use probe::{Delays, Probe};
use std::fmt;
use std::future::Future;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const MEGABYTE: u64 = 1024 * 1024;
/// Between two looks at the server's memory.
const GLANCE: Duration = Duration::from_millis(200);
/// Each kind of harm is done for so long at least, so that enough messages are published meanwhile.
const AT_LEAST: Duration = Duration::from_secs(10);
/// How long honest clients are alone, until history is as long as it gets.
const ALONE: Duration = Duration::from_secs(32);

/// What one kind of harm came to.
#[derive(Debug)]
pub(crate) struct Figure {
    /// What was tried, and what became of it.
    what: String,
    /// For how long.
    time: Duration,
    /// How many bytes it cost whoever did it.
    sent: u64,
    /// The processor time of the server, that for honest clients included.
    processor: Duration,
    /// The most bytes that lived on the server's heap beyond those that did before.
    heap: u64,
    /// The most bytes that the server had of the system's memory.
    resident: u64,
    /// How long honest clients waited.
    delays: Delays,
}

impl Figure {
    /// The titles of what [`Display`](fmt::Display) shows.
    pub(crate) const TITLES: &str =
        "\x20     time     sent   server     heap resident    message delayed      visit delayed    re-
         s       MB    CPU s  MB more       MB  median ms p99 ms   median ms max ms  connects";
}

impl fmt::Display for Figure {
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

/// Does all kinds of harm, one after the other, after a time without any. The first figure is of that time.
///
/// Each may cost so much of the server's heap at most; the allowance follows from how many connections it
/// makes and what the protocol lets a connection hold.
pub(crate) async fn harm(stage: &mut Stage, attackers: &Attackers) -> Result<Vec<Figure>> {
    let port = stage.server.port;
    let mut watched = Watched { server: &mut stage.server, attackers, probe: Probe::start(port) };
    let nothing = async || {
        sleep(ALONE).await;
        Ok("nothing".to_owned())
    };
    Ok(vec![
        watched.during(u64::MAX, nothing).await?,
        watched.during(4 * MEGABYTE, || tokens::altered(port)).await?,
        watched.during(4 * MEGABYTE, || frames::malformed(port)).await?,
        watched.during(4 * MEGABYTE, || frames::compressed(port)).await?,
        watched.during(32 * MEGABYTE, || frames::too_large(port)).await?,
        watched.during(32 * MEGABYTE, || payloads::patterns(port)).await?,
        // As values, the items of a payload take up to 11 times as much as their text.
        watched.during(64 * MEGABYTE, || payloads::errors(port)).await?,
        watched.during(32 * MEGABYTE, || payloads::alternatives(port)).await?,
        watched.during(128 * MEGABYTE, || stalled::readers(port)).await?,
        watched.during(64 * MEGABYTE, || flood::of_subs(port)).await?,
        watched.during(32 * MEGABYTE, || places::kept_alive(port)).await?,
        watched.during(32 * MEGABYTE, || places::bodies(port)).await?,
        watched.during(32 * MEGABYTE, || places::sockets(port)).await?,
        watched.during(32 * MEGABYTE, || silence::frozen(port)).await?,
        watched.during(32 * MEGABYTE, || silence::idle(port)).await?,
        watched.during(32 * MEGABYTE, || silence::slow(port)).await?,
        watched.during(320 * MEGABYTE, || crowd::crowd(port)).await?,
    ])
}

/// A server that is watched while harm is done.
struct Watched<'s> {
    server: &'s mut Server,
    attackers: &'s Attackers,
    probe: Probe,
}

impl Watched<'_> {
    /// Does harm, again and again until there was time to see what it does to others.
    async fn during<F: Future<Output = Result<String>> + Send + 'static>(
        &mut self,
        allowance: u64,
        harm: impl Fn() -> F,
    ) -> Result<Figure> {
        self.probe.take();
        let before = self.server.heap().await?;
        let (start, sent, processor) = (Instant::now(), http::sent(), self.server.processor_time());
        let (mut heap, mut resident) = (0, 0);
        let mut what = String::new();
        while what.is_empty() || start.elapsed() < AT_LEAST {
            let harm = self.attackers.run(harm());
            tokio::pin!(harm);
            loop {
                tokio::select! {
                    done = &mut harm => {
                        what = done?;
                        break;
                    }
                    () = sleep(GLANCE) => {
                        heap = heap.max(self.server.heap().await?.saturating_sub(before));
                        resident = resident.max(self.server.resident().unwrap_or(0));
                    }
                }
            }
        }
        if heap > allowance {
            return Err(format!("{what}: the heap grew by {heap} bytes, more than {allowance}").into());
        }
        Ok(Figure {
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

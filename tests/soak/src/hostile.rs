//! Clients that mean harm, beside honest ones on the same hub: what they try is refused or dropped, memory
//! stays bounded, and the honest ones are told everything.

mod crowd;
mod flood;
mod frames;
mod raw;
mod silence;
mod tokens;

use crate::Result;
use crate::fault_test::Stage;
use crate::server::Server;
use std::future::Future;
use std::time::Duration;
use tokio::time::sleep;

const MEGABYTE: u64 = 1024 * 1024;
/// Between two looks at the server's memory.
const GLANCE: Duration = Duration::from_millis(200);

/// What one kind of harm came to.
#[derive(Debug)]
pub(crate) struct Figure {
    /// What was tried, and what became of it.
    pub(crate) what: String,
    /// The most bytes that lived on the server's heap beyond those that did when only honest
    /// subscribers were there.
    pub(crate) heap: u64,
    /// The most bytes that the server had of the system's memory.
    pub(crate) resident: u64,
}

/// Does all kinds of harm, one after the other.
///
/// Each may cost so much of the server's heap at most; the allowance follows from how many connections it
/// makes and what the protocol lets a connection hold.
pub(crate) async fn harm(stage: &mut Stage) -> Result<Vec<Figure>> {
    let before = stage.server.heap().await?;
    let mut watched = Watched { server: &mut stage.server, before };
    let port = watched.server.port;
    Ok(vec![
        watched.during(4 * MEGABYTE, tokens::altered(port)).await?,
        watched.during(4 * MEGABYTE, frames::malformed(port)).await?,
        watched.during(4 * MEGABYTE, frames::compressed(port)).await?,
        watched.during(32 * MEGABYTE, frames::too_large(port)).await?,
        watched.during(64 * MEGABYTE, flood::of_subs(port)).await?,
        watched.during(32 * MEGABYTE, silence::frozen(port)).await?,
        watched.during(32 * MEGABYTE, silence::idle(port)).await?,
        watched.during(32 * MEGABYTE, silence::slow(port)).await?,
        watched.during(320 * MEGABYTE, crowd::crowd(port)).await?,
    ])
}

/// A server whose memory is looked at from time to time while harm is done.
struct Watched<'s> {
    server: &'s mut Server,
    /// What lived on its heap while only honest subscribers were there.
    before: u64,
}

impl Watched<'_> {
    async fn during(&mut self, allowance: u64, harm: impl Future<Output = Result<String>>) -> Result<Figure> {
        let mut figure = Figure { what: String::new(), heap: 0, resident: 0 };
        tokio::pin!(harm);
        loop {
            tokio::select! {
                done = &mut harm => {
                    figure.what = done?;
                    break;
                }
                () = sleep(GLANCE) => {
                    figure.heap = figure.heap.max(self.server.heap().await?.saturating_sub(self.before));
                    figure.resident = figure.resident.max(self.server.resident().unwrap_or(0));
                }
            }
        }
        if figure.heap > allowance {
            let (heap, what) = (figure.heap, figure.what);
            return Err(format!("{what}: the heap grew by {heap} bytes, more than {allowance}").into());
        }
        Ok(figure)
    }
}

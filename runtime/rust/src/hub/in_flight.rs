//! How many bytes are being written to connections.
//!
//! A connection reserves room before it makes frames of the messages that it writes. While there is none it waits,
//! and lags in its channels: that costs nothing, because the log has the messages anyway. If connections that do not
//! read hold the room, the ones that have not read for longest are closed. Their clients resume.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

use super::{Client, Connected, Hub};
use crate::metrics::{self, Limit};

/// How long a write may take while others wait for room. On a fast network a write takes some milliseconds.
const GRACE: Duration = Duration::from_secs(1);
/// How often to look for writes that take longer.
const LOOKING: Duration = Duration::from_millis(100);
/// Part of the room that one look makes free.
const PART: usize = 8;

/// Room is counted in units of so many bytes.
const UNIT: usize = 1024;

/// The writes of a hub that are under way.
pub(super) struct InFlight {
    room: Arc<Semaphore>,
    units: u32,
    slow: Mutex<Slow>,
}

/// The writes that were not done at once, the oldest first.
struct Slow {
    writes: BTreeMap<u64, SlowWrite>,
    latest: u64,
    /// When writes were last looked at.
    looked: Instant,
}

struct SlowWrite {
    since: Instant,
    room: Room,
    cut: Arc<Cut>,
    client: Client,
}

/// Tells a connection that it is closed because it reads too slowly.
#[derive(Default)]
pub(crate) struct Cut {
    is_due: AtomicBool,
    notify: Notify,
}

/// Room for one write, until it is dropped.
pub(crate) struct Room {
    permit: OwnedSemaphorePermit,
    /// As many units as there are.
    max: u32,
}

/// A write that was not done at once, until it is dropped.
pub(crate) struct Pending {
    hub: Hub,
    number: u64,
}

impl InFlight {
    pub(super) fn new(max_bytes: usize) -> Self {
        metrics::limit_max(Limit::InFlightBytes, max_bytes);
        let units = u32::try_from(max_bytes / UNIT).unwrap_or(u32::MAX).clamp(1, u32::MAX >> 4);
        let slow = Slow { writes: BTreeMap::new(), latest: 0, looked: Instant::now() };
        Self { room: Arc::new(Semaphore::new(units as usize)), units, slow: Mutex::new(slow) }
    }

    /// Waits for room. A write that is larger than all the room there is goes alone.
    async fn reserve(&self, bytes: usize) -> Room {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.units);
        let permit = if let Ok(permit) = Arc::clone(&self.room).try_acquire_many_owned(units) {
            permit
        } else {
            metrics::limit_reached(Limit::InFlightBytes);
            self.wait_for(units).await
        };
        let room = Room { permit, max: self.units };
        room.report();
        room
    }

    async fn wait_for(&self, units: u32) -> OwnedSemaphorePermit {
        // Keeps its place in the queue.
        let mut acquired = Box::pin(Arc::clone(&self.room).acquire_many_owned(units));
        loop {
            tokio::select! {
                permit = &mut acquired => {
                    // Nobody closes the semaphore.
                    return permit.unwrap_or_else(|_| unreachable!("the semaphore is open"));
                }
                () = sleep(LOOKING) => self.cut_slowest(),
            }
        }
    }

    /// Has the connections close whose writes have taken longest, until part of the room is free.
    fn cut_slowest(&self) {
        let now = Instant::now();
        let mut cut = Vec::new();
        let mut slow = self.lock();
        if now < slow.looked + LOOKING {
            return;
        }
        slow.looked = now;
        let mut freed = 0;
        while freed <= self.units as usize / PART
            && let Some(oldest) = slow.writes.first_entry()
            && oldest.get().since + GRACE <= now
        {
            let write = oldest.remove();
            freed += write.room.permit.num_permits();
            cut.push(write);
        }
        drop(slow);
        // Nobody is woken under the lock that they take.
        for SlowWrite { cut, client, .. } in cut {
            cut.is_due.store(true, Ordering::Relaxed);
            cut.notify.notify_one();
            client.end();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slow> {
        self.slow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn report(&self) {
        let free = self.permit.semaphore().available_permits();
        metrics::limit_used(Limit::InFlightBytes, (self.max as usize).saturating_sub(free) * UNIT);
    }
}

impl Cut {
    /// Waits until the connection has to close.
    pub(crate) async fn wait(&self) {
        if !self.is_due.load(Ordering::Relaxed) {
            self.notify.notified().await;
        }
    }
}

impl Connected {
    /// Waits until so many bytes may be written to the connection.
    pub(crate) async fn reserve(&self, bytes: usize) -> Room {
        self.hub.shared.in_flight.reserve(bytes).await
    }

    /// Takes note that a write is not done at once. Its room is given back when the result is dropped, or when the
    /// connection is cut.
    pub(crate) fn pending(&self, room: Room) -> Pending {
        let mut slow = self.hub.shared.in_flight.lock();
        slow.latest += 1;
        let (number, since) = (slow.latest, Instant::now());
        let (cut, client) = (Arc::clone(&self.cut), self.client.clone());
        slow.writes.insert(number, SlowWrite { since, room, cut, client });
        drop(slow);
        Pending { hub: self.hub.clone(), number }
    }

    /// Tells when the connection has to close because it reads too slowly.
    pub(crate) fn cut(&self) -> Arc<Cut> {
        Arc::clone(&self.cut)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let write = self.hub.shared.in_flight.lock().writes.remove(&self.number);
        drop(write);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    #[tokio::test(start_paused = true)]
    async fn a_write_waits_for_room_and_one_that_is_larger_than_all_goes_alone() {
        let in_flight = InFlight::new(10 * UNIT);
        let small = in_flight.reserve(4 * UNIT).await;
        let mut large = Box::pin(in_flight.reserve(1_000 * UNIT));
        assert!(timeout(10 * LOOKING, &mut large).await.is_err());
        // Later ones do not overtake it.
        assert!(timeout(10 * LOOKING, in_flight.reserve(1)).await.is_err());
        drop(small);
        let large = timeout(LOOKING, large).await.unwrap();
        assert!(timeout(10 * LOOKING, in_flight.reserve(1)).await.is_err());
        drop(large);
        timeout(LOOKING, in_flight.reserve(1)).await.unwrap();
        assert_eq!(in_flight.room.available_permits(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn the_slowest_are_cut_once_others_wait_and_not_before() {
        let in_flight = InFlight::new(10 * UNIT);
        let cuts: [Arc<Cut>; 10] = Default::default();
        for cut in &cuts {
            let room = in_flight.reserve(UNIT).await;
            let mut slow = in_flight.lock();
            slow.latest += 1;
            let (number, cut) = (slow.latest, Arc::clone(cut));
            slow.writes
                .insert(number, SlowWrite { since: Instant::now(), room, cut, client: Client::default() });
        }
        tokio::time::advance(10 * GRACE).await;
        let count =
            || cuts.iter().map(|cut| usize::from(cut.is_due.load(Ordering::Relaxed))).collect::<Vec<_>>();
        assert_eq!(count(), [0; 10], "nobody waits for room");
        timeout(2 * LOOKING, in_flight.reserve(UNIT)).await.unwrap();
        assert_eq!(count(), [1, 1, 0, 0, 0, 0, 0, 0, 0, 0], "the oldest");
    }
}

//! Limits the bytes that are being written to all connections together.
//!
//! A connection reserves bytes before it encodes the messages that it writes. If too many are reserved it waits, and
//! lags in its channels. That costs no memory, because the log has the messages anyway. If connections that do not read
//! hold the reservations, the ones that have not read for longest are closed. Their clients resume.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

use super::{Client, ConnectionGuard, Hub};
use crate::metrics::{self, Limit};

/// How long a write may take while others wait. On a fast network a write takes a few milliseconds.
const GRACE: Duration = Duration::from_secs(1);
/// How often to check for writes that take longer.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);
/// Each check frees more than 1/8 of the limit.
const FREED_DIVISOR: usize = 8;

/// Bytes are counted in units of this size.
const UNIT: usize = 1024;

/// The pending writes of a hub.
pub(super) struct InFlight {
    semaphore: Arc<Semaphore>,
    units: u32,
    slow: Mutex<Slow>,
}

/// The writes that did not complete at once, the oldest first.
struct Slow {
    writes: BTreeMap<u64, SlowWrite>,
    latest: u64,
    checked_at: Instant,
}

struct SlowWrite {
    since: Instant,
    reservation: WriteReservation,
    slow_client_signal: Arc<SlowClientSignal>,
    client: Client,
}

/// Notifies a connection that it must close because its client reads too slowly.
#[derive(Default)]
pub(crate) struct SlowClientSignal {
    is_due: AtomicBool,
    notify: Notify,
}

/// The bytes of one write, reserved until this is dropped.
pub(crate) struct WriteReservation {
    permit: OwnedSemaphorePermit,
}

/// A write that did not complete at once, until this is dropped.
pub(crate) struct PendingWrite {
    hub: Hub,
    number: u64,
}

impl InFlight {
    pub(super) fn new(max_bytes: usize) -> Self {
        metrics::limit_max(Limit::InFlightBytes, max_bytes);
        let units = u32::try_from(max_bytes / UNIT).unwrap_or(u32::MAX).clamp(1, u32::MAX >> 4);
        let slow = Slow { writes: BTreeMap::new(), latest: 0, checked_at: Instant::now() };
        Self { semaphore: Arc::new(Semaphore::new(units as usize)), units, slow: Mutex::new(slow) }
    }

    /// Reserves bytes, or returns `None` if the caller must wait.
    fn try_reserve(&self, bytes: usize) -> Option<WriteReservation> {
        let permit = Arc::clone(&self.semaphore).try_acquire_many_owned(self.units_of(bytes)).ok()?;
        Some(WriteReservation::new(permit, self.units))
    }

    /// Waits until the bytes can be reserved. A write that is larger than the limit waits for all others.
    async fn reserve(&self, bytes: usize) -> WriteReservation {
        if let Some(reservation) = self.try_reserve(bytes) {
            return reservation;
        }
        metrics::limit_reached(Limit::InFlightBytes);
        WriteReservation::new(self.wait_for(self.units_of(bytes)).await, self.units)
    }

    fn units_of(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.units)
    }

    async fn wait_for(&self, units: u32) -> OwnedSemaphorePermit {
        // Poll one future, so that it keeps its position in the queue.
        let mut acquired = Box::pin(Arc::clone(&self.semaphore).acquire_many_owned(units));
        loop {
            tokio::select! {
                permit = &mut acquired => {
                    return permit.unwrap_or_else(|_| unreachable!("the semaphore is never closed"));
                }
                () = sleep(CHECK_INTERVAL) => self.close_slowest(),
            }
        }
    }

    /// Closes the connections whose writes have taken longest, until enough bytes are free.
    fn close_slowest(&self) {
        let now = Instant::now();
        let mut closed = Vec::new();
        let mut slow = self.lock();
        if now < slow.checked_at + CHECK_INTERVAL {
            return;
        }
        slow.checked_at = now;
        let mut freed = 0;
        while freed <= self.units as usize / FREED_DIVISOR
            && let Some(oldest) = slow.writes.first_entry()
            && oldest.get().since + GRACE <= now
        {
            let write = oldest.remove();
            freed += write.reservation.permit.num_permits();
            closed.push(write);
        }
        drop(slow);
        // Wake connections without holding the lock, which they take.
        for SlowWrite { slow_client_signal, client, .. } in closed {
            slow_client_signal.is_due.store(true, Ordering::Relaxed);
            slow_client_signal.notify.notify_one();
            client.close();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slow> {
        self.slow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WriteReservation {
    fn new(permit: OwnedSemaphorePermit, max: u32) -> Self {
        let free = permit.semaphore().available_permits();
        metrics::limit_used(Limit::InFlightBytes, (max as usize).saturating_sub(free) * UNIT);
        Self { permit }
    }
}

impl SlowClientSignal {
    /// Waits until the connection must close.
    pub(crate) async fn wait(&self) {
        if !self.is_due.load(Ordering::Relaxed) {
            self.notify.notified().await;
        }
    }
}

impl ConnectionGuard {
    /// Reserves bytes to write to the connection, or returns `None` if the caller must wait.
    pub(crate) fn try_reserve(&self, bytes: usize) -> Option<WriteReservation> {
        self.hub.shared.in_flight.try_reserve(bytes)
    }

    /// Waits until bytes can be reserved to write to the connection.
    pub(crate) async fn reserve(&self, bytes: usize) -> WriteReservation {
        self.hub.shared.in_flight.reserve(bytes).await
    }

    /// Registers a write that did not complete at once. Its bytes are released when the result is dropped, or when the
    /// connection is closed for reading too slowly.
    pub(crate) fn track_pending(&self, reservation: WriteReservation) -> PendingWrite {
        let mut slow = self.hub.shared.in_flight.lock();
        slow.latest += 1;
        let (number, since) = (slow.latest, Instant::now());
        let (slow_client_signal, client) = (Arc::clone(&self.slow_client_signal), self.client.clone());
        slow.writes.insert(number, SlowWrite { since, reservation, slow_client_signal, client });
        drop(slow);
        PendingWrite { hub: self.hub.clone(), number }
    }

    /// Returns the signal to close the connection because its client reads too slowly.
    pub(crate) fn slow_client_signal(&self) -> Arc<SlowClientSignal> {
        Arc::clone(&self.slow_client_signal)
    }
}

impl Drop for PendingWrite {
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
    async fn a_write_waits_for_a_reservation_and_one_larger_than_the_limit_goes_alone() {
        let in_flight = InFlight::new(10 * UNIT);
        let small = in_flight.reserve(4 * UNIT).await;
        let mut large = Box::pin(in_flight.reserve(1_000 * UNIT));
        assert!(timeout(10 * CHECK_INTERVAL, &mut large).await.is_err());
        // Later ones do not overtake it.
        assert!(timeout(10 * CHECK_INTERVAL, in_flight.reserve(1)).await.is_err());
        drop(small);
        let large = timeout(CHECK_INTERVAL, large).await.unwrap();
        assert!(timeout(10 * CHECK_INTERVAL, in_flight.reserve(1)).await.is_err());
        drop(large);
        timeout(CHECK_INTERVAL, in_flight.reserve(1)).await.unwrap();
        assert_eq!(in_flight.semaphore.available_permits(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn the_slowest_are_closed_once_others_wait_and_not_before() {
        let in_flight = InFlight::new(10 * UNIT);
        let signals: [Arc<SlowClientSignal>; 10] = Default::default();
        for signal in &signals {
            let reservation = in_flight.reserve(UNIT).await;
            let mut slow = in_flight.lock();
            slow.latest += 1;
            let (number, slow_client_signal) = (slow.latest, Arc::clone(signal));
            slow.writes.insert(
                number,
                SlowWrite {
                    since: Instant::now(),
                    reservation,
                    slow_client_signal,
                    client: Client::default(),
                },
            );
        }
        tokio::time::advance(10 * GRACE).await;
        let count = || {
            signals
                .iter()
                .map(|signal| usize::from(signal.is_due.load(Ordering::Relaxed)))
                .collect::<Vec<_>>()
        };
        assert_eq!(count(), [0; 10], "no write waits");
        timeout(2 * CHECK_INTERVAL, in_flight.reserve(UNIT)).await.unwrap();
        assert_eq!(count(), [1, 1, 0, 0, 0, 0, 0, 0, 0, 0], "the oldest");
    }
}

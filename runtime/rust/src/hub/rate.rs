//! Rate limits for each client.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Client, Hub};
use crate::metrics::{self, Limit};
use crate::token::VerifiedGrant;

/// The maximum number of buckets in each of two generations. If there are more clients, the ones that have been idle
/// for longest are treated as new ones.
const MAX_REMEMBERED: usize = 32_768;

/// A rate limit: a token bucket. Each client has its own bucket, which refills over time.
///
/// ```
/// use fanfare::Rate;
///
/// // A sustained rate of 20 per second, with bursts of 100.
/// let rate = Rate::per_second(20).burst(100);
/// // A sustained rate of 6 per minute, without bursts.
/// let rare = Rate::per_minute(6);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The time to refill the bucket by one. Zero means unlimited.
    interval: Duration,
    burst: u32,
}

impl Rate {
    /// No limit.
    pub const UNLIMITED: Self = Self { interval: Duration::ZERO, burst: u32::MAX };

    /// Allows `count` per second, without bursts: see [`burst`](Self::burst). 0 counts as 1.
    #[must_use]
    pub const fn per_second(count: u32) -> Self {
        Self::per(Duration::from_secs(1), count)
    }

    /// Allows `count` per minute, without bursts: see [`burst`](Self::burst). 0 counts as 1.
    #[must_use]
    pub const fn per_minute(count: u32) -> Self {
        Self::per(Duration::from_secs(60), count)
    }

    /// Sets how many requests an idle client may make at once. Default: 1. 0 counts as 1.
    #[must_use]
    pub const fn burst(self, count: u32) -> Self {
        Self { burst: if count == 0 { 1 } else { count }, ..self }
    }

    const fn per(time: Duration, count: u32) -> Self {
        let interval = match time.checked_div(count) {
            Some(interval) if interval.is_zero() => Duration::from_nanos(1),
            Some(interval) => interval,
            None => time,
        };
        Self { interval, burst: 1 }
    }

    /// Returns the time to fill an empty bucket.
    const fn refill_time(self) -> Duration {
        self.interval.saturating_mul(self.burst)
    }
}

/// An action with a rate limit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RatedAction {
    Connect,
    Publish,
    Signal,
    /// Sending a token or a key that is not valid.
    FailAuth,
}

/// A rate limit was exceeded. The client may retry after this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateLimited(pub(crate) Duration);

/// The rates of a hub.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    pub(super) connections: Rate,
    pub(super) publishes: Rate,
    pub(super) signals: Rate,
    pub(super) auth_failures: Rate,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            connections: Rate::per_second(100).burst(2_000),
            publishes: Rate::per_second(200).burst(1_000),
            signals: Rate::per_second(50).burst(500),
            auth_failures: Rate::per_second(20).burst(500),
        }
    }
}

/// The buckets of a hub.
pub(super) struct RateLimits {
    connections: Buckets,
    publishes: Buckets,
    signals: Buckets,
    auth_failures: Buckets,
}

impl RateLimits {
    pub(super) fn new(rates: Rates) -> Self {
        Self {
            connections: Buckets::new(rates.connections),
            publishes: Buckets::new(rates.publishes),
            signals: Buckets::new(rates.signals),
            auth_failures: Buckets::new(rates.auth_failures),
        }
    }
}

impl Hub {
    /// Counts an action against the limits of the client's address, and of its token and subject. If one of them is
    /// exceeded, counts nothing and returns an error.
    pub(crate) fn check_rate(
        &self,
        action: RatedAction,
        client: Option<&Client>,
        grant: Option<&VerifiedGrant>,
    ) -> Result<(), RateLimited> {
        let limits = &self.shared.rate_limits;
        let (buckets, limit) = match action {
            RatedAction::Connect => (&limits.connections, Limit::ConnectionRate),
            RatedAction::Publish => (&limits.publishes, Limit::PublishRate),
            RatedAction::Signal => (&limits.signals, Limit::SignalRate),
            RatedAction::FailAuth => (&limits.auth_failures, Limit::AuthFailureRate),
        };
        let address = client.and_then(|client| client.address).map(Key::from_address);
        let token = grant.map(|grant| Key::Token(&grant.id));
        let subject = grant.and_then(|grant| grant.subject.as_deref()).map(Key::Subject);
        let keys = [address, token, subject];
        buckets.take(keys.into_iter().flatten()).inspect_err(|_| metrics::limit_reached(limit))
    }

    /// Returns an error if a client has failed to authenticate too often. Counts nothing.
    pub(crate) fn check_auth_failures(&self, client: &Client) -> Result<(), RateLimited> {
        let key = client.address.map(Key::from_address);
        let wait = self.shared.rate_limits.auth_failures.wait_for_key(key);
        if wait.is_zero() { Ok(()) } else { Err(RateLimited(wait)) }
    }
}

/// The owner of a bucket.
#[derive(Clone, Copy, Hash)]
enum Key<'k> {
    Token(&'k str),
    Subject(&'k str),
    Address(IpAddr),
}

impl Key<'_> {
    /// IPv6 addresses of one /64 network share a bucket, because providers assign at least that much to a customer.
    fn from_address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
            address @ IpAddr::V4(_) => address,
        })
    }
}

/// The buckets of all clients for one action.
///
/// A bucket is stored as the time when it will be full: the later, the emptier it is. Full buckets need not be stored.
struct Buckets {
    rate: Rate,
    /// Random, so that clients cannot choose names that share another client's bucket.
    hasher: RandomState,
    generations: Mutex<Generations>,
}

struct Generations {
    /// The buckets that were used since `began`.
    young: HashMap<u64, Instant>,
    old: HashMap<u64, Instant>,
    began: Instant,
}

impl Buckets {
    fn new(rate: Rate) -> Self {
        let generations = Generations { young: HashMap::new(), old: HashMap::new(), began: Instant::now() };
        Self { rate, hasher: RandomState::new(), generations: Mutex::new(generations) }
    }

    /// Takes one from each bucket, or none if one of them is empty.
    fn take<'k>(&self, keys: impl Iterator<Item = Key<'k>>) -> Result<(), RateLimited> {
        if self.rate.interval.is_zero() {
            return Ok(());
        }
        let now = Instant::now();
        let mut generations = self.lock();
        generations.age(now, self.rate.refill_time());
        let mut taken = Vec::with_capacity(3);
        let mut wait = Duration::ZERO;
        for key in keys.map(|key| self.hasher.hash_one(key)) {
            let full_at = generations.full_at(key, now) + self.rate.interval;
            wait = wait.max(self.wait(full_at, now));
            taken.push((key, full_at));
        }
        if !wait.is_zero() {
            return Err(RateLimited(wait));
        }
        generations.young.extend(taken);
        Ok(())
    }

    /// Returns the time until one can be taken from a bucket.
    fn wait_for_key(&self, key: Option<Key<'_>>) -> Duration {
        let Some(key) = key.filter(|_| !self.rate.interval.is_zero()) else { return Duration::ZERO };
        let (now, key) = (Instant::now(), self.hasher.hash_one(key));
        let full_at = self.lock().full_at(key, now) + self.rate.interval;
        self.wait(full_at, now)
    }

    /// Returns the time until one can be taken from a bucket that would be full at `full_at` afterwards.
    fn wait(&self, full_at: Instant, now: Instant) -> Duration {
        (full_at - now).saturating_sub(self.rate.refill_time())
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    /// Returns when a bucket will be full: `now` if it is full or not stored.
    fn full_at(&self, key: u64, now: Instant) -> Instant {
        let full_at = self.young.get(&key).or_else(|| self.old.get(&key));
        full_at.map_or(now, |full_at| (*full_at).max(now))
    }

    /// Drops the old generation once all its buckets are full, or if the young one is too large.
    fn age(&mut self, now: Instant, refill: Duration) {
        let is_over = now - self.began >= refill.max(Duration::from_secs(1));
        if is_over || self.young.len() >= MAX_REMEMBERED {
            self.old = std::mem::take(&mut self.young);
            self.began = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pass(time: Duration) {
        tokio::time::advance(time).await;
    }

    fn take(buckets: &Buckets, name: &str) -> Result<(), RateLimited> {
        buckets.take([Key::Token(name)].into_iter())
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_empties_at_once_and_refills_at_its_rate() {
        let buckets = Buckets::new(Rate::per_second(2).burst(3));
        for _ in 0..3 {
            assert_eq!(take(&buckets, "a"), Ok(()));
        }
        assert_eq!(take(&buckets, "a"), Err(RateLimited(Duration::from_millis(500))));
        assert_eq!(take(&buckets, "b"), Ok(()));
        pass(Duration::from_millis(400)).await;
        assert_eq!(
            take(&buckets, "a"),
            Err(RateLimited(Duration::from_millis(100))),
            "a rejected action is not counted"
        );
        pass(Duration::from_millis(100)).await;
        assert_eq!(take(&buckets, "a"), Ok(()));
        pass(Duration::from_secs(60)).await;
        for expected in [true, true, true, false] {
            assert_eq!(take(&buckets, "a").is_ok(), expected);
        }
        let unlimited = Buckets::new(Rate::UNLIMITED);
        assert!((0..10_000).all(|_| take(&unlimited, "a").is_ok()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_is_limited_by_each_of_its_buckets_and_a_rejection_takes_from_none() {
        let buckets = Buckets::new(Rate::per_minute(1));
        let address = Key::from_address([192, 0, 2, 1].into());
        assert!(buckets.take([Key::Token("a"), address].into_iter()).is_ok());
        assert!(buckets.take([Key::Token("b"), address].into_iter()).is_err());
        assert!(buckets.take([Key::Token("b")].into_iter()).is_ok());
        assert!(buckets.take([Key::Subject("b")].into_iter()).is_ok(), "a subject is not a token");
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_buckets_is_bounded_and_an_empty_bucket_outlasts_a_generation() {
        let buckets = Buckets::new(Rate::per_minute(1).burst(2));
        take(&buckets, "a").unwrap();
        take(&buckets, "a").unwrap();
        for number in 0..MAX_REMEMBERED {
            take(&buckets, &number.to_string()).unwrap();
        }
        assert!(take(&buckets, "a").is_err());
        for number in 0..4 * MAX_REMEMBERED {
            take(&buckets, &number.to_string()).unwrap_or_default();
        }
        let counts = || {
            let generations = buckets.lock();
            [generations.young.len(), generations.old.len()]
        };
        assert!(counts().iter().all(|count| *count <= MAX_REMEMBERED + 3), "{:?}", counts());
        for _ in 0..3 {
            pass(Duration::from_secs(120)).await;
            take(&buckets, "a").unwrap();
        }
        assert!(counts().iter().sum::<usize>() <= 2, "full buckets are dropped");
    }

    #[test]
    fn addresses_of_one_network_share_a_bucket() {
        let hasher = RandomState::new();
        let hash = |text: &str| hasher.hash_one(Key::from_address(text.parse().unwrap()));
        assert_eq!(hash("2001:db8:1:2:3:4:5:6"), hash("2001:db8:1:2::"));
        assert_ne!(hash("2001:db8:1:2::"), hash("2001:db8:1:3::"));
        assert_eq!(hash("::ffff:192.0.2.1"), hash("192.0.2.1"));
        assert_ne!(hash("192.0.2.1"), hash("192.0.2.2"));
    }
}

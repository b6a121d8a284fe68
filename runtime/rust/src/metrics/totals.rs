//! The current values of this process's metrics. The facade passes changes to a recorder and cannot be read.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::{LIMIT_USED, Limit, MESSAGES_DELIVERED, MESSAGES_PUBLISHED};

/// The current value of a metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MetricSample {
    /// The name, such as [`CONNECTIONS`](crate::metrics::CONNECTIONS).
    pub name: &'static str,
    /// The labels.
    pub labels: BTreeMap<&'static str, &'static str>,
    /// The sum of a counter, or the value of a gauge.
    pub value: f64,
}

type Labels = Vec<(&'static str, &'static str)>;

/// The values of metrics that change rarely.
static VALUES: Mutex<BTreeMap<(&'static str, Labels), f64>> = Mutex::new(BTreeMap::new());

// These change with every message, so they have no lock.
static PUBLISHED: AtomicU64 = AtomicU64::new(0);
static DELIVERED: [(&str, AtomicU64); 2] = [("sse", AtomicU64::new(0)), ("websocket", AtomicU64::new(0))];
static LIMITS_USED: [AtomicU64; Limit::ALL.len()] = [const { AtomicU64::new(0) }; Limit::ALL.len()];

pub(super) fn add(name: &'static str, labels: &[(&'static str, &'static str)], value: f64) {
    change(name, labels, |sum| *sum += value);
}

pub(super) fn set(name: &'static str, labels: &[(&'static str, &'static str)], value: f64) {
    change(name, labels, |current| *current = value);
}

fn change(name: &'static str, labels: &[(&'static str, &'static str)], change: impl FnOnce(&mut f64)) {
    let mut values = VALUES.lock().unwrap_or_else(PoisonError::into_inner);
    change(values.entry((name, labels.to_vec())).or_default());
}

pub(super) fn add_published() {
    PUBLISHED.fetch_add(1, Ordering::Relaxed);
}

pub(super) fn add_delivered(transport: &str, messages: u64) {
    if let Some((_, sum)) = DELIVERED.iter().find(|(known, _)| *known == transport) {
        sum.fetch_add(messages, Ordering::Relaxed);
    }
}

pub(super) fn set_limit_used(limit: Limit, used: u64) {
    LIMITS_USED[limit as usize].store(used, Ordering::Relaxed);
}

/// Returns the current values, by name and labels.
#[expect(clippy::cast_precision_loss, reason = "charts may be rounded")]
pub(crate) fn samples() -> Vec<MetricSample> {
    let values = VALUES.lock().unwrap_or_else(PoisonError::into_inner);
    let mut samples: Vec<MetricSample> =
        values.iter().map(|((name, labels), value)| sample(name, labels, *value)).collect();
    drop(values);
    let get = |value: &AtomicU64| value.load(Ordering::Relaxed) as f64;
    samples.push(sample(MESSAGES_PUBLISHED, &[], get(&PUBLISHED)));
    let delivered = DELIVERED.iter();
    samples.extend(
        delivered.map(|(transport, sum)| sample(MESSAGES_DELIVERED, &[("transport", transport)], get(sum))),
    );
    let used = Limit::ALL.into_iter().zip(&LIMITS_USED).filter(|(_, used)| get(used) > 0.0);
    samples.extend(used.map(|(limit, used)| sample(LIMIT_USED, &[("limit", limit.name())], get(used))));
    samples.sort_by(|one, other| (one.name, &one.labels).cmp(&(other.name, &other.labels)));
    samples
}

fn sample(name: &'static str, labels: &[(&'static str, &'static str)], value: f64) -> MetricSample {
    MetricSample { name, labels: labels.iter().copied().collect(), value }
}

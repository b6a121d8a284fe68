//! Times, and the line of figures that a command prints.

use std::fmt::Write;

use hdrhistogram::Histogram;

/// How long something took, in microseconds.
pub(crate) struct Times(Histogram<u64>);

impl Times {
    pub(crate) fn new() -> Self {
        Self(Histogram::new_with_bounds(1, 600_000_000, 3).expect("the bounds are valid"))
    }

    /// Records a time in nanoseconds.
    pub(crate) fn record(&mut self, nanoseconds: u64) {
        self.0.saturating_record(nanoseconds / 1_000);
    }

    pub(crate) fn add(&mut self, others: &Self) {
        self.0.add(&others.0).expect("the bounds are the same");
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    pub(crate) fn quantile(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64
    }
}

/// Figures in the order in which they were added.
#[derive(Default)]
pub(crate) struct Figures(String);

impl Figures {
    pub(crate) fn with(mut self, name: &str, value: f64) -> Self {
        let _ = write!(self.0, "{name}={value:.3} ");
        self
    }

    /// Adds the median and the 99th percentile.
    pub(crate) fn with_times(self, prefix: &str, times: &Times) -> Self {
        self.with(&format!("{prefix}p50"), times.quantile(0.5))
            .with(&format!("{prefix}p99"), times.quantile(0.99))
    }

    pub(crate) fn finish(self) -> String {
        self.0.trim_end().to_owned()
    }
}

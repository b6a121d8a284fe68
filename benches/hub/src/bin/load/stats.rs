//! Counts the messages of all subscribers.

use bench_hub::message::Marker;
use hdrhistogram::Histogram;
use std::cell::{Cell, RefCell};
use tokio::sync::Notify;

pub(crate) struct Stats {
    pub(crate) delivered: Cell<u64>,
    pub(crate) frames: Cell<u64>,
    pub(crate) closed: Cell<u64>,
    pub(crate) out_of_order: Cell<u64>,
    pub(crate) last: Cell<u64>,
    /// In microseconds, from when a message was published.
    pub(crate) latency: RefCell<Histogram<u64>>,
    subscribers: u64,
    /// Wakes the publisher when subscribers have received one more message on average.
    pub(crate) progress: Notify,
}

impl Stats {
    pub(crate) fn new(subscribers: usize) -> Self {
        let latency = Histogram::new_with_bounds(1, 600_000_000, 3).expect("the bounds are valid");
        Self {
            delivered: Cell::new(0),
            frames: Cell::new(0),
            closed: Cell::new(0),
            out_of_order: Cell::new(0),
            last: Cell::new(0),
            latency: RefCell::new(latency),
            subscribers: subscribers.max(1) as u64,
            progress: Notify::new(),
        }
    }

    pub(crate) fn took(&self, marker: Marker, now: u64) {
        let microseconds = now.saturating_sub(marker.published) / 1_000;
        self.latency.borrow_mut().saturating_record(microseconds);
    }

    pub(crate) fn delivered(&self, messages: u64, now: u64) {
        let before = self.average();
        add(&self.delivered, messages);
        self.last.set(now);
        if self.average() > before {
            self.progress.notify_one();
        }
    }

    /// Returns the number of messages that each subscriber has received on average.
    pub(crate) fn average(&self) -> u64 {
        self.delivered.get() / self.subscribers
    }

    pub(crate) fn quantile(&self, quantile: f64) -> u64 {
        self.latency.borrow().value_at_quantile(quantile)
    }
}

pub(crate) fn add(cell: &Cell<u64>, number: u64) {
    cell.set(cell.get() + number);
}

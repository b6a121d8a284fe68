//! Executing work on the thread of a caller.

use std::cell::Cell;
use std::time::Duration;

use super::super::batch::{Work, in_transaction};
use super::{TRIM_THRESHOLD, Writer, execute_batch};

/// The maximum average time of transactions that callers execute.
const MAX_AVERAGE: Duration = Duration::from_micros(400);

/// The maximum time that counts for a transaction, so that one in which the system suspended the thread does not
/// decide.
const MAX_SAMPLE: Duration = Duration::from_millis(2);

/// The average time of the latest transactions.
#[derive(Debug, Default)]
pub(in super::super) struct Pace {
    average: Duration,
}

impl Pace {
    pub(in super::super) fn is_fast(&self) -> bool {
        self.average <= MAX_AVERAGE
    }

    pub(in super::super) fn record(&mut self, took: Duration) {
        self.average = (self.average * 7 + took.min(MAX_SAMPLE)) / 8;
    }
}

impl Writer {
    /// Returns whether a transaction is likely to end so soon that it may block the thread of a caller.
    pub(in super::super) fn is_fast(&self) -> bool {
        !self.is_synchronous && self.file_lost.is_none() && self.pace.is_fast()
    }

    /// Returns whether there is work that callers leave to the writer's thread.
    pub(in super::super) fn needs_thread(&self) -> bool {
        self.untrimmed.len() >= TRIM_THRESHOLD || self.checkpoints.is_due()
    }

    /// Executes work in one transaction, and notifies its callers. Returns the work if that fails, even if another
    /// program has just locked the file.
    pub(in super::super) fn execute_inline(
        &mut self,
        mut work: Vec<Box<dyn Work>>,
    ) -> Result<(), Vec<Box<dyn Work>>> {
        // Cannot fail: it only sets a field of the connection.
        let _ = self.connection.busy_timeout(Duration::ZERO);
        let (clock, last_channel) = (self.clock, Cell::new(None));
        self.health.begin();
        let result = in_transaction(&mut self.connection, |transaction| {
            execute_batch(transaction, &mut work, clock, &last_channel)
        });
        let took = self.health.end();
        self.pace.record(took);
        let Ok(appended) = result else { return Err(work) };
        self.record_commit(took);
        self.is_inline = true;
        let done = self.record_appended(work, appended);
        self.notify_callers(vec![done]);
        self.is_inline = false;
        Ok(())
    }
}

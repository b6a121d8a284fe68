//! Reading what a storage contains, for administrators. Pages are limited, and reading does not delay writers.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::recorded_call::{CallKind, CallSite};
use super::{Answer, StorageError, StorageFuture};
use crate::wire::LogKind;

/// The maximum bytes of a page, unless it has only one item.
const MAX_PAGE_BYTES: usize = 1024 * 1024;

/// The maximum number of rows that are examined for a page.
const MAX_EXAMINED_ROWS: usize = 20_000;

/// Reads channels and runs.
pub(crate) trait Inspection {
    /// Returns the name of the engine.
    fn engine_name(&self) -> &'static str;

    /// Returns the file, or `None` if there is none.
    fn file(&self) -> Option<&Path>;

    /// Returns runs, the newest first. The cursor is for [`RunQuery::before`].
    fn list_runs(&self, query: RunQuery) -> StorageFuture<Result<Rows<RunRow, i64>, StorageError>>;

    /// Returns a run with its input and result, or `None` if no run has this id.
    fn read_run(&self, run_id: String) -> StorageFuture<Result<Option<RunDetailsRow>, StorageError>>;

    /// Returns the calls of a run after a site, by branch and position, or `None` if no run has this id.
    fn list_calls(
        &self,
        run_id: String,
        after: Option<CallSite>,
        limit: usize,
    ) -> StorageFuture<Result<Option<Rows<CallRow, CallSite>>, StorageError>>;

    /// Returns the signals of a run after a number, the oldest first, or `None` if no run has this id.
    fn list_signals(
        &self,
        run_id: String,
        after: i64,
        limit: usize,
    ) -> StorageFuture<Result<Option<Rows<SignalRow, i64>>, StorageError>>;

    /// Returns channels by name. The cursor is the name of the last one.
    fn list_channels(
        &self,
        query: ChannelQuery,
    ) -> StorageFuture<Result<Rows<ChannelSummary, String>, StorageError>>;

    /// Returns messages of a channel, or `None` if it is not stored.
    fn read_history(&self, query: HistoryQuery) -> StorageFuture<Result<Option<HistoryRows>, StorageError>>;
}

/// Rows of a page, and the cursor of the next page if there is one.
#[derive(Debug)]
pub(crate) struct Rows<T, C> {
    pub(crate) rows: Vec<T>,
    pub(crate) next: Option<C>,
}

/// The name of a run's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RunStateName {
    /// The run has not ended and is not halted.
    Running,
    /// The run cannot continue on the servers that have tried.
    Halted,
    /// The run has returned a result.
    Completed,
    /// The run has failed for good.
    Failed,
    /// The run was cancelled.
    Cancelled,
}

impl RunStateName {
    /// All states.
    pub const ALL: [Self; 5] = [Self::Running, Self::Halted, Self::Completed, Self::Failed, Self::Cancelled];

    /// Returns the name, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Halted => "halted",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The activity of a running run. If several apply, the first one is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RunActivity {
    /// A process holds the run.
    Executing,
    /// The run waits for a process.
    Due,
    /// The run waits for a signal.
    Waiting,
    /// A step or the job waits for its next attempt.
    Retrying,
    /// The run sleeps.
    Sleeping,
}

impl RunActivity {
    /// All activities.
    pub const ALL: [Self; 5] = [Self::Executing, Self::Due, Self::Waiting, Self::Retrying, Self::Sleeping];

    /// Returns the name, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Executing => "executing",
            Self::Due => "due",
            Self::Waiting => "waiting",
            Self::Retrying => "retrying",
            Self::Sleeping => "sleeping",
        }
    }
}

/// The runs to list. All times are in milliseconds since 1970.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunQuery {
    pub(crate) job: Option<String>,
    pub(crate) channel: Option<String>,
    /// Empty for all states.
    pub(crate) states: Vec<RunStateName>,
    pub(crate) activity: Option<RunActivity>,
    pub(crate) created_after: Option<i64>,
    pub(crate) created_before: Option<i64>,
    /// The cursor.
    pub(crate) before: Option<i64>,
    pub(crate) limit: usize,
}

/// A run in a list. All times are in milliseconds since 1970.
#[derive(Debug)]
pub(crate) struct RunRow {
    pub(crate) number: i64,
    pub(crate) run_id: String,
    pub(crate) job: String,
    pub(crate) channel: String,
    pub(crate) state: RunStateName,
    /// Of a running run.
    pub(crate) activity: Option<RunActivity>,
    /// The names of signals, as they are stored.
    pub(crate) waiting_for: Vec<String>,
    pub(crate) due: Option<i64>,
    pub(crate) failures: u32,
    pub(crate) error: Option<String>,
    pub(crate) created: Option<i64>,
    pub(crate) changed: i64,
    /// The run that this one repeats, and from which call on.
    pub(crate) origin: Option<(String, String)>,
}

/// A run with its input and result in JSON.
#[derive(Debug)]
pub(crate) struct RunDetailsRow {
    pub(crate) run: RunRow,
    pub(crate) input: String,
    pub(crate) result: Option<String>,
}

/// A recorded call. All times are in milliseconds since 1970.
#[derive(Debug)]
pub(crate) struct CallRow {
    pub(crate) site: CallSite,
    pub(crate) kind: CallKind,
    pub(crate) id: String,
    pub(crate) value: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) failures: u32,
    pub(crate) due: i64,
    pub(crate) began: Option<i64>,
    pub(crate) ended: i64,
    /// The signals of an open question.
    pub(crate) names: Option<Vec<String>>,
}

/// A signal that a run received.
#[derive(Debug)]
pub(crate) struct SignalRow {
    pub(crate) signal: Answer,
    /// `kept`, `answer`, `taken` or `dropped`.
    pub(crate) status: String,
}

/// The channels to list.
#[derive(Clone)]
pub(crate) struct ChannelQuery {
    pub(crate) prefix: String,
    /// Selects channels by name.
    pub(crate) is_wanted: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    /// The cursor.
    pub(crate) after: String,
    pub(crate) limit: usize,
}

/// A stored channel.
#[derive(Clone, Debug)]
pub(crate) struct ChannelSummary {
    pub(crate) name: String,
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    /// In milliseconds since 1970.
    pub(crate) used: i64,
}

/// The messages to read.
#[derive(Clone, Debug)]
pub(crate) struct HistoryQuery {
    pub(crate) channel: String,
    /// The names under which messages of the topic are stored; empty for all topics.
    pub(crate) topics: Vec<String>,
    pub(crate) newest_first: bool,
    /// The cursor: the epoch, and the offset after or before which to read.
    pub(crate) cursor: Option<(u64, u64)>,
    /// The maximum number of messages. Text streams have more frames.
    pub(crate) limit: usize,
}

/// Messages of a channel.
#[derive(Debug)]
pub(crate) struct HistoryRows {
    pub(crate) epoch: u64,
    pub(crate) rows: Vec<HistoryRow>,
    /// The offset of the last message that was examined.
    pub(crate) examined_to: Option<u64>,
    /// There are more messages after it.
    pub(crate) has_more: bool,
}

/// A message, or a chunk of a text stream.
#[derive(Debug)]
pub(crate) struct HistoryRow {
    pub(crate) offset: u64,
    /// As it is stored.
    pub(crate) topic: String,
    /// With its id.
    pub(crate) frame: String,
}

/// Counts the items, bytes and examined rows of a page.
pub(crate) struct PageBudget {
    limit: usize,
    items: usize,
    bytes: usize,
    examined: usize,
}

impl PageBudget {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, items: 0, bytes: 0, examined: 0 }
    }

    /// Counts examined rows. Returns `false` if no more may be examined.
    pub(crate) fn examine(&mut self, rows: usize) -> bool {
        self.examined = self.examined.saturating_add(rows);
        self.examined <= MAX_EXAMINED_ROWS
    }

    /// Adds an item if there is room for it. The first one always fits.
    pub(crate) fn add(&mut self, bytes: usize) -> bool {
        let fits = self.items < self.limit && (self.bytes == 0 || self.bytes + bytes <= MAX_PAGE_BYTES);
        if fits {
            self.items += 1;
            self.bytes += bytes;
        }
        fits
    }

    /// Adds a frame of a history if there is room for it. The frames of a text stream are joined to few items, so only
    /// their bytes count.
    pub(crate) fn add_frame(&mut self, frame: &str) -> bool {
        self.add_frame_of(frame, frame.len())
    }

    /// Adds a frame, given its start and its size.
    pub(super) fn add_frame_of(&mut self, start: &str, bytes: usize) -> bool {
        let fits = self.add(bytes);
        let is_message = LogKind::Data.is_of(start) || LogKind::Run.is_of(start);
        self.items -= usize::from(fits && !is_message);
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(budget: &mut PageBudget, mut add: impl FnMut(&mut PageBudget) -> bool) -> usize {
        (0..100_000).take_while(|_| add(budget)).count()
    }

    #[test]
    fn a_page_is_limited_in_items_bytes_and_examined_rows() {
        assert_eq!(count(&mut PageBudget::new(50), |budget| budget.add(100)), 50);
        assert_eq!(count(&mut PageBudget::new(500), |budget| budget.add(MAX_PAGE_BYTES / 10)), 10);
        assert_eq!(
            count(&mut PageBudget::new(500), |budget| budget.add(2 * MAX_PAGE_BYTES)),
            1,
            "one always fits"
        );
        assert_eq!(count(&mut PageBudget::new(500), |budget| budget.examine(1)), MAX_EXAMINED_ROWS);
    }

    #[test]
    fn frames_of_texts_count_their_bytes_and_messages_count_as_items() {
        let [message, chunk] = ["data", "chunk"]
            .map(|kind| format!(r#"{{"kind":"{kind}","channel":"room:1","data":"{}"}}"#, "x".repeat(1000)));
        assert_eq!(count(&mut PageBudget::new(50), |budget| budget.add_frame(&message)), 50);
        let chunks = count(&mut PageBudget::new(50), |budget| budget.add_frame(&chunk));
        assert!((1000..1050).contains(&chunks), "{chunks}");
    }
}

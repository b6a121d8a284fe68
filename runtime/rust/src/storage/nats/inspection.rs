//! The [`Inspection`] of a storage in NATS. There are no runs to show.

use std::path::Path;
use std::sync::Arc;

use super::super::inspection::{
    CallRow, ChannelQuery, ChannelSummary, HistoryQuery, HistoryRow, HistoryRows, Inspection, PageBudget,
    Rows, RunDetailsRow, RunQuery, RunRow, SignalRow,
};
use super::super::{CallSite, StorageError, StorageFuture};
use super::load::StoredFrame;
use super::{Nats, Shared, subjects};
use crate::clock::from_milliseconds;
use crate::wire::{MessageId, stamped};

impl Inspection for Nats {
    fn engine_name(&self) -> &'static str {
        "nats"
    }

    fn file(&self) -> Option<&Path> {
        None
    }

    fn list_runs(&self, _: RunQuery) -> StorageFuture<Result<Rows<RunRow, i64>, StorageError>> {
        Box::pin(async { Ok(Rows { rows: Vec::new(), next: None }) })
    }

    fn read_run(&self, _: String) -> StorageFuture<Result<Option<RunDetailsRow>, StorageError>> {
        Box::pin(async { Ok(None) })
    }

    fn list_calls(
        &self,
        _: String,
        _: Option<CallSite>,
        _: usize,
    ) -> StorageFuture<Result<Option<Rows<CallRow, CallSite>>, StorageError>> {
        Box::pin(async { Ok(None) })
    }

    fn list_signals(
        &self,
        _: String,
        _: i64,
        _: usize,
    ) -> StorageFuture<Result<Option<Rows<SignalRow, i64>>, StorageError>> {
        Box::pin(async { Ok(None) })
    }

    fn list_channels(
        &self,
        query: ChannelQuery,
    ) -> StorageFuture<Result<Rows<ChannelSummary, String>, StorageError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.list_channels(&query).await })
    }

    fn read_history(&self, query: HistoryQuery) -> StorageFuture<Result<Option<HistoryRows>, StorageError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.read_history(&query).await })
    }
}

impl Shared {
    async fn list_channels(
        &self,
        query: &ChannelQuery,
    ) -> Result<Rows<ChannelSummary, String>, StorageError> {
        let mut names = Vec::new();
        for (index, shard) in self.shards.iter().enumerate() {
            let filter = format!("{}.{index}.log.*", self.space);
            let state = self.jetstream.stream_info(&shard.stream, Some(&filter)).await?.state;
            // The servers return the names of at most 100,000 subjects.
            if state.subjects.len() >= 100_000 {
                return Err(StorageError::new("there are too many channels in NATS to list them"));
            }
            names.extend(
                state.subjects.keys().filter_map(|subject| subjects::decode(subject.rsplit('.').next()?)),
            );
        }
        names.retain(|name| name.starts_with(&query.prefix) && *name > query.after);
        names.sort_unstable();
        let (mut rows, mut after) = (Vec::new(), query.after.clone());
        let mut budget = PageBudget::new(query.limit);
        for name in names {
            let is_wanted = (query.is_wanted)(&name);
            if !budget.examine(1) || (is_wanted && !budget.add(128 + name.len())) {
                return Ok(Rows { rows, next: Some(after) });
            }
            if is_wanted && let Some((_, frames)) = self.read_frames(&name).await? {
                rows.push(ChannelSummary {
                    name: name.clone(),
                    messages: frames.len() as u64,
                    bytes: frames.iter().map(|frame| frame.text.len() as u64).sum(),
                    used: frames.last().map_or(0, |frame| frame.time),
                });
            }
            after = name;
        }
        Ok(Rows { rows, next: None })
    }

    async fn read_history(&self, query: &HistoryQuery) -> Result<Option<HistoryRows>, StorageError> {
        let Some((epoch, mut frames)) = self.read_frames(&query.channel).await? else { return Ok(None) };
        let start = if query.newest_first { u64::MAX } else { 0 };
        let cursor = query.cursor.map_or(start, |(_, offset)| offset);
        frames.retain(|frame| if query.newest_first { frame.offset < cursor } else { frame.offset > cursor });
        if query.newest_first {
            frames.reverse();
        }
        let mut history = HistoryRows { epoch, rows: Vec::new(), examined_to: None, has_more: false };
        let mut budget = PageBudget::new(query.limit);
        for frame in frames {
            let is_wanted = query.topics.is_empty() || query.topics.contains(&frame.topic);
            if !budget.examine(1) || (is_wanted && !budget.add_frame(&frame.text)) {
                history.has_more = true;
                return Ok(Some(history));
            }
            history.examined_to = Some(frame.offset);
            if is_wanted {
                let id = MessageId::new(epoch, frame.offset);
                let text = stamped(frame.text, id, from_milliseconds(frame.time));
                history.rows.push(HistoryRow { offset: frame.offset, topic: frame.topic, frame: text });
            }
        }
        Ok(Some(history))
    }

    /// Returns the epoch and the stored messages of a channel, in order, or `None` if it is not stored or has no
    /// definition.
    async fn read_frames(&self, name: &str) -> Result<Option<(u64, Vec<StoredFrame>)>, StorageError> {
        let channel = self.registry.get().and_then(|registry| registry.resolve(name));
        let Some(channel) = channel else { return Ok(None) };
        let tracked = self.channels.track(&channel, self.shard_count());
        self.read_stored_frames(&tracked).await
    }
}

//! Channels in memory, for administrators.

use super::super::inspection::{
    ChannelQuery, ChannelSummary, HistoryQuery, HistoryRow, HistoryRows, PageBudget, Rows,
};
use super::logs::Logs;
use crate::clock;
use crate::history::{Log, LogSummary};

/// The number of logs that are listed at once. Channels cannot be opened meanwhile.
const LOGS_AT_ONCE: usize = 500;

/// The number of frames that are read at once. Publishers wait meanwhile.
const FRAMES_AT_ONCE: usize = 500;

pub(super) fn list_channels(logs: &Logs, query: &ChannelQuery) -> Rows<ChannelSummary, String> {
    let mut after = query.after.clone();
    let (mut rows, mut budget) = (Vec::new(), PageBudget::new(query.limit));
    loop {
        let listed = logs.list(&query.prefix, &after, LOGS_AT_ONCE);
        for log in &listed {
            let name = log.channel().name();
            let is_wanted = (query.is_wanted)(name);
            if !budget.examine(1) || (is_wanted && !budget.add(128 + name.len())) {
                return Rows { rows, next: Some(after) };
            }
            if is_wanted {
                rows.push(summarize(log));
            }
            name.clone_into(&mut after);
        }
        if listed.len() < LOGS_AT_ONCE {
            return Rows { rows, next: None };
        }
    }
}

fn summarize(log: &Log) -> ChannelSummary {
    let LogSummary { messages, bytes, idle } = log.summarize();
    let used_at = clock::wall_time().checked_sub(idle).unwrap_or_else(clock::wall_time);
    ChannelSummary {
        name: log.channel().name().to_owned(),
        messages: messages as u64,
        bytes: bytes as u64,
        used: clock::to_milliseconds(used_at),
    }
}

/// Reads messages of a channel in either order.
pub(super) fn read_history(log: &Log, query: &HistoryQuery) -> HistoryRows {
    let definition = log.channel().definition();
    let mut history =
        HistoryRows { epoch: log.epoch(), rows: Vec::new(), examined_to: None, has_more: false };
    let mut budget = PageBudget::new(query.limit);
    let start = if query.newest_first { u64::MAX } else { 0 };
    let mut cursor = query.cursor.map_or(start, |(_, offset)| offset);
    loop {
        let frames = if query.newest_first {
            log.frames_before(cursor, FRAMES_AT_ONCE)
        } else {
            log.frames_after(cursor, FRAMES_AT_ONCE)
        };
        for logged in &frames {
            let (topic, frame) = (definition.log_topic(logged.topic).name, logged.frame.as_str());
            let is_wanted = query.topics.is_empty() || query.topics.iter().any(|wanted| wanted == topic);
            if !budget.examine(1) || (is_wanted && !budget.add_frame(frame)) {
                history.has_more = true;
                return history;
            }
            cursor = logged.offset;
            if is_wanted {
                let (topic, frame) = (topic.to_owned(), frame.to_owned());
                history.rows.push(HistoryRow { offset: cursor, topic, frame });
            }
            history.examined_to = Some(cursor);
        }
        if frames.len() < FRAMES_AT_ONCE {
            return history;
        }
    }
}

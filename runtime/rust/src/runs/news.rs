//! What subscribers of a channel are told of a run.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::history::Log;
use crate::storage::Entry;
use crate::wire::{DataFrame, Envelope, LogKind};

pub(super) fn running(log: &Arc<Log>, run_id: &str, attempt: u32, error: Option<&str>) -> Entry {
    let mut news = json!({ "status": "running", "attempt": attempt });
    if let Some(error) = error {
        news["error"] = json!({ "message": error });
    }
    entry(log, run_id, &news.to_string())
}

pub(super) fn halted(log: &Arc<Log>, run_id: &str, why: &str) -> Entry {
    entry(log, run_id, &json!({ "status": "running", "halted": why }).to_string())
}

/// The result is JSON already, and goes out as it is.
pub(super) fn completed(log: &Arc<Log>, run_id: &str, result: &str) -> Entry {
    entry(log, run_id, &format!(r#"{{"status":"completed","result":{result}}}"#))
}

pub(super) fn failed(log: &Arc<Log>, run_id: &str, error: &str) -> Entry {
    let news: Value = json!({ "status": "failed", "error": { "message": error } });
    entry(log, run_id, &news.to_string())
}

pub(super) fn cancelled(log: &Arc<Log>, run_id: &str) -> Entry {
    entry(log, run_id, r#"{"status":"cancelled"}"#)
}

fn entry(log: &Arc<Log>, run_id: &str, news: &str) -> Entry {
    let channel = log.channel();
    let topic = channel.definition().run_news();
    let envelope = Envelope { kind: LogKind::Run, channel: channel.name(), topic: "", run_id: Some(run_id) };
    let frame = DataFrame::encoded(envelope, news);
    Entry { log: Arc::clone(log), topic, frame, key: None }
}

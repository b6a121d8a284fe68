//! Run events: the messages about a run that subscribers of its channel receive.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::history::Log;
use crate::storage::{Entry, Question, QuestionId, WaitingEventBuilder};
use crate::wire::{DataFrame, Envelope, LogKind};

pub(super) fn running(log: &Arc<Log>, run_id: &str, attempt: u32, error: Option<&str>) -> Entry {
    let mut event = json!({ "status": "running", "attempt": attempt });
    if let Some(error) = error {
        event["error"] = json!({ "message": error });
    }
    entry(log, run_id, &event.to_string())
}

/// Returns the event that lists the questions a run asks.
pub(super) fn waiting(log: &Arc<Log>, run_id: &Arc<str>, attempt: u32) -> WaitingEventBuilder {
    let (log, run_id) = (Arc::clone(log), Arc::clone(run_id));
    Arc::new(move |questions: &[Question]| {
        let mut event = json!({ "status": "running", "attempt": attempt });
        if !questions.is_empty() {
            let mut names: Vec<&str> = Vec::new();
            let mut ids = serde_json::Map::new();
            let definition = log.channel().definition();
            for (question, name) in questions
                .iter()
                .flat_map(|question| question.names.iter().map(move |name| (question, name)))
                .flat_map(|(question, name)| definition.sent_names(name).map(move |name| (question, name)))
            {
                if !ids.contains_key(name) {
                    let id = QuestionId { run_id: run_id.to_string(), site: question.site.clone() };
                    names.push(name);
                    ids.insert(name.to_owned(), json!(id.to_string()));
                }
            }
            event["waitingFor"] = json!(names);
            event["questions"] = Value::Object(ids);
        }
        entry(&log, &run_id, &event.to_string())
    })
}

pub(super) fn halted(log: &Arc<Log>, run_id: &str, why: &str) -> Entry {
    entry(log, run_id, &json!({ "status": "running", "halted": why }).to_string())
}

/// The result is already JSON, and is sent unchanged.
pub(super) fn completed(log: &Arc<Log>, run_id: &str, result: &str) -> Entry {
    entry(log, run_id, &format!(r#"{{"status":"completed","result":{result}}}"#))
}

pub(super) fn failed(log: &Arc<Log>, run_id: &str, error: &str) -> Entry {
    let event = json!({ "status": "failed", "error": { "message": error } });
    entry(log, run_id, &event.to_string())
}

pub(super) fn cancelled(log: &Arc<Log>, run_id: &str) -> Entry {
    entry(log, run_id, r#"{"status":"cancelled"}"#)
}

fn entry(log: &Arc<Log>, run_id: &str, event: &str) -> Entry {
    let channel = log.channel();
    let topic = channel.definition().run_events_index();
    let envelope = Envelope { kind: LogKind::Run, channel: channel.name(), topic: "", run_id: Some(run_id) };
    let frame = DataFrame::encoded(envelope, event);
    Entry { log: Arc::clone(log), topic, frame, key: None, writer: None }
}

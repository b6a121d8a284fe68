//! The calls and signals of a run.

use std::time::SystemTime;

use serde::Serialize;
use serde_json::Value;

use super::page::{write_optional_time, write_time};
use super::runs::parse;
use super::{Admin, AdminError, Page, PageRequest};
use crate::clock::from_milliseconds;
use crate::storage::inspection::{CallRow, SignalRow};
use crate::storage::{Answer, CallKind, ClosedQuestion, QuestionId};

/// A call that a run has recorded or begun.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RunCall {
    /// Its position, such as `4`, or `3.1/0` for the first call of branch 1 of the fork at 3.
    pub call: String,
    /// `step`, `publish`, `sleep`, `wait`, `version`, `stream`, `join`, `race`, `timeout` or `map`.
    pub kind: &'static str,
    /// The id that the job passes.
    pub id: String,
    /// Whether it has ended.
    pub state: CallState,
    /// Of a step or a text stream, the attempts that ended. Crashes are not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// When it began. `None` if an earlier version of the library recorded it.
    #[serde(serialize_with = "write_optional_time", skip_serializing_if = "Option::is_none")]
    pub began_at: Option<SystemTime>,
    /// When its outcome was recorded.
    #[serde(serialize_with = "write_optional_time", skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<SystemTime>,
    /// When a failed step is attempted again.
    #[serde(serialize_with = "write_optional_time", skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<SystemTime>,
    /// The value of a step, the text of a text stream, or the number of a version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Why it failed for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The id of the message of a publish.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// When a sleep ends.
    #[serde(serialize_with = "write_optional_time", skip_serializing_if = "Option::is_none")]
    pub until: Option<SystemTime>,
    /// The branch that decided a fork.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub winner: Option<u32>,
    /// The question of a wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<RunQuestion>,
}

/// Whether a call has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CallState {
    /// It has not ended.
    #[default]
    Begun,
    /// It has returned a value. A sleep is recorded when it begins.
    Succeeded,
    /// It has failed for good.
    Failed,
}

/// A question of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RunQuestion {
    /// Its id, as in run events.
    pub id: String,
    /// The signals that can answer it.
    pub signals: Vec<String>,
    /// When it was asked.
    #[serde(serialize_with = "write_time")]
    pub asked_at: SystemTime,
    /// When it closes without an answer, while it is open.
    #[serde(serialize_with = "write_optional_time", skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<SystemTime>,
    /// The answer. `None` if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<QuestionAnswer>,
}

/// The signal that answered a question.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct QuestionAnswer {
    /// The name of the signal.
    pub signal: String,
    /// Its payload.
    pub payload: Value,
    /// Its sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// When it arrived.
    #[serde(serialize_with = "write_time")]
    pub received_at: SystemTime,
}

/// A signal that a run received.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RunSignal {
    /// Its name.
    pub name: String,
    /// Its payload.
    pub payload: Value,
    /// Its sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// When it arrived.
    #[serde(serialize_with = "write_time")]
    pub received_at: SystemTime,
    /// `kept` until a question asks for it, `answer` to a question, `taken` by the run, or `dropped` because an earlier
    /// signal answered.
    pub status: String,
}

impl Admin {
    /// Returns the calls that a run has recorded or begun, by branch and position: those of the job itself first.
    ///
    /// # Errors
    /// Returns an error if no run has this id, the cursor is not valid, or the storage fails.
    pub async fn calls(&self, run_id: &str, page: &PageRequest) -> Result<Page<RunCall>, AdminError> {
        let after = page.read_cursor(|cursor| cursor.parse().ok())?;
        let listed = self.hub.storage().list_calls(run_id.to_owned(), after, page.max_items()).await?;
        let listed = listed.ok_or(AdminError::UnknownRun)?;
        let calls = listed.rows.into_iter().map(|row| describe(run_id, row)).collect();
        Ok(Page::new(calls, listed.next.map(|next| next.to_string())))
    }

    /// Returns the signals that a run received, the oldest first.
    ///
    /// # Errors
    /// Returns an error if no run has this id, the cursor is not valid, or the storage fails.
    pub async fn signals(&self, run_id: &str, page: &PageRequest) -> Result<Page<RunSignal>, AdminError> {
        let after = page.read_cursor(|cursor| cursor.parse().ok())?.unwrap_or(0);
        let listed = self.hub.storage().list_signals(run_id.to_owned(), after, page.max_items()).await?;
        let listed = listed.ok_or(AdminError::UnknownRun)?;
        let signals = listed.rows.into_iter().map(|SignalRow { signal, status }| {
            let QuestionAnswer { signal, payload, sender, received_at } = signal.into();
            RunSignal { name: signal, payload, sender, received_at, status }
        });
        Ok(Page::new(signals.collect(), listed.next.map(|next| next.to_string())))
    }
}

fn describe(run_id: &str, row: CallRow) -> RunCall {
    let CallRow { site, kind, id, value, error, failures, due, began, ended, names } = row;
    let state = match (&value, &error) {
        (Some(_), _) => CallState::Succeeded,
        (None, Some(_)) => CallState::Failed,
        (None, None) => CallState::Begun,
    };
    let is_work = matches!(kind, CallKind::Step | CallKind::Stream);
    let attempts = began.filter(|_| is_work).map(|_| failures + u32::from(state != CallState::Begun));
    let retry_at = (is_work && state == CallState::Begun && due > 0).then(|| from_milliseconds(due));
    let mut call = RunCall {
        call: site.to_string(),
        kind: kind_name(kind),
        id,
        state,
        attempts,
        began_at: began.map(from_milliseconds),
        ended_at: (state != CallState::Begun).then(|| from_milliseconds(ended)),
        retry_at,
        error,
        ..RunCall::default()
    };
    let question_id = || QuestionId { run_id: run_id.to_owned(), site: site.clone() }.to_string();
    match (kind, value) {
        (CallKind::Wait, None) => {
            call.question = names.map(|signals| RunQuestion {
                id: question_id(),
                signals,
                asked_at: from_milliseconds(began.unwrap_or(0)),
                closes_at: Some(from_milliseconds(due)),
                answer: None,
            });
        }
        (CallKind::Wait, Some(value)) => {
            let closed: Option<ClosedQuestion> = serde_json::from_str(&value).ok();
            call.question = closed.map(|closed| RunQuestion {
                id: question_id(),
                signals: closed.names,
                asked_at: from_milliseconds(closed.asked_at),
                closes_at: None,
                answer: closed.answer.map(QuestionAnswer::from),
            });
        }
        (_, None) => {}
        (CallKind::Publish, Some(value)) => call.message_id = parse(&value).as_str().map(str::to_owned),
        (CallKind::Sleep, Some(value)) => call.until = parse(&value).as_i64().map(from_milliseconds),
        (CallKind::Step | CallKind::Stream | CallKind::Version, Some(value)) => {
            call.value = Some(parse(&value));
        }
        (CallKind::Join | CallKind::Race | CallKind::Timeout | CallKind::Map, Some(value)) => {
            call.winner = value.parse().ok();
        }
    }
    call
}

/// Returns the name of the method that makes a call.
fn kind_name(kind: CallKind) -> &'static str {
    match kind {
        CallKind::Race => "race",
        CallKind::Timeout => "timeout",
        kind => kind.name(),
    }
}

impl From<Answer> for QuestionAnswer {
    fn from(answer: Answer) -> Self {
        let Answer { name: signal, payload, by: sender, at } = answer;
        Self { signal, payload: parse(&payload), sender, received_at: from_milliseconds(at) }
    }
}

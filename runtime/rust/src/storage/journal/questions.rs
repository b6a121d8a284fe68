//! The questions of runs: asking them, and closing them with or without an answer.

use std::collections::HashSet;

use super::super::recorded_call::{CallKind, CallStart, Outcome, RecordedCall};
use super::rows::{JournalRows, OpenQuestion, SignalState};
use super::{
    Answer, Claim, ClosedQuestion, NewQuestion, Question, QuestionState, RunHandle, WaitingEventBuilder,
};
use super::{calls, claims};
use crate::clock::{from_milliseconds, to_milliseconds};

/// Asks a question unless it was asked before, and closes it if it is answered or its time is over.
pub(in crate::storage) async fn poll<R: JournalRows>(
    rows: &mut R,
    claim: Claim,
    question: &NewQuestion,
    event: &WaitingEventBuilder,
) -> Result<QuestionState, R::Failure> {
    if !claims::lock(rows, claim).await? {
        return Ok(QuestionState::ClaimLost);
    }
    let (run, now) = (claim.run, rows.now());
    let mut open = rows.load_questions(run).await?;
    let asked = open.iter().position(|open| open.question.site == question.site);
    let is_new = asked.is_none();
    let current = match asked {
        Some(index) => open.remove(index),
        None => ask(rows, run, question, now).await?,
    };
    if current.answer.is_none() && current.closes_at > now {
        let closes_at = from_milliseconds(current.closes_at);
        if is_new {
            open.push(current);
            open.sort_by(|one, other| one.order().cmp(&other.order()));
            rows.append(&event(&unanswered(open))).await?;
        }
        return Ok(QuestionState::Open { closes_at });
    }
    let answer = match current.answer {
        Some(signal) => take(rows, signal).await?,
        None => None,
    };
    if answer.is_some() {
        failpoint!("between-signal-and-step");
    }
    // The job may ask for other signals than when it asked first.
    let asked = Question { names: question.names.clone(), ..current.question };
    let value =
        close(rows, run, &OpenQuestion { question: asked, id: question.id.clone(), ..current }, answer)
            .await?;
    if !is_new {
        rows.append(&event(&unanswered(open))).await?;
    }
    Ok(QuestionState::Closed(value))
}

/// Asks a question, and answers it with the earliest signal that was kept for it. Other kept signals that match it are
/// dropped, so that they do not answer a later question.
async fn ask<R: JournalRows>(
    rows: &mut R,
    run: RunHandle,
    question: &NewQuestion,
    now: i64,
) -> Result<OpenQuestion, R::Failure> {
    let mut asked = OpenQuestion {
        question: Question { site: question.site.clone(), names: question.names.clone() },
        id: question.id.clone(),
        asked_at: now,
        closes_at: to_milliseconds(question.closes_at),
        answer: None,
        began_with: question.began_with.clone(),
    };
    rows.insert_question(run, &asked).await?;
    asked.answer = rows.find_kept_signal(run, &question.stored_names).await?;
    if let Some(kept) = asked.answer {
        rows.drop_kept_signals(run, &question.stored_names).await?;
        rows.set_signal_state(kept, SignalState::Answer).await?;
        rows.set_answer(run, &question.site, kept).await?;
    }
    Ok(asked)
}

/// Marks an answer as taken by the run, and returns it.
async fn take<R: JournalRows>(rows: &mut R, signal: i64) -> Result<Option<Answer>, R::Failure> {
    rows.set_signal_state(signal, SignalState::Taken).await?;
    rows.read_signal(signal).await
}

/// Closes a question, and returns it as JSON, as the journal records it.
pub(super) async fn close<R: JournalRows>(
    rows: &mut R,
    run: RunHandle,
    open: &OpenQuestion,
    answer: Option<Answer>,
) -> Result<String, R::Failure> {
    let OpenQuestion { question: Question { site, names }, id, asked_at, began_with, .. } = open;
    rows.delete_question(run, site).await?;
    let question = ClosedQuestion { names: names.clone(), answer, asked_at: *asked_at };
    // Cannot fail: the value has only strings and numbers.
    let value = serde_json::to_string(&question).unwrap_or_default();
    let (site, id, outcome) = (site.clone(), id.clone(), Outcome::Value(value.clone()));
    let call = RecordedCall { site, kind: CallKind::Wait, id, outcome };
    let start = CallStart { at: from_milliseconds(*asked_at), began_with: began_with.clone() };
    calls::write(rows, run, &call, &start).await?;
    Ok(value)
}

/// Returns the questions that have no answer yet.
pub(in crate::storage) fn unanswered(open: Vec<OpenQuestion>) -> Vec<Question> {
    open.into_iter().filter(|open| open.answer.is_none()).map(|open| open.question).collect()
}

/// Returns the signals that would answer questions, each once.
pub(in crate::storage) fn distinct_names(questions: Vec<Question>) -> Vec<String> {
    let mut known = HashSet::new();
    let names = questions.into_iter().flat_map(|question| question.names);
    names.filter(|name| known.insert(name.clone())).collect()
}

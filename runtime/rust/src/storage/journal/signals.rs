//! Delivering signals. A question takes one answer.

use super::super::recorded_call::{CallKind, CallSite, Outcome};
use super::rows::{
    AskingRun, ClosedQuestionRow, JournalRows, OpenQuestion, RunHead, SignalReceipt, SignalState,
};
use super::{Answer, ClosedQuestion, NewSignal, RunHandle, SignalOutcome};
use crate::clock::{from_milliseconds, to_milliseconds};

/// Delivers a signal to the run that it is for.
pub(in crate::storage) async fn send<R: JournalRows>(
    rows: &mut R,
    signal: &NewSignal,
) -> Result<SignalOutcome, R::Failure> {
    if signal.key.is_some() || signal.run_id.is_none() {
        rows.lock_signals(&signal.channel).await?;
    }
    // Check this first: the signal could now go to a different run from the one that received it first.
    if let Some(repeated) = find_repeated(rows, signal).await? {
        return Ok(repeated);
    }
    let Some(mut head) = lock_target(rows, signal).await? else {
        return Ok(if signal.question.is_some() { SignalOutcome::TooLate } else { SignalOutcome::NoRun });
    };
    if head.has_ended() {
        let asked = latest_question(rows, head.run, signal).await?;
        let answer = asked.and_then(|question| question.answer);
        return Ok(answer.map_or(SignalOutcome::RunEnded, SignalOutcome::AlreadyTaken));
    }
    let now = rows.now();
    let at = to_milliseconds(signal.at).min(now);
    match match_question(rows, head.run, signal, at, now).await? {
        MatchedQuestion::Open(site) => {
            let number = rows.insert_signal(head.run, signal, at, SignalState::Answer).await?;
            rows.set_answer(head.run, &site, number).await?;
            // The run may have been released while it waits, so make it due.
            if head.due > now {
                head.due = now;
                rows.update_run(&head).await?;
            }
            Ok(SignalOutcome::Accepted { run_id: head.run_id, at: from_milliseconds(at) })
        }
        MatchedQuestion::Answered(answer) => Ok(SignalOutcome::AlreadyTaken(answer)),
        MatchedQuestion::Closed => Ok(SignalOutcome::TooLate),
        MatchedQuestion::None => {
            rows.insert_signal(head.run, signal, at, SignalState::Kept).await?;
            Ok(SignalOutcome::Kept { run_id: head.run_id, at: from_milliseconds(at) })
        }
    }
}

/// The question that a signal matches.
enum MatchedQuestion {
    Open(CallSite),
    /// The question, or an earlier one that asked for the same signal, has this answer.
    Answered(Answer),
    /// The question ended without an answer.
    Closed,
    /// No question has asked for the signal yet.
    None,
}

async fn match_question<R: JournalRows>(
    rows: &mut R,
    run: RunHandle,
    signal: &NewSignal,
    at: i64,
    now: i64,
) -> Result<MatchedQuestion, R::Failure> {
    let mut open = rows.load_questions(run).await?;
    open.retain(|open| asks_for(&open.question.names, signal));
    if let Some(question) = &signal.question {
        open.retain(|open| open.question.site == *question);
        if open.is_empty() {
            return find_closed_question(rows, run, question).await;
        }
    }
    if let Some(site) = find_unanswered(&open, at, now) {
        return Ok(MatchedQuestion::Open(site.clone()));
    }
    if let Some(number) = open.iter().find_map(|open| open.answer)
        && let Some(answer) = rows.read_signal(number).await?
    {
        return Ok(MatchedQuestion::Answered(answer));
    }
    if let Some(latest) = latest_question(rows, run, signal).await? {
        return Ok(latest.answer.map_or(MatchedQuestion::Closed, MatchedQuestion::Answered));
    }
    if let Some(open) = open.into_iter().next() {
        return Ok(MatchedQuestion::Open(open.question.site));
    }
    let kept = match rows.find_kept_signal(run, &signal.stored_names).await? {
        Some(number) => rows.read_signal(number).await?,
        None => None,
    };
    Ok(kept.map_or(MatchedQuestion::None, MatchedQuestion::Answered))
}

/// Returns whether a question for these signals matches a signal.
fn asks_for(names: &[String], signal: &NewSignal) -> bool {
    names.iter().any(|name| signal.stored_names.contains(name))
}

/// Returns the first question without an answer that had been asked when the signal arrived.
fn find_unanswered(open: &[OpenQuestion], at: i64, now: i64) -> Option<&CallSite> {
    // Outside Linux each process has its own clock, so a question can seem to be asked in the future. Treat it as
    // asked before the signal.
    let was_asked = |asked_at: i64| asked_at <= at || asked_at > now;
    let is_free = |open: &&OpenQuestion| {
        (open.answer.is_none() || bug!(QuestionAnsweredTwice)) && was_asked(open.asked_at)
    };
    open.iter().find(is_free).map(|open| &open.question.site)
}

/// Finds a question that is not open.
async fn find_closed_question<R: JournalRows>(
    rows: &mut R,
    run: RunHandle,
    question: &CallSite,
) -> Result<MatchedQuestion, R::Failure> {
    let call = rows.find_call(run, question).await?.filter(|call| call.kind == CallKind::Wait);
    let Some(Outcome::Value(value)) = call.map(|call| call.outcome) else {
        return Ok(MatchedQuestion::Closed);
    };
    let answer = serde_json::from_str::<ClosedQuestion>(&value).ok().and_then(|question| question.answer);
    Ok(answer.map_or(MatchedQuestion::Closed, MatchedQuestion::Answered))
}

/// Returns the closed question that asked for the signal when the signal arrived, or else the latest closed question
/// that asked for it.
async fn latest_question<R: JournalRows>(
    rows: &mut R,
    run: RunHandle,
    signal: &NewSignal,
) -> Result<Option<ClosedQuestion>, R::Failure> {
    let (mut closed, at) = (rows.load_closed_questions(run).await?, to_milliseconds(signal.at));
    closed.retain(|closed| asks_for(&closed.question.names, signal));
    let order = |closed: &ClosedQuestionRow| (closed.question.asked_at <= at, closed.at, closed.position);
    Ok(closed.into_iter().max_by_key(order).map(|closed| closed.question))
}

/// Finds and locks the run that receives a signal. If the channel has several, this is the one that has waited longest
/// for the signal, otherwise the oldest unfinished run, otherwise the latest ended run.
async fn lock_target<R: JournalRows>(
    rows: &mut R,
    signal: &NewSignal,
) -> Result<Option<RunHead>, R::Failure> {
    if let Some(run_id) = &signal.run_id {
        let named = rows.lock_run_by_id(run_id).await?;
        return Ok(named.filter(|head| head.channel == signal.channel));
    }
    loop {
        let asking = rows.list_questions_of_channel(&signal.channel).await?;
        let unfinished = match find_longest_waiting(asking, signal) {
            Some(run) => Some(run),
            None => rows.find_oldest_unfinished(&signal.channel).await?,
        };
        let found = match unfinished {
            Some(run) => Some(run),
            None => rows.find_latest(&signal.channel).await?,
        };
        let Some(found) = found else { return Ok(None) };
        let head = rows.lock_run(found).await?;
        // Another transaction may have ended or deleted the run until it could be locked.
        if let Some(head) = head.filter(|head| unfinished.is_none() || !head.has_ended()) {
            return Ok(Some(head));
        }
    }
}

fn find_longest_waiting(asking: Vec<AskingRun>, signal: &NewSignal) -> Option<RunHandle> {
    let asking = asking.into_iter().filter(|asking| asks_for(&asking.names, signal));
    asking.min_by_key(|asking| (asking.asked_at, asking.run)).map(|asking| asking.run)
}

/// Returns the receipt of the earlier signal with the same key on the channel, if there was one.
async fn find_repeated<R: JournalRows>(
    rows: &mut R,
    signal: &NewSignal,
) -> Result<Option<SignalOutcome>, R::Failure> {
    let Some(key) = signal.key else { return Ok(None) };
    let Some(receipt) = rows.find_signal_by_key(&signal.channel, &key).await? else { return Ok(None) };
    let SignalReceipt { run, run_id, content_hash, at, state } = receipt;
    if content_hash != key.content_hash {
        return Ok(Some(SignalOutcome::KeyReused));
    }
    let at = from_milliseconds(at);
    Ok(Some(match state {
        SignalState::Kept => SignalOutcome::Kept { run_id, at },
        SignalState::Dropped => {
            let latest = latest_question(rows, run, signal).await?;
            let answer = latest.and_then(|latest| latest.answer);
            answer.map_or(SignalOutcome::TooLate, SignalOutcome::AlreadyTaken)
        }
        SignalState::Answer | SignalState::Taken => SignalOutcome::Accepted { run_id, at },
    }))
}

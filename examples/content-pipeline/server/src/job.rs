//! The job of each run: summarises a text, asks a person, and continues with the verdict.
//!
//! The server may be killed at any line. The run is then executed again from the start. Recorded calls
//! return the same results as before, so nothing is published twice, and the run continues where it
//! stopped. The code between the calls on `run` must be deterministic. Everything else, such as reading
//! the clock, belongs in a step.

use crate::draft;
use crate::progress::Progress;
use crate::summarise::{choose, fitting_length, keywords, score, write};
use crate::text::Text;
use channels::pipeline::{Approve, ApproveVerdict, Pipeline, RunResult, Summary};
use channels::{Choice, Insight, Keyword, Statistics, Step};
use fanfare::{Run, RunError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[cfg(test)]
mod tests;

const KEYWORDS: usize = 8;
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long publishing takes, in pauses.
const PUBLISHING: u32 = 40;

/// The input of a run. It is stored in the journal.
#[derive(Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) text: String,
    /// The pause between two messages, so that people can watch.
    pub(crate) pause: Duration,
}

/// Executes all steps. Subscribers receive all messages in the order in which they are published here.
pub(crate) async fn summarise(run: Run<Pipeline>, task: Task) -> Result<RunResult, RunError> {
    let progress = Progress { run: &run, pause: task.pause };
    let started_at = now(&run, "start").await?;
    let text = Text::read(&task.text);
    let sentences = &text.sentences;

    progress.status(Step::Split, 0, "Splitting the text into sentences").await?;
    for keyword in keywords(sentences, KEYWORDS) {
        let keyword = Keyword::new(keyword.word, keyword.occurrences);
        progress.insight(&Insight::Keyword(keyword)).await?;
    }

    progress.status(Step::Score, 10, format!("Scoring {} sentences", sentences.len())).await?;
    let scores = score(sentences);

    progress.status(Step::Choose, 30, "Choosing the most important sentences").await?;
    let chosen = choose(sentences, &scores, fitting_length(sentences.len()));
    for &at in &chosen {
        let choice = Choice::new(u32::try_from(at)?, scores[at]);
        progress.insight(&Insight::Choice(choice)).await?;
    }

    progress.status(Step::Write, 40, "Writing the draft").await?;
    let draft = write(sentences, &chosen);
    let write = async |stream| draft::write(stream, &draft, task.pause).await;
    let draft = run.stream("draft", run.channel().draft(), write).await?;

    progress.status(Step::Write, 80, "Waiting for a verdict").await?;
    let summary = approved(&run, &progress, draft).await?;

    run.sleep("publishing", task.pause * PUBLISHING).await?;
    let milliseconds = now(&run, "end").await?.duration_since(started_at).as_millis();
    let statistics = Statistics::new(
        u32::try_from(sentences.len())?,
        u32::try_from(text.words())?,
        u8::try_from(chosen.len())?,
        started_at.to_string().parse()?,
        u32::try_from(milliseconds.max(0))?,
    );
    let summary = Summary::new(text.title, summary, statistics);
    progress.status(Step::Complete, 100, "The summary is published").await?;
    run.publish("summary", run.channel().summary(), &summary).await?;
    Ok(RunResult::new(summary.title, summary.summary))
}

/// Waits for a person's verdict, and returns the summary to publish.
async fn approved(run: &Run<Pipeline>, progress: &Progress<'_>, draft: String) -> Result<String, RunError> {
    let Some(answer) = run.wait_for(run.channel().approve(), PATIENCE).await? else {
        return Err(RunError::fail("Nobody gave a verdict within a day"));
    };
    let who = answer.sender.as_deref().unwrap_or("Somebody");
    let Approve { verdict, text, .. } = answer.payload;
    let (did, summary) = match (verdict, text) {
        (ApproveVerdict::Reject, _) => ("rejected", None),
        (ApproveVerdict::Edit, Some(text)) => ("edited", Some(text)),
        (ApproveVerdict::Edit, None) | (ApproveVerdict::Approve, _) => ("approved", Some(draft)),
    };
    let news = format!("{who} {did} the draft");
    progress.status(Step::Write, 90, news.as_str()).await?;
    summary.ok_or_else(|| RunError::fail(news))
}

/// Returns the time at which the run first reached this step.
async fn now(run: &Run<Pipeline>, id: &str) -> Result<Timestamp, RunError> {
    let now = run.step(id, async || Ok::<_, RunError>(Timestamp::now().to_string())).await?;
    Ok(now.parse()?)
}

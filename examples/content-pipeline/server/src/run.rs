//! One run of the pipeline: summarises a text and publishes what it does.

use crate::summarise::{choose, fitting_length, keywords, pieces, score, write};
use crate::text::Text;
use channels::pipeline::{self, Pipeline, Status};
use channels::{Choice, Insight, Keyword, Statistics, Step, Token};
use fanfare::formats::DateTime;
use fanfare::{Hub, Payload, PublishError, Topic};
use jiff::Timestamp;
use std::error::Error;
use std::time::{Duration, Instant};
use tokio::time::sleep;

const KEYWORDS: usize = 8;
/// The percentages at which the summary's first and last piece are written.
const WRITING: (usize, usize) = (40, 99);

/// A run that is about to begin.
pub(crate) struct Run {
    pub(crate) hub: Hub,
    pub(crate) pipeline: Pipeline,
    pub(crate) text: Text,
    pub(crate) pause: Duration,
}

impl Run {
    /// Goes through every step. Every message arrives in the order in which it is published here.
    pub(crate) async fn summarise(self) -> Result<(), Box<dyn Error + Send + Sync>> {
        let started = Instant::now();
        let started_at: DateTime = Timestamp::now().to_string().parse()?;
        let sentences = &self.text.sentences;

        self.status(Step::Split, 0, "Splitting the text into sentences").await?;
        for keyword in keywords(sentences, KEYWORDS) {
            let keyword = Keyword { word: keyword.word, occurrences: keyword.occurrences };
            self.publish(self.pipeline.insights(), &Insight::Keyword(keyword)).await?;
        }

        self.status(Step::Score, 10, format!("Scoring {} sentences", sentences.len())).await?;
        let scores = score(sentences);

        self.status(Step::Choose, 30, "Choosing the weightiest sentences").await?;
        let chosen = choose(sentences, &scores, fitting_length(sentences.len()));
        for &at in &chosen {
            let choice = Choice { sentence: u32::try_from(at)?, score: scores[at] };
            self.publish(self.pipeline.insights(), &Insight::Choice(choice)).await?;
        }

        let summary = write(sentences, &chosen);
        self.write(&summary).await?;

        let result = pipeline::Result {
            title: self.text.title.clone(),
            summary,
            statistics: Statistics {
                sentences: u32::try_from(sentences.len())?,
                words: u32::try_from(self.text.words())?,
                chosen: u8::try_from(chosen.len())?,
                started_at,
                milliseconds: u32::try_from(started.elapsed().as_millis())?,
            },
        };
        self.status(Step::Complete, 100, "The summary is complete").await?;
        self.publish(self.pipeline.result(), &result).await?;
        Ok(())
    }

    /// Writes the summary piece by piece, and tells every tenth of the progress.
    async fn write(&self, summary: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
        let pieces = pieces(summary);
        let (first, last) = WRITING;
        let mut told = None;
        for (index, piece) in pieces.iter().enumerate() {
            let progress = first + (last - first) * index / pieces.len();
            if told != Some(progress / 10) {
                told = Some(progress / 10);
                self.status(Step::Write, u8::try_from(progress)?, "Writing the summary").await?;
            }
            let token = Token { index: u32::try_from(index)?, text: (*piece).to_owned() };
            self.publish(self.pipeline.tokens(), &token).await?;
        }
        Ok(())
    }

    async fn status(&self, step: Step, progress: u8, message: impl Into<String>) -> Result<(), PublishError> {
        let status = Status { message: message.into(), step, progress };
        self.publish(self.pipeline.status(), &status).await
    }

    /// Publishes, and then pauses so that people can watch.
    async fn publish<P: Payload>(&self, topic: Topic<'_, P>, payload: &P) -> Result<(), PublishError> {
        self.hub.publish(topic, payload).await?;
        sleep(self.pause).await;
        Ok(())
    }
}

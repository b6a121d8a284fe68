//! Text streams: text that is published in chunks while it is written.

use std::borrow::Cow;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::channel::{Channel, TextStream, Topic};
use crate::history::{Appended, IdempotencyKey, OpenStream};
use crate::hub::{Hub, StreamGuard};
use crate::publish::{self, PublishError};
use crate::wire::{DataFrame, Envelope, LogKind, MessageId};

/// The maximum bytes of text in one chunk.
const MAX_CHUNK: usize = 16 * 1024;

/// The minimum time between chunks. Text that is written sooner joins the next chunk.
const CHUNK_INTERVAL: Duration = Duration::from_millis(5);

/// How long to wait before the end of a stream is appended again after the storage failed.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// How many writes may wait in the queue.
const MAX_QUEUED: usize = 64;

impl Hub {
    /// Starts a text stream on a topic that carries them (`stream: text` in the definition). Returns a builder: set its
    /// options, then await it to start the stream.
    ///
    /// ```
    /// # async fn write(hub: &fanfare::Hub, topic: fanfare::Topic<'_, fanfare::TextStream>) -> Result<(), fanfare::PublishError> {
    /// let mut draft = hub.stream(topic).await?;
    /// for text in ["Once ", "upon ", "a time"] {
    ///     draft.write(text).await?;
    /// }
    /// draft.end().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream<'p>(&'p self, topic: Topic<'p, TextStream>) -> StartTextStream<'p> {
        StartTextStream { hub: self, channel: topic.channel(), topic: topic.index(), run_id: None }
    }

    /// Starts a text stream on a channel and topic by name.
    pub(crate) async fn stream_by_name(
        &self,
        channel: &str,
        topic: &str,
        run_id: Option<&str>,
    ) -> Result<TextStreamWriter, PublishError> {
        let (resolved, index) = self.registry().topic(channel, topic)?;
        if resolved.definition().topics[index].schema().is_some() {
            return Err(PublishError::ExpectedPayload { channel: channel.into(), topic: topic.into() });
        }
        let run_id = run_id.map(Cow::Borrowed);
        StartTextStream { hub: self, channel: &resolved, topic: index, run_id }.await
    }
}

/// A text stream to start, which starts when awaited. Returned by [`Hub::stream`].
#[must_use = "nothing is published until it is awaited"]
pub struct StartTextStream<'p> {
    hub: &'p Hub,
    channel: &'p Channel,
    topic: usize,
    run_id: Option<Cow<'p, str>>,
}

impl<'p> StartTextStream<'p> {
    /// Sets the run that the stream belongs to. Default: inside a job, the current run.
    pub fn run_id(mut self, run_id: impl Into<Cow<'p, str>>) -> Self {
        self.run_id = Some(run_id.into());
        self
    }

    async fn start(self) -> Result<TextStreamWriter, PublishError> {
        let run_id = self.run_id.map(Cow::into_owned).or_else(publish::current_run);
        let stream = loop {
            let writer = self.hub.storage().owner();
            let id = OpenStream::new_id(writer);
            let stream = Stream {
                hub: self.hub.clone(),
                channel: self.channel.clone(),
                topic: self.topic,
                run_id: run_id.clone(),
                guard: self.hub.register_stream(&id),
                writer,
                id,
            };
            match stream.append(LogKind::StreamStart, &stream.id).await {
                Ok(_) => break stream,
                // Other servers declared this one dead, and it has another number now.
                Err(PublishError::StreamEnded) if self.hub.storage().owner() != writer => {}
                Err(error) => {
                    if matches!(&error, PublishError::Storage(error) if error.may_be_committed()) {
                        tokio::spawn(stream.end_later());
                    }
                    return Err(error);
                }
            }
        };
        let (sender, receiver) = mpsc::channel(MAX_QUEUED);
        let task = tokio::spawn(stream.run(receiver));
        Ok(TextStreamWriter { sender, task, outcome: None })
    }
}

impl<'p> IntoFuture for StartTextStream<'p> {
    type Output = Result<TextStreamWriter, PublishError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'p>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}

/// Writes a text stream. Text is published at once, or joined with other text that is written within a few
/// milliseconds.
///
/// If the writer is dropped before [`end`](Self::end), the stream ends with an error, so that subscribers do not take
/// the text for complete.
#[derive(Debug)]
#[must_use = "the stream ends with an error if the writer is dropped before its end"]
pub struct TextStreamWriter {
    sender: mpsc::Sender<Write>,
    task: JoinHandle<Result<MessageId, PublishError>>,
    /// What the task returned, because it can be awaited only once.
    outcome: Option<Result<MessageId, PublishError>>,
}

#[derive(Debug)]
enum Write {
    Text(String),
    End(Ending),
}

#[derive(Debug)]
enum Ending {
    Complete,
    Failed(String),
    Stopped(String),
}

impl TextStreamWriter {
    /// Writes text of any length. Waits if text is written faster than it can be published.
    ///
    /// # Errors
    /// Returns an error if earlier text could not be published. The stream has then ended, and every later call returns
    /// the same error.
    pub async fn write(&mut self, text: &str) -> Result<(), PublishError> {
        let is_open = if text.is_empty() {
            !self.sender.is_closed()
        } else {
            self.sender.send(Write::Text(text.to_owned())).await.is_ok()
        };
        if is_open {
            return Ok(());
        }
        // While the sender exists, the task ends only after an error.
        Err(self.outcome().await.err().unwrap_or(PublishError::Closed))
    }

    /// Ends the stream: the text is complete. Returns the message id of the end.
    ///
    /// # Errors
    /// Returns an error if text or the end could not be published.
    pub async fn end(self) -> Result<MessageId, PublishError> {
        self.finish(Ending::Complete).await
    }

    /// Ends the stream before the text is complete, because something failed. Subscribers receive the reason.
    ///
    /// # Errors
    /// Returns an error if text or the end could not be published.
    pub async fn fail(self, reason: impl Into<String>) -> Result<MessageId, PublishError> {
        self.finish(Ending::Failed(reason.into())).await
    }

    /// Ends the stream before the text is complete, on purpose: for example, because a user pressed Stop. Subscribers
    /// receive the reason, and show the text as stopped rather than failed.
    ///
    /// # Errors
    /// Returns an error if text or the end could not be published.
    pub async fn stop(self, reason: impl Into<String>) -> Result<MessageId, PublishError> {
        self.finish(Ending::Stopped(reason.into())).await
    }

    async fn finish(mut self, ending: Ending) -> Result<MessageId, PublishError> {
        let _ = self.sender.send(Write::End(ending)).await;
        self.outcome().await
    }

    /// Waits until the stream has ended, and returns how.
    async fn outcome(&mut self) -> Result<MessageId, PublishError> {
        if let Some(outcome) = &self.outcome {
            return outcome.clone();
        }
        let outcome = (&mut self.task).await.unwrap_or(Err(PublishError::Closed));
        self.outcome.insert(outcome).clone()
    }
}

/// The task that appends a text stream to the log.
struct Stream {
    hub: Hub,
    channel: Channel,
    topic: usize,
    run_id: Option<String>,
    id: String,
    /// The number of this process when it started the stream.
    writer: u32,
    guard: StreamGuard,
}

impl Stream {
    /// Appends writes until the stream ends. If the storage fails, ends the stream once the storage works again, so
    /// that subscribers do not wait for the rest.
    async fn run(self, writes: mpsc::Receiver<Write>) -> Result<MessageId, PublishError> {
        let outcome = self.forward(writes).await;
        if matches!(outcome, Err(PublishError::Storage(_))) {
            tokio::spawn(self.end_later());
        }
        outcome
    }

    async fn end_later(mut self) {
        loop {
            let Self { hub, channel, topic, run_id, id, writer, guard } = self;
            let weak = hub.downgrade();
            drop(hub);
            tokio::time::sleep(RETRY_DELAY).await;
            let Some(hub) = weak.upgrade() else { return };
            self = Self { hub, channel, topic, run_id, id, writer, guard };
            let failed = Ending::Failed("failed to store the text".into());
            if !matches!(self.end(&failed).await, Err(PublishError::Storage(_))) {
                return;
            }
        }
    }

    /// Appends writes until the stream ends, in as few chunks as the interval allows.
    async fn forward(&self, mut writes: mpsc::Receiver<Write>) -> Result<MessageId, PublishError> {
        loop {
            let mut text = String::new();
            let mut next = writes.recv().await;
            while let Some(Write::Text(more)) = next {
                text.push_str(&more);
                next = if text.len() < MAX_CHUNK { writes.try_recv().ok() } else { None };
            }
            for chunk in chunks(&text) {
                self.append(LogKind::Chunk { stream_id: &self.id }, chunk).await?;
            }
            match next {
                Some(Write::End(ending)) => return self.end(&ending).await,
                None if text.is_empty() => {
                    return self
                        .end(&Ending::Failed("the publisher stopped before the end of the text".into()))
                        .await;
                }
                // More writes gather meanwhile.
                _ if text.len() < MAX_CHUNK => tokio::time::sleep(CHUNK_INTERVAL).await,
                _ => {}
            }
        }
    }

    async fn end(&self, ending: &Ending) -> Result<MessageId, PublishError> {
        let (error, is_stopped) = match ending {
            Ending::Complete => (None, false),
            Ending::Failed(reason) => (Some(reason.as_str()), false),
            Ending::Stopped(reason) => (Some(reason.as_str()), true),
        };
        Ok(self.append(LogKind::StreamEnd { error, is_stopped }, &self.id).await?.id)
    }

    /// Appends a part of the stream. An end has an idempotency key, so that a stream has one end: the storage may have
    /// stored an end and failed to say so, or another process may have ended the stream.
    async fn append(&self, kind: LogKind<'_>, text: &str) -> Result<Appended, PublishError> {
        let topic = self.channel.definition().topics[self.topic].name;
        let key = match kind {
            LogKind::StreamEnd { error, .. } => Some(IdempotencyKey::of_stream_end(&self.id, topic, error)),
            _ => None,
        };
        let envelope = Envelope { kind, channel: self.channel.name(), topic, run_id: self.run_id.as_deref() };
        let frame = DataFrame::of_text(envelope, text);
        let appended = self.hub.append(&self.channel, self.topic, frame, key, Some(self.writer)).await;
        appended.map_err(|error| match error {
            PublishError::KeyReused => PublishError::StreamEnded,
            error => error,
        })
    }
}

/// Splits text into chunks of at most [`MAX_CHUNK`] bytes, at character boundaries.
pub(crate) fn chunks(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let end = (0..=text.len().min(MAX_CHUNK)).rev().find(|at| text.is_char_boundary(*at))?;
        let (chunk, rest) = text.split_at(end);
        text = rest;
        (!chunk.is_empty()).then_some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_join_to_the_text_and_split_no_character() {
        for unit in ["a", "é", "€", "😀", "a😀é€"] {
            let text = unit.repeat(3 * MAX_CHUNK / unit.len() + 7);
            let chunks: Vec<&str> = chunks(&text).collect();
            assert_eq!(chunks.concat(), text);
            assert!(chunks.iter().all(|chunk| chunk.len() <= MAX_CHUNK && !chunk.is_empty()));
            assert!(chunks.len() <= text.len() / (MAX_CHUNK - 3) + 1);
        }
        assert_eq!(chunks("").count(), 0);
    }
}

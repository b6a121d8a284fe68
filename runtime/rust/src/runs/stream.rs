//! Text streams that survive the process that writes them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::context::{Call, Context, StopReason};
use super::step::Policy;
use super::{Run, RunError, RunsError, StepOptions};
use crate::channel::{TextStream, Topic, TypedChannel};
use crate::history::{Log, OpenStream};
use crate::hub::Hub;
use crate::storage::{
    CallKind, CallSite, Engine, Entry, NewChunk, OpenRunStream, Outcome, RunHandle, RunStream,
};
use crate::stream::chunks;
use crate::wire::{DataFrame, Envelope, LogKind};

/// The error of a text stream that is still open when its run ends.
pub(super) const ABANDONED: &str = "the run ended before this text was complete";

/// The error of a text stream in a branch that lost.
const STOPPED: &str = "the run continued without this text";

impl<C: TypedChannel> Run<C> {
    /// Writes a text stream as a step, and returns its text. Readers see one text, even if the process dies.
    ///
    /// Every chunk is recorded when it is published. If `work` fails or the process is killed, `work` is called again
    /// with the same stream still open; [`RunStreamWriter::text`] returns the text that was already written, so
    /// continue there. The stream ends when `work` returns: complete, or failed after the last attempt. If the branch
    /// that writes it loses a [`race`](Self::race), or the run is cancelled, the stream ends as stopped.
    ///
    /// ```
    /// # use fanfare::{Run, RunError, TextStream, Topic, TypedChannel};
    /// # async fn next_word(text: &str) -> Result<Option<String>, std::io::Error> { Ok(None) }
    /// # async fn job<C: TypedChannel>(run: Run<C>, topic: Topic<'_, TextStream>) -> Result<(), RunError> {
    /// let text = run
    ///     .stream("draft", topic, async |draft| {
    ///         while let Some(word) = next_word(&draft.text()).await? {
    ///             draft.write(&word).await?;
    ///         }
    ///         Ok::<_, RunError>(())
    ///     })
    ///     .await?;
    /// # drop(text);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns the error of `work` in its last attempt.
    pub async fn stream<E, F>(
        &self,
        id: &str,
        topic: Topic<'_, TextStream>,
        mut work: impl FnMut(RunStreamWriter) -> F,
    ) -> Result<String, RunError>
    where
        E: Into<RunError>,
        F: Future<Output = Result<(), E>>,
    {
        let call = self.begin(CallKind::Stream, id).await?;
        let recorded = match &call.outcome {
            Some(Outcome::Value(text)) => Ok(serde_json::from_str(text).unwrap_or_default()),
            Some(Outcome::Error(error)) => Err(error.clone()),
            begun => {
                let failures = match begun {
                    Some(Outcome::Begun { failures, due }) => call.wait_for_retry(*failures, *due).await,
                    _ => 0,
                };
                let writer = Arc::new(self.open_stream(&call, topic, begun.is_none()).await);
                let end = |outcome: &Outcome| Some(writer.end(outcome));
                let write = || {
                    let (writer, work) = (&writer, &mut work);
                    let working = work(RunStreamWriter(Arc::clone(writer)));
                    async move {
                        writer.reload_if_unsure().await;
                        working.await.map(|()| writer.state().text.clone()).map_err(Into::into)
                    }
                };
                let policy = Policy::new(&call, StepOptions::new());
                let text = policy.run::<_, RunError, _>(&call, failures, write, end).await;
                text.map(|text| serde_json::from_str(&text).unwrap_or_default())
            }
        };
        call.finish();
        recorded.map_err(RunError::fail)
    }

    async fn open_stream(&self, call: &Call, topic: Topic<'_, TextStream>, is_new: bool) -> Writer {
        let context = &self.context;
        context.begin_stream();
        let log = context.open_log(topic.channel()).await;
        let begun = if is_new { None } else { context.load_stream(&call.site).await };
        let (stream_id, state) = begun.unwrap_or_else(|| {
            // A retried run writes a stream that has ended before under a new id.
            let site = match context.retries {
                0 => call.site.to_string(),
                retries => format!("{}\n{retries}", call.site),
            };
            (OpenStream::id_for_run(self.id(), &site), State::default())
        });
        let is_started = state.next > 0;
        context.count_recorded(state.text.len()).await;
        let writer = Writer {
            context: Arc::clone(context),
            site: call.site.clone(),
            log,
            topic: topic.index(),
            stream_id,
            state: Mutex::new(state),
        };
        if !is_started {
            let start = writer.entry(LogKind::StreamStart, &writer.stream_id);
            let stream = RunStream {
                site: writer.site.clone(),
                stream_id: writer.stream_id.clone(),
                channel: topic.channel().name().to_owned(),
                topic: topic.definition().name.to_owned(),
            };
            let recording = context.engine().begin_stream(
                context.claim(),
                call.to_record(Outcome::Begun { failures: 0, due: 0 }),
                call.start.clone(),
                stream,
                start,
            );
            context.require_recorded(recording.await).await;
            context.progress();
            writer.state().next = 1;
        }
        writer
    }
}

/// Writes the text stream of a run. See [`Run::stream`].
pub struct RunStreamWriter(Arc<Writer>);

impl RunStreamWriter {
    /// Returns the text written so far, including by earlier attempts and processes.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.state().text.clone()
    }

    /// Writes a chunk of text of any length. Once this returns, the text is recorded and published.
    ///
    /// # Errors
    /// Returns an error if the text would exceed `RunsBuilder::max_step_value_bytes`. Then nothing is written.
    pub async fn write(&self, text: &str) -> Result<(), RunError> {
        let written = self.0.state().text.len();
        self.0
            .context
            .shared
            .settings
            .limits
            .check_value("the text stream", written.saturating_add(text.len()))?;
        for chunk in chunks(text) {
            self.0.write(chunk).await;
        }
        Ok(())
    }
}

/// The shared state of a stream's writers.
struct Writer {
    context: Arc<Context>,
    site: CallSite,
    log: Arc<Log>,
    topic: usize,
    stream_id: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    text: String,
    /// The number of the next chunk, from 1 on; 0 before the stream has begun.
    next: u32,
    /// A write was dropped before it returned, so the journal may hold a chunk that `text` does not.
    is_unsure: bool,
}

impl Writer {
    async fn reload_if_unsure(&self) {
        if self.state().is_unsure {
            let loaded = self.context.load_stream(&self.site).await;
            *self.state() = loaded.map(|(_, state)| state).unwrap_or_default();
        }
    }

    async fn write(&self, text: &str) {
        let number = self.state().next;
        self.state().is_unsure = true;
        let chunk = NewChunk { site: self.site.clone(), number, text: text.to_owned() };
        let entry = self.entry(LogKind::Chunk { stream_id: &self.stream_id }, text);
        let context = &self.context;
        context.count_recorded(text.len()).await;
        let recording = context.engine().write_chunk(context.claim(), chunk, entry);
        context.require_recorded(recording.await).await;
        context.progress();
        let mut state = self.state();
        state.text.push_str(text);
        state.next += 1;
        state.is_unsure = false;
    }

    /// Returns the message that ends the stream, recorded together with the outcome of its step.
    fn end(&self, outcome: &Outcome) -> Entry {
        let error = if let Outcome::Error(error) = outcome { Some(error.as_str()) } else { None };
        self.entry(LogKind::StreamEnd { error, is_stopped: false }, &self.stream_id)
    }

    fn entry(&self, kind: LogKind<'_>, text: &str) -> Entry {
        entry(&self.log, self.topic, &self.context.run_id, kind, text)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn entry(log: &Arc<Log>, topic: usize, run_id: &str, kind: LogKind<'_>, text: &str) -> Entry {
    let channel = log.channel();
    let name = channel.definition().topics[topic].name;
    let envelope = Envelope { kind, channel: channel.name(), topic: name, run_id: Some(run_id) };
    Entry { log: Arc::clone(log), topic, frame: DataFrame::of_text(envelope, text), key: None, writer: None }
}

impl Context {
    /// Returns the id and the state of an open stream, or `None` if the call has none.
    async fn load_stream(&self, site: &CallSite) -> Option<(String, State)> {
        let loading = self.engine().load_stream(self.claim().run, site.clone());
        match loading.await {
            Ok(stream) => stream.map(|OpenRunStream { stream_id, chunks }| {
                let next = u32::try_from(chunks.len() + 1).unwrap_or(u32::MAX);
                (stream_id, State { text: chunks.concat(), next, is_unsure: false })
            }),
            Err(error) => self.fail_storage(error).await,
        }
    }

    /// Ends the streams of branches that lost.
    pub(super) async fn stop_streams(&self, is_lost: impl Fn(&str) -> bool) {
        if !self.has_streams() {
            return;
        }
        let engine = self.engine();
        let stopped =
            stop_streams(self.hub(), engine, self.claim().run, &self.run_id, STOPPED, is_lost).await;
        if let Err(error) = stopped {
            self.stop(StopReason::Storage(error)).await
        }
    }
}

/// Ends the open streams of a run whose branch `is_lost` selects.
pub(super) async fn stop_streams(
    hub: &Hub,
    engine: &dyn Engine,
    run: RunHandle,
    run_id: &str,
    why: &str,
    is_lost: impl Fn(&str) -> bool,
) -> Result<(), RunsError> {
    end_streams(engine, stream_ends(hub, engine, run, run_id, why, is_lost).await?).await
}

/// Ends streams with the messages that [`stream_ends`] returned.
pub(super) async fn end_streams(engine: &dyn Engine, ends: Vec<(String, Entry)>) -> Result<(), RunsError> {
    for (stream_id, end) in ends {
        engine.end_stream(stream_id, end).await?;
    }
    Ok(())
}

/// Returns the ids of the open streams of a run whose branch `is_lost` selects, each with the message that ends it.
pub(super) async fn stream_ends(
    hub: &Hub,
    engine: &dyn Engine,
    run: RunHandle,
    run_id: &str,
    why: &str,
    is_lost: impl Fn(&str) -> bool,
) -> Result<Vec<(String, Entry)>, RunsError> {
    let mut ends = Vec::new();
    for stream in
        engine.list_open_streams(run).await?.into_iter().filter(|stream| is_lost(&stream.site.branch))
    {
        let RunStream { stream_id, channel, topic, .. } = stream;
        let Some(channel) = hub.registry().resolve(&channel) else { continue };
        let Some(topic) = channel.definition().stored_topic(&topic) else { continue };
        let log = hub.open_log(&channel).await.map_err(RunsError::from_open_error)?;
        let kind = LogKind::StreamEnd { error: Some(why), is_stopped: true };
        let end = entry(&log, topic, run_id, kind, &stream_id);
        ends.push((stream_id, end));
    }
    Ok(ends)
}

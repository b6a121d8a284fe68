//! A client of the protocol, which connects, reads, and resumes where it stopped.

use super::event_stream::EventStream;
use super::frames::{self, Frame};
use super::resume_state::{RUN_EVENTS, ResumeState};
use super::web_socket::{Refusal, WebSocket};
use super::{SharedLog, names};
use crate::log::{Entry, Gap, Id, Message, Wanted};
use crate::plan::TOPICS;
use crate::random::{between, decisions};
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long a server may take to accept a connection.
const HANDSHAKE: Duration = Duration::from_secs(3);
/// How long a server may send nothing before it has sent its heartbeat interval.
const SILENCE: Duration = Duration::from_secs(60);
const MIN_WAIT: Duration = Duration::from_millis(5);
const MAX_WAIT: Duration = Duration::from_millis(150);

/// How a client subscribes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// A WebSocket, and a `sub` with a `ref` for each channel.
    Subscribe,
    /// A WebSocket that is opened with a token, which subscribes.
    Connect,
    /// `POST sse`, with a `sub` for each channel.
    PostedEvents,
    /// `GET sse`, resumed with `Last-Event-ID` as an `EventSource` does.
    EventSource,
}

impl Method {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Subscribe => "sub",
            Self::Connect => "connect",
            Self::PostedEvents => "post-sse",
            Self::EventSource => "event-source",
        }
    }

    /// Returns `true` if the frames of a subscription have its `ref`.
    fn is_marked(self) -> bool {
        matches!(self, Self::Subscribe | Self::PostedEvents)
    }
}

/// A client and its state across connections.
pub(super) struct Client {
    pub(super) log: SharedLog,
    method: Method,
    random: fastrand::Rng,
    channels: Vec<(String, Wanted)>,
    resume_states: Vec<ResumeState>,
    last_event_id: Option<String>,
}

/// The source of frames.
enum Source {
    WebSocket(Box<WebSocket>),
    Events(EventStream),
}

/// Whether to continue reading from a connection.
#[derive(PartialEq, Eq)]
enum Next {
    Listen,
    Leave,
}

impl Client {
    pub(super) fn new(log: &SharedLog, method: Method, seed: u64) -> Self {
        let (name, channels) = log.with(|log| {
            let channels = log.channels.iter().map(|channel| (channel.channel.clone(), channel.wanted));
            (log.subscriber.clone(), channels.collect::<Vec<_>>())
        });
        Self {
            log: log.clone(),
            method,
            random: decisions(seed, &name, 1),
            resume_states: vec![ResumeState::default(); channels.len()],
            channels,
            last_event_id: None,
        }
    }

    pub(super) async fn run(mut self, port: u16, token: String) {
        loop {
            match timeout(HANDSHAKE, self.open(port, &token)).await {
                Ok(Ok(source)) => self.listen(source).await,
                Ok(Err(Refusal::Status(status))) if status != 503 => {
                    self.report_violation(format!("refused with {status}"));
                }
                Ok(Err(_)) | Err(_) => {}
            }
            let wait = between(&mut self.random, MIN_WAIT, MAX_WAIT);
            sleep(wait).await;
        }
    }

    async fn open(&self, port: u16, token: &str) -> Result<Source, Refusal> {
        match self.method {
            Method::Connect => {
                let protocols = format!("fanfare.v1, bearer.{token}");
                let query = format!("?since={}", percent_encode(&self.since().to_string()));
                let socket = WebSocket::open(port, &query, &protocols).await?;
                Ok(Source::WebSocket(Box::new(socket)))
            }
            Method::Subscribe => {
                let mut socket = WebSocket::open(port, "", "fanfare.v1").await?;
                for frame in self.sub_frames(token) {
                    socket.send(frame.to_string()).await?;
                }
                Ok(Source::WebSocket(Box::new(socket)))
            }
            Method::PostedEvents => {
                let body = Value::from(self.sub_frames(token)).to_string();
                EventStream::open(port, "POST /v1/realtime/sse", "", &body).await.map(Source::Events)
            }
            Method::EventSource => {
                let since = percent_encode(&self.since().to_string());
                let start = format!("GET /v1/realtime/sse?token={token}&since={since}");
                let id = self.last_event_id.as_ref().map(|id| format!("Last-Event-ID: {id}\r\n"));
                EventStream::open(port, &start, &id.unwrap_or_default(), "").await.map(Source::Events)
            }
        }
    }

    /// Returns the cursor of each channel.
    fn since(&self) -> Value {
        let known =
            self.channels.iter().zip(&self.resume_states).filter_map(|((channel, _), resume_state)| {
                resume_state.since().map(|cursor| (channel.clone(), Value::from(cursor)))
            });
        Value::Object(known.collect::<Map<_, _>>())
    }

    /// Returns one `sub` frame per channel, whose `ref` is the index of the channel.
    fn sub_frames(&self, token: &str) -> Vec<Value> {
        let frame = |(index, (channel, wanted)): (usize, &(String, Wanted))| {
            let since = self.resume_states[index].since().map(|cursor| json!({ channel: cursor }));
            let mut frame = json!({
                "kind": "sub", "ref": index.to_string(), "data": token,
                "channel": channel, "topics": names(*wanted),
            });
            if let Some(since) = since {
                frame["since"] = since;
            }
            frame
        };
        self.channels.iter().enumerate().map(frame).collect()
    }

    /// Reads until the connection ends or is silent for too long.
    async fn listen(&mut self, mut source: Source) {
        let mut max_silence = SILENCE;
        loop {
            let next = timeout(max_silence, async {
                match &mut source {
                    Source::WebSocket(socket) => socket.next().await.map(|text| (text, None)),
                    Source::Events(stream) => stream.next().await.map(|event| (event.data, event.id)),
                }
            });
            let Ok(Some((text, id))) = next.await else { return };
            let frames = match frames::read(&text) {
                Ok(frames) => frames,
                Err(error) => {
                    return self.report_violation(format!("an invalid frame: {error}: {text}"));
                }
            };
            for frame in frames {
                if let ("alive", Some(milliseconds)) = (frame.kind.as_str(), frame.next_in) {
                    max_silence = Duration::from_millis(milliseconds).mul_f64(2.5);
                }
                if self.take(&frame) == Next::Leave {
                    return;
                }
            }
            self.last_event_id = id.or(self.last_event_id.take());
        }
    }

    fn take(&mut self, frame: &Frame) -> Next {
        let known = match frame.kind.as_str() {
            "ready" => self.ready(frame),
            "data" => self.message(frame),
            "run" => self.run_event(frame),
            "gap" => self.gap(frame),
            "closing" | "unsubscribed" => return Next::Leave,
            "error" if frame.code.as_deref() == Some("unavailable") => return Next::Leave,
            "error" => None,
            _ => Some(()),
        };
        if known.is_some() {
            return Next::Listen;
        }
        let text = frame.message.as_deref().unwrap_or_default();
        self.report_violation(format!("an unexpected frame: {text} {frame:?}"));
        Next::Leave
    }

    fn ready(&mut self, frame: &Frame) -> Option<()> {
        let channel = self.channel_of(frame)?;
        self.resume_states[channel].ready(frame.position.as_deref()?).then_some(())?;
        self.log.with(|log| log.channels[channel].ready = true);
        Some(())
    }

    fn message(&mut self, frame: &Frame) -> Option<()> {
        let channel = self.channel_of(frame)?;
        let topic = TOPICS.iter().position(|topic| Some(*topic) == frame.topic.as_deref())?;
        let id = Id::new(frame.id.as_deref()?)?;
        let message = Message { id, number: frame.data.as_ref()?.number?, topic: u8::try_from(topic).ok()? };
        let is_new = self.resume_states[channel].message(topic, id);
        self.log.with(|log| {
            if is_new {
                log.channels[channel].entries.push(Entry::Message(message));
            } else {
                log.duplicates += 1;
            }
        });
        Some(())
    }

    /// Run events are part of the log and must arrive once, as messages do.
    fn run_event(&mut self, frame: &Frame) -> Option<()> {
        let channel = self.channel_of(frame)?;
        if !self.resume_states[channel].message(RUN_EVENTS, Id::new(frame.id.as_deref()?)?) {
            self.log.with(|log| log.duplicates += 1);
        }
        Some(())
    }

    fn gap(&mut self, frame: &Frame) -> Option<()> {
        let channel = self.channel_of(frame)?;
        let gap =
            Gap { after: Id::new(frame.after.as_deref()?)?, before: Id::new(frame.before.as_deref()?)? };
        self.resume_states[channel].gap(gap);
        self.log.with(|log| log.channels[channel].entries.push(Entry::Gap(Box::new(gap))));
        Some(())
    }

    /// Returns the index of a frame's channel, or `None` if the frame is not marked correctly.
    fn channel_of(&self, frame: &Frame) -> Option<usize> {
        let name = frame.channel.as_deref()?;
        let channel = self.channels.iter().position(|(channel, _)| channel == name)?;
        let mark = self.method.is_marked().then(|| channel.to_string());
        (frame.reference == mark).then_some(channel)
    }

    fn report_violation(&self, violation: String) {
        self.log.with(|log| log.violations.push(violation));
    }
}

/// Percent-encodes a text.
pub(crate) fn percent_encode(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

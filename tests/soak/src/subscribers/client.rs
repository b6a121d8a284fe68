//! A client of the protocol: connects, listens, and resumes where it stopped, for as long as it is let.

use super::event_stream::EventStream;
use super::frames::{self, Frame};
use super::place::{NEWS, Place};
use super::web_socket::{Refusal, WebSocket};
use super::{SharedLog, names};
use crate::log::{Entry, Gap, Id, Message, Wanted};
use crate::plan::TOPICS;
use crate::random::{between, decisions};
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// A server that does not confirm a connection in this time is left.
const HANDSHAKE: Duration = Duration::from_secs(3);
/// A server that has not told how often it shows that it is there may be silent for so long.
const SILENCE: Duration = Duration::from_secs(60);
const SHORTEST_WAIT: Duration = Duration::from_millis(5);
const LONGEST_WAIT: Duration = Duration::from_millis(150);

/// How a client subscribes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// A WebSocket, and a `sub` with a `ref` for each channel.
    Subscribe,
    /// A WebSocket that subscribes with its token when it is opened.
    Connect,
    /// `POST sse`, with a `sub` for each channel.
    PostedEvents,
    /// `GET sse`, resumed with `Last-Event-ID` as an `EventSource` does.
    EventSource,
}

impl Way {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Subscribe => "sub",
            Self::Connect => "connect",
            Self::PostedEvents => "post-sse",
            Self::EventSource => "event-source",
        }
    }

    /// Whether all that belongs to a subscription is marked with its `ref`.
    fn is_marked(self) -> bool {
        matches!(self, Self::Subscribe | Self::PostedEvents)
    }
}

/// A client and all that it remembers from one connection to the next.
pub(super) struct Client {
    pub(super) log: SharedLog,
    way: Way,
    random: fastrand::Rng,
    channels: Vec<(String, Wanted)>,
    places: Vec<Place>,
    last_event_id: Option<String>,
}

/// Where frames come from.
enum Source {
    WebSocket(Box<WebSocket>),
    Events(EventStream),
}

/// Whether a connection is worth listening to any more.
#[derive(PartialEq, Eq)]
enum Next {
    Listen,
    Leave,
}

impl Client {
    pub(super) fn new(log: &SharedLog, way: Way, seed: u64) -> Self {
        let (name, channels) = log.with(|log| {
            let channels = log.channels.iter().map(|channel| (channel.channel.clone(), channel.wanted));
            (log.subscriber.clone(), channels.collect::<Vec<_>>())
        });
        Self {
            log: log.clone(),
            way,
            random: decisions(seed, &name, 1),
            places: vec![Place::default(); channels.len()],
            channels,
            last_event_id: None,
        }
    }

    pub(super) async fn run(mut self, door: u16, token: String) {
        loop {
            match timeout(HANDSHAKE, self.open(door, &token)).await {
                Ok(Ok(source)) => self.listen(source).await,
                Ok(Err(Refusal::Status(status))) if status != 503 => {
                    self.complain(format!("refused with {status}"));
                }
                Ok(Err(_)) | Err(_) => {}
            }
            let wait = between(&mut self.random, SHORTEST_WAIT, LONGEST_WAIT);
            sleep(wait).await;
        }
    }

    async fn open(&self, door: u16, token: &str) -> Result<Source, Refusal> {
        match self.way {
            Way::Connect => {
                let protocols = format!("fanfare.v1, bearer.{token}");
                let query = format!("?since={}", encoded(&self.since().to_string()));
                let socket = WebSocket::open(door, &query, &protocols).await?;
                Ok(Source::WebSocket(Box::new(socket)))
            }
            Way::Subscribe => {
                let mut socket = WebSocket::open(door, "", "fanfare.v1").await?;
                for frame in self.sub_frames(token) {
                    socket.send(frame.to_string()).await?;
                }
                Ok(Source::WebSocket(Box::new(socket)))
            }
            Way::PostedEvents => {
                let body = Value::from(self.sub_frames(token)).to_string();
                EventStream::open(door, "POST /v1/realtime/sse", "", &body).await.map(Source::Events)
            }
            Way::EventSource => {
                let since = encoded(&self.since().to_string());
                let start = format!("GET /v1/realtime/sse?token={token}&since={since}");
                let id = self.last_event_id.as_ref().map(|id| format!("Last-Event-ID: {id}\r\n"));
                EventStream::open(door, &start, &id.unwrap_or_default(), "").await.map(Source::Events)
            }
        }
    }

    /// Where each channel resumes.
    fn since(&self) -> Value {
        let known = self.channels.iter().zip(&self.places).filter_map(|((channel, _), place)| {
            place.since().map(|cursor| (channel.clone(), Value::from(cursor)))
        });
        Value::Object(known.collect::<Map<_, _>>())
    }

    /// A subscription a channel; its `ref` is the channel's place in the list.
    fn sub_frames(&self, token: &str) -> Vec<Value> {
        let frame = |(index, (channel, wanted)): (usize, &(String, Wanted))| {
            let since = self.places[index].since().map(|cursor| json!({ channel: cursor }));
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

    /// Listens until the connection ends, or is silent for too long.
    async fn listen(&mut self, mut source: Source) {
        let mut longest_silence = SILENCE;
        loop {
            let next = timeout(longest_silence, async {
                match &mut source {
                    Source::WebSocket(socket) => socket.next().await.map(|text| (text, None)),
                    Source::Events(stream) => stream.next().await.map(|event| (event.data, event.id)),
                }
            });
            let Ok(Some((text, id))) = next.await else { return };
            let frames = match frames::read(&text) {
                Ok(frames) => frames,
                Err(error) => return self.complain(format!("a frame that cannot be read: {error}: {text}")),
            };
            for frame in frames {
                if let ("alive", Some(milliseconds)) = (frame.kind.as_str(), frame.next_in) {
                    longest_silence = Duration::from_millis(milliseconds).mul_f64(2.5);
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
            "run" => self.news(frame),
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
        self.complain(format!("a frame that should not be sent: {text} {frame:?}"));
        Next::Leave
    }

    fn ready(&mut self, frame: &Frame) -> Option<()> {
        let channel = self.channel_of(frame)?;
        self.places[channel].ready(frame.position.as_deref()?).then_some(())?;
        self.log.with(|log| log.channels[channel].ready = true);
        Some(())
    }

    fn message(&mut self, frame: &Frame) -> Option<()> {
        let channel = self.channel_of(frame)?;
        let topic = TOPICS.iter().position(|topic| Some(*topic) == frame.topic.as_deref())?;
        let id = Id::new(frame.id.as_deref()?)?;
        let message = Message { id, number: frame.data.as_ref()?.number?, topic: u8::try_from(topic).ok()? };
        let is_news = self.places[channel].message(topic, id);
        self.log.with(|log| {
            if is_news {
                log.channels[channel].entries.push(Entry::Message(message));
            } else {
                log.kept_back += 1;
            }
        });
        Some(())
    }

    /// News of runs stand in the log as messages do, and come once as they do.
    fn news(&mut self, frame: &Frame) -> Option<()> {
        let channel = self.channel_of(frame)?;
        if !self.places[channel].message(NEWS, Id::new(frame.id.as_deref()?)?) {
            self.log.with(|log| log.kept_back += 1);
        }
        Some(())
    }

    fn gap(&mut self, frame: &Frame) -> Option<()> {
        let channel = self.channel_of(frame)?;
        let gap =
            Gap { after: Id::new(frame.after.as_deref()?)?, before: Id::new(frame.before.as_deref()?)? };
        self.places[channel].gap(gap);
        self.log.with(|log| log.channels[channel].entries.push(Entry::Gap(Box::new(gap))));
        Some(())
    }

    /// Which channel a frame is of. Nothing where it is not marked as it should be.
    fn channel_of(&self, frame: &Frame) -> Option<usize> {
        let name = frame.channel.as_deref()?;
        let channel = self.channels.iter().position(|(channel, _)| channel == name)?;
        let mark = self.way.is_marked().then(|| channel.to_string());
        (frame.reference == mark).then_some(channel)
    }

    fn complain(&self, complaint: String) {
        self.log.with(|log| log.complaints.push(complaint));
    }
}

/// Text as a part of a URL.
pub(crate) fn encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

//! A reader, which subscribes, disconnects, and resumes as `PROTOCOL.md` specifies, at any server.

use super::cluster::{Cluster, Counts, Phase};
use super::order::{Content, Row, TOPICS, topic_index};
use super::time::{now_in_milliseconds, parse_milliseconds};
use crate::log::{Gap, Id, MessageId};
use crate::random::{between, decisions};
use crate::subscribers::client::percent_encode;
use crate::subscribers::event_stream::EventStream;
use crate::subscribers::frames::{self, Frame};
use crate::subscribers::resume_state::ResumeState;
use crate::subscribers::web_socket::{Refusal, WebSocket};
use crate::{Result, SIGNING_KEY, http};
use serde_json::{Map, Value, json};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// The time within which a server must answer, or the reader disconnects.
const HANDSHAKE: Duration = Duration::from_secs(3);
/// The time after which the reader disconnects if the server sends nothing, not even `alive`.
const SILENCE: Duration = Duration::from_secs(4);
const RETRY: Duration = Duration::from_millis(50);

/// The endpoint with which a reader subscribes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Subscribe,
    Connect,
    PostedEvents,
    EventSource,
}

pub(super) const METHODS: [Method; 4] =
    [Method::Subscribe, Method::Connect, Method::PostedEvents, Method::EventSource];

/// The cursor that a reader sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    New,
    Start,
    Cursor(String),
}

/// An event that a reader received, with the time in milliseconds since 1970.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Ready { sent: Sent, position: String, at: i64 },
    Message(Row),
    Gap { after: MessageId, before: MessageId, at: i64 },
}

/// Everything that a reader received from one channel.
pub(super) struct Record {
    pub(super) reader: String,
    /// The index of the channel.
    pub(super) channel: usize,
    pub(super) topics: [bool; TOPICS.len()],
    pub(super) events: Vec<Event>,
    /// Whether it stayed until the end.
    pub(super) is_last: bool,
}

/// The state of a reader that other tasks read.
#[derive(Default)]
pub(super) struct Shared {
    /// Odd while it is connected.
    pub(super) connection: AtomicU64,
    pub(super) server: AtomicUsize,
    /// The number of its channels that are ready on this connection.
    pub(super) ready: AtomicUsize,
    token_id: Mutex<String>,
}

impl Shared {
    pub(super) fn token_id(&self) -> String {
        self.token_id.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(super) struct Reader {
    pub(super) cluster: Arc<Cluster>,
    pub(super) shared: Arc<Shared>,
    pub(super) name: String,
    pub(super) method: Method,
    /// Whether it starts with the history.
    pub(super) reads_history: bool,
    /// The number of times that it connects before it leaves. `None` to stay and never disconnect on purpose.
    pub(super) connections: Option<u32>,
    /// The only server that it connects to, if any.
    pub(super) server: Option<usize>,
    pub(super) subscriptions: Vec<Subscription>,
    random: fastrand::Rng,
    token: Option<(String, String)>,
    tokens: u32,
    last_event_id: Option<String>,
    is_complete: bool,
}

pub(super) struct Subscription {
    channel: usize,
    topics: [bool; TOPICS.len()],
    resume_state: ResumeState,
    sent: Sent,
    events: Vec<Event>,
    /// The last message of each topic, or the end of a later gap.
    reached: [Option<Id>; TOPICS.len()],
    is_ready: bool,
}

impl Subscription {
    pub(super) fn new(channel: usize, topics: [bool; TOPICS.len()]) -> Self {
        let (resume_state, events) = (ResumeState::default(), Vec::new());
        Self {
            channel,
            topics,
            resume_state,
            sent: Sent::New,
            events,
            reached: Default::default(),
            is_ready: false,
        }
    }

    fn topic_names(&self) -> Vec<&'static str> {
        let wanted = TOPICS.iter().zip(self.topics).filter(|(_, wanted)| *wanted);
        wanted.map(|(topic, _)| topic.name).collect()
    }
}

enum Source {
    WebSocket(Box<WebSocket>),
    Events(EventStream),
}

/// The last message of each channel and topic.
pub(super) type Marks = Vec<[Option<Id>; TOPICS.len()]>;

/// Makes a reader disconnect at once.
struct Leave;

impl Reader {
    pub(super) fn new(
        cluster: &Arc<Cluster>,
        name: String,
        method: Method,
        subscriptions: Vec<Subscription>,
    ) -> Self {
        Self {
            random: decisions(cluster.seed, &name, 0),
            cluster: Arc::clone(cluster),
            shared: Arc::default(),
            name,
            method,
            reads_history: false,
            connections: None,
            server: None,
            subscriptions,
            token: None,
            tokens: 0,
            last_event_id: None,
            is_complete: false,
        }
    }

    /// Reads until the reader leaves or the round is over.
    pub(super) async fn run(mut self, marks: Arc<Mutex<Option<Marks>>>) -> Vec<Record> {
        let mut connected = 0;
        let stays = loop {
            if self.cluster.is(Phase::Over) {
                break true;
            }
            let leaves = self.connections.is_some_and(|connections| connected >= connections);
            if leaves && self.cluster.is(Phase::Faults) {
                break false;
            }
            let Some((server, port)) = self.choose() else {
                sleep(RETRY).await;
                continue;
            };
            match timeout(HANDSHAKE, self.open(port)).await {
                Ok(Ok(source)) => {
                    connected += 1;
                    Counts::add(&self.cluster.counts.connections);
                    self.shared.server.store(server, Ordering::Relaxed);
                    self.shared.connection.fetch_add(1, Ordering::Relaxed);
                    self.listen(source, &marks).await;
                    self.shared.ready.store(0, Ordering::Relaxed);
                    self.shared.connection.fetch_add(1, Ordering::Relaxed);
                }
                Ok(Err(Refusal::Status(401))) => self.lose_token("refused with 401"),
                Ok(Err(Refusal::Status(status))) if status != 503 => {
                    self.report_violation(&format!("refused with {status}"));
                }
                Ok(Err(_)) | Err(_) => {}
            }
            sleep(self.pause()).await;
        };
        let Self { subscriptions, name, .. } = self;
        let records = subscriptions.into_iter().map(|subscription| Record {
            reader: name.clone(),
            channel: subscription.channel,
            topics: subscription.topics,
            events: subscription.events,
            is_last: stays,
        });
        records.collect()
    }

    fn choose(&mut self) -> Option<(usize, u16)> {
        if let Some(server) = self.server {
            return Some((server, self.cluster.any_port(server)?));
        }
        let server = self.random.usize(0..self.cluster.servers());
        Some((server, self.cluster.port(server)?))
    }

    /// Returns a pause that is mostly short, and sometimes longer than a short history.
    fn pause(&mut self) -> Duration {
        if self.connections.is_none() || !self.cluster.is(Phase::Faults) {
            return RETRY;
        }
        let longest = if self.random.u8(0..8) == 0 { 7000 } else { 800 };
        between(&mut self.random, Duration::from_millis(5), Duration::from_millis(longest))
    }

    async fn open(&mut self, port: u16) -> std::result::Result<Source, Refusal> {
        let token = match &self.token {
            Some((token, _)) => token.clone(),
            None => self.mint_token(port).await.map_err(|_| Refusal::Broken)?,
        };
        for subscription in &mut self.subscriptions {
            let start = if self.reads_history { Sent::Start } else { Sent::New };
            subscription.sent = subscription.resume_state.since().map_or(start, Sent::Cursor);
            subscription.is_ready = false;
        }
        let since = self.since();
        let query = percent_encode(&since.to_string());
        match self.method {
            Method::Connect => {
                let protocols = format!("fanfare.v1, bearer.{token}");
                let socket = WebSocket::open(port, &format!("?since={query}"), &protocols).await?;
                Ok(Source::WebSocket(Box::new(socket)))
            }
            Method::Subscribe => {
                let mut socket = WebSocket::open(port, "", "fanfare.v1").await?;
                for frame in self.subs(&token, &since) {
                    socket.send(frame.to_string()).await?;
                }
                Ok(Source::WebSocket(Box::new(socket)))
            }
            Method::PostedEvents => {
                let body = Value::from(self.subs(&token, &since)).to_string();
                EventStream::open(port, "POST /v1/realtime/sse", "", &body).await.map(Source::Events)
            }
            Method::EventSource => {
                let id = self.last_event_id.clone();
                if let Some(Ok(Value::Object(cursors))) = id.as_deref().map(serde_json::from_str) {
                    self.resume_from(&cursors);
                }
                let start = format!("GET /v1/realtime/sse?token={token}&since={query}");
                let id = id.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
                EventStream::open(port, &start, &id, "").await.map(Source::Events)
            }
        }
    }

    /// Checks that `Last-Event-ID`, which takes precedence over `since`, is the same cursor.
    fn resume_from(&mut self, cursors: &Map<String, Value>) {
        for index in 0..self.subscriptions.len() {
            let subscription = &mut self.subscriptions[index];
            let Some(cursor) = cursors.get(&self.cluster.channels[subscription.channel]) else { continue };
            let cursor = cursor.as_str().unwrap_or_default();
            let known = std::mem::replace(&mut subscription.sent, Sent::Cursor(cursor.to_owned()));
            if matches!(&known, Sent::Cursor(known) if known != cursor) {
                self.report_violation(&format!("an event has the id {cursor}, but the cursor is {known:?}"));
            }
        }
    }

    async fn mint_token(&mut self, port: u16) -> Result<String> {
        let entries: Vec<Value> = self
            .subscriptions
            .iter()
            .flat_map(|subscription| {
                let channel = &self.cluster.channels[subscription.channel];
                let names = subscription.topic_names().into_iter();
                names.map(move |name| json!({ "channel": channel, "name": name, "kind": "run" }))
            })
            .collect();
        self.tokens += 1;
        let id = format!("{}-{}", self.name, self.tokens);
        let start = format!("POST /v1/realtime/token?expires_in=86400&id={id}");
        let bearer = format!("Authorization: Bearer {SIGNING_KEY}\r\n");
        let response = http::request(port, &start, &bearer, &Value::from(entries).to_string()).await?;
        let answer: Value = serde_json::from_slice(&response.body)?;
        let token = answer["jwt"].as_str().ok_or_else(|| format!("no token: {answer}"))?.to_owned();
        self.token = Some((token.clone(), id.clone()));
        *self.shared.token_id.lock().unwrap_or_else(PoisonError::into_inner) = id;
        Ok(token)
    }

    fn since(&self) -> Value {
        let cursors = self.subscriptions.iter().filter_map(|subscription| {
            let cursor = match &subscription.sent {
                Sent::New => return None,
                Sent::Start => "start".to_owned(),
                Sent::Cursor(cursor) => cursor.clone(),
            };
            Some((self.cluster.channels[subscription.channel].clone(), Value::from(cursor)))
        });
        Value::Object(cursors.collect())
    }

    fn subs(&self, token: &str, since: &Value) -> Vec<Value> {
        let sub = |(index, subscription): (usize, &Subscription)| {
            let channel = &self.cluster.channels[subscription.channel];
            let mut frame = json!({
                "kind": "sub", "ref": index.to_string(), "data": token,
                "channel": channel, "topics": subscription.topic_names(),
            });
            if let Some(cursor) = since.get(channel) {
                frame["since"] = json!({ channel: cursor });
            }
            frame
        };
        self.subscriptions.iter().enumerate().map(sub).collect()
    }

    /// Reads until the connection ends or the reader disconnects.
    async fn listen(&mut self, mut source: Source, marks: &Mutex<Option<Marks>>) {
        let mut phase = self.cluster.phase.subscribe();
        let longest = if self.random.bool() { 300 } else { 3000 };
        let cut = Instant::now()
            + between(&mut self.random, Duration::from_millis(5), Duration::from_millis(longest));
        loop {
            let is_cut = self.connections.is_some() && *phase.borrow() == Phase::Faults;
            let next = async {
                match &mut source {
                    Source::WebSocket(socket) => {
                        let next = socket.next().await;
                        next.map(|text| (text, None)).ok_or(socket.close_code)
                    }
                    Source::Events(stream) => {
                        stream.next().await.map(|event| (event.data, event.id)).ok_or(None)
                    }
                }
            };
            let next = tokio::select! {
                biased;
                _ = phase.wait_for(|phase| *phase == Phase::Over) => return,
                () = sleep_until(cut), if is_cut => return,
                next = timeout(SILENCE, next) => next,
            };
            let (text, id) = match next {
                Ok(Ok(next)) => next,
                Ok(Err(code)) => return self.handle_close(code),
                Err(_) => return,
            };
            let frames = match frames::read(&text) {
                Ok(frames) => frames,
                Err(error) => return self.report_violation(&format!("cannot read a frame: {error}: {text}")),
            };
            for frame in frames {
                if let Err(Leave) = self.take(frame, &text) {
                    return;
                }
            }
            self.last_event_id = id.or(self.last_event_id.take());
            if !self.is_complete && self.has_all(marks) {
                self.is_complete = true;
                self.cluster.counts.complete.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn handle_close(&mut self, code: Option<u16>) {
        match code {
            Some(4403) => self.lose_token("closed with 4403"),
            None | Some(1000 | 1001 | 1006 | 1011) => {}
            Some(code) => self.report_violation(&format!("closed with {code}")),
        }
    }

    fn has_all(&self, marks: &Mutex<Option<Marks>>) -> bool {
        let marks = marks.lock().unwrap_or_else(PoisonError::into_inner);
        marks.as_ref().is_some_and(|marks| {
            self.subscriptions.iter().all(|subscription| {
                let all = subscription.reached.iter().zip(&marks[subscription.channel]);
                all.zip(subscription.topics).all(|((reached, mark), wanted)| !wanted || reached >= mark)
            })
        })
    }

    fn take(&mut self, frame: Frame, text: &str) -> std::result::Result<(), Leave> {
        let taken = match frame.kind.as_str() {
            "alive" | "subscribed" | "caught-up" => return Ok(()),
            "closing" => return Err(Leave),
            "error" if frame.code.as_deref() == Some("unavailable") => return Err(Leave),
            "error" if frame.code.as_deref() == Some("unauthorized") => {
                self.lose_token("unauthorized");
                return Err(Leave);
            }
            "unsubscribed" if frame.code.as_deref() == Some("revoked") => {
                self.lose_token("unsubscribed");
                return Err(Leave);
            }
            "unsubscribed" | "error" => None,
            "ready" => self.ready(&frame),
            "gap" => self.gap(&frame),
            _ => self.message(frame),
        };
        if taken.is_none() {
            self.report_violation(&format!("an unexpected frame: {text}"));
            return Err(Leave);
        }
        Ok(())
    }

    fn ready(&mut self, frame: &Frame) -> Option<()> {
        let is_late = self.cluster.is(Phase::Settling);
        let subscription = self.subscription(frame)?;
        let position = frame.position.clone()?;
        if subscription.is_ready || !subscription.resume_state.ready(&position) {
            return None;
        }
        subscription.is_ready = true;
        let sent = subscription.sent.clone();
        if is_late && !matches!(sent, Sent::Cursor(_)) {
            // Messages of topics without retention may have been published before.
            let not_retained =
                TOPICS.iter().zip(&mut subscription.reached).filter(|(topic, _)| topic.retained == 0);
            not_retained.for_each(|(_, reached)| *reached = Id::new("~"));
        }
        subscription.events.push(Event::Ready { sent, position, at: now_in_milliseconds() });
        self.shared.ready.fetch_add(1, Ordering::Relaxed);
        Some(())
    }

    fn gap(&mut self, frame: &Frame) -> Option<()> {
        let (after, before) = (frame.after.as_deref()?, frame.before.as_deref()?);
        let gap = Gap { after: Id::new(after)?, before: Id::new(before)? };
        let (after, before) = (after.parse().ok()?, before.parse().ok()?);
        let subscription = self.subscription(frame)?;
        subscription.resume_state.gap(gap);
        subscription.reached.iter_mut().for_each(|reached| *reached = (*reached).max(Some(gap.before)));
        subscription.events.push(Event::Gap { after, before, at: now_in_milliseconds() });
        Some(())
    }

    fn message(&mut self, frame: Frame) -> Option<()> {
        let topic = frame.topic.as_deref().and_then(topic_index)?;
        let text = frame.id.clone()?;
        let (id, at) = (Id::new(&text)?, text.parse().ok()?);
        let published_at = frame.created_at.as_deref().and_then(parse_milliseconds)?;
        let subscription = self.subscription(&frame)?;
        let content = Content::from_frame(frame)?;
        // The verdict detects repeated messages.
        subscription.resume_state.message(topic, id);
        subscription.reached[topic] = subscription.reached[topic].max(Some(id));
        subscription.events.push(Event::Message(Row { at, topic, published_at, content }));
        Some(())
    }

    /// Returns the subscription of a frame, if it is marked correctly.
    fn subscription(&mut self, frame: &Frame) -> Option<&mut Subscription> {
        let is_marked = matches!(self.method, Method::Subscribe | Method::PostedEvents);
        let name = frame.channel.as_deref()?;
        let channels = &self.cluster.channels;
        let found = self.subscriptions.iter_mut().enumerate();
        let mut found = found.filter(|(_, subscription)| channels[subscription.channel] == name);
        let (index, subscription) = found.next()?;
        (frame.reference == is_marked.then(|| index.to_string())).then_some(subscription)
    }

    fn lose_token(&mut self, how: &str) {
        if let Some((_, id)) = self.token.take()
            && !self.cluster.is_revoked(&id)
        {
            self.report_violation(&format!("the token {id} was not revoked, but {how}"));
        }
    }

    fn report_violation(&self, what: &str) {
        self.cluster.report_violation(format!("{} by {:?}: {what}", self.name, self.method));
    }
}

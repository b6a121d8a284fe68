//! A reader: a client that follows the protocol and compares everything that it receives with the reference.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

use super::channels::{Room, topic_name, topic_of};
use super::connect::{Event, Mailbox};
use super::reference::{Content, Epoch, Id, Reference};

/// How long a frame may wait until the reference contains it.
const MAX_DELAY: Duration = Duration::from_secs(1);

pub(super) struct Reader {
    pub(super) number: usize,
    pub(super) transport: Transport,
    /// How long it pauses after each frame.
    pub(super) pause: Duration,
    pub(super) subscriptions: Vec<Subscription>,
    /// The id of its token, for revocation.
    pub(super) token: String,
    pub(super) connection: Option<Connection>,
    /// When it connects next.
    pub(super) back_at: Duration,
    /// Whether memory limits may have shortened logs, so that they contain less than definitions specify.
    pub(super) is_short: bool,
    /// The only process that it connects to.
    pub(super) only_in: Option<usize>,
    pub(super) frames: usize,
    pub(super) chunks: usize,
    pub(super) gaps: usize,
    pub(super) violations: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Events,
    /// A WebSocket that is opened with a token, which subscribes.
    Socket,
    /// A WebSocket that subscribes with frames.
    SocketWithSubs,
}

pub(super) struct Connection {
    pub(super) slot: usize,
    pub(super) mailbox: Mailbox,
    pub(super) task: tokio::task::AbortHandle,
    /// The frames that wait for the reference.
    waiting: VecDeque<String>,
    waits_since: Option<Duration>,
    /// How long ago it should have been closed because its token was revoked.
    pub(super) overdue: Duration,
}

/// One channel that a reader subscribes to.
pub(super) struct Subscription {
    pub(super) channel: usize,
    room: Room,
    pub(super) topics: Vec<Progress>,
    pub(super) cursor: String,
    epoch: u64,
    /// The offset of the latest message on this connection.
    last: u64,
    is_ready: bool,
    is_caught_up: bool,
    /// The offset up to which all messages precede `caught-up`.
    joined: u64,
    /// Whether its cursor is one offset, before which some topics may have lost messages.
    reads_history: bool,
}

/// The progress of a reader in a topic.
pub(super) struct Progress {
    pub(super) topic: usize,
    /// The offset up to which it has received every message or a gap.
    pub(super) seen: u64,
    /// The offset of the latest message that it has received.
    had: u64,
    /// Whether a text may start before `seen`, as in a history or after a gap.
    is_early: bool,
}

impl Connection {
    pub(super) fn new(slot: usize, mailbox: Mailbox, task: tokio::task::AbortHandle) -> Self {
        let (waiting, waits_since, overdue) = (VecDeque::new(), None, Duration::ZERO);
        Self { slot, mailbox, task, waiting, waits_since, overdue }
    }
}

impl Subscription {
    pub(super) fn new(channel: usize, topics: &[usize], cursor: &str) -> Self {
        let progress = |topic: &usize| Progress { topic: *topic, seen: 0, had: 0, is_early: false };
        Self {
            channel,
            room: Room::new(channel),
            topics: topics.iter().map(progress).collect(),
            cursor: cursor.to_owned(),
            epoch: 0,
            last: 0,
            is_ready: false,
            is_caught_up: false,
            joined: 0,
            reads_history: cursor == "start",
        }
    }

    pub(super) fn name(&self) -> &str {
        self.room.channel().name()
    }

    pub(super) fn topic_names(&self) -> impl Iterator<Item = &'static str> {
        self.topics.iter().map(|progress| topic_name(progress.topic))
    }

    fn is_new(&self) -> bool {
        matches!(self.cursor.as_str(), "now" | "start")
    }
}

impl Reader {
    /// Returns its cursors as `since`.
    pub(super) fn since(&self) -> Value {
        let cursors = self.subscriptions.iter().map(|sub| (sub.name().to_owned(), json!(sub.cursor)));
        Value::Object(cursors.collect())
    }

    pub(super) fn is_ready(&self) -> bool {
        self.connection.is_some() && self.subscriptions.iter().all(|sub| sub.is_ready)
    }

    /// Disconnects.
    pub(super) fn leave(&mut self, back_at: Duration) {
        if let Some(connection) = self.connection.take() {
            connection.task.abort();
        }
        self.subscriptions.iter_mut().for_each(|sub| (sub.is_ready, sub.last) = (false, 0));
        self.back_at = back_at;
    }

    fn report_violation(&mut self, what: impl std::fmt::Display) {
        // The first violation causes others.
        if self.violations.is_empty() {
            let what: Vec<char> = what.to_string().chars().collect();
            let (first, last) = what.split_at(what.len().min(200));
            let [first, last] =
                [first, &last[last.len().saturating_sub(200)..]].map(|part| part.iter().collect::<String>());
            self.violations.push(format!("{first}…{last} (reader {})", self.number));
        }
    }

    /// Handles everything that has arrived. Returns why the connection ended, if it did.
    pub(super) fn read_received(&mut self, reference: &Reference, now: Duration) -> Option<String> {
        let events = self.connection.as_ref()?.mailbox.take();
        let mut end = None;
        for event in events {
            match event {
                Event::Frame(frame) => self.connection.as_mut()?.waiting.push_back(frame),
                Event::Refused(why) => end = Some(format!("refused: {why}")),
                Event::Closed(why) => end = Some(format!("closed: {why}")),
            }
        }
        while let Some(text) = self.connection.as_mut()?.waiting.pop_front() {
            let frame: Value = serde_json::from_str(&text).unwrap_or_default();
            if !is_known(&frame, reference) {
                let connection = self.connection.as_mut()?;
                let since = *connection.waits_since.get_or_insert(now);
                if now > since + MAX_DELAY {
                    self.report_violation(format_args!("(a) {text} was never published"));
                    return Some("it received a message that was never published".into());
                }
                connection.waiting.push_front(text);
                break;
            }
            self.connection.as_mut()?.waits_since = None;
            let ended = self.receive(&frame, reference, now);
            end = end.or(ended);
        }
        end
    }

    fn receive(&mut self, frame: &Value, reference: &Reference, now: Duration) -> Option<String> {
        if let Some(frames) = frame.as_array() {
            let frames = frames.iter().filter(|frame| frame.is_object());
            return frames.filter_map(|frame| self.receive(frame, reference, now)).last();
        }
        self.frames += 1;
        let kind = frame["kind"].as_str().unwrap_or_default();
        match kind {
            "alive" | "subscribed" | "expiring" => None,
            "closing" => Some("closing".into()),
            "error" => Some(format!("error: {}", frame["code"].as_str().unwrap_or_default())),
            "unsubscribed" => Some(format!("unsubscribed: {}", frame["code"].as_str().unwrap_or_default())),
            _ => {
                let channel = frame["channel"].as_str().unwrap_or_default();
                let index = self.subscriptions.iter().position(|sub| sub.name() == channel);
                let Some(index) = index else {
                    self.report_violation(format_args!("(a) it did not subscribe to the channel of {frame}"));
                    return None;
                };
                let sub = &mut self.subscriptions[index];
                let result = match kind {
                    "ready" => sub.ready(frame, reference, now, self.is_short),
                    "gap" => {
                        self.gaps += 1;
                        sub.gap(frame, reference)
                    }
                    "caught-up" => sub.caught_up(frame),
                    _ => {
                        self.chunks += usize::from(kind == "chunk");
                        sub.message(frame, reference)
                    }
                };
                if let Err(violation) = result {
                    self.report_violation(violation);
                }
                None
            }
        }
    }

    /// Returns a description of messages that it lacks, if any.
    pub(super) fn find_missing(&self, reference: &Reference) -> Option<String> {
        if !self.is_ready() {
            return Some(format!("(c) reader {} is not connected", self.number));
        }
        for sub in &self.subscriptions {
            if !sub.is_caught_up {
                return Some(format!(
                    "(c) reader {} was not notified that it caught up with {}",
                    self.number,
                    sub.name()
                ));
            }
            for progress in &sub.topics {
                let latest =
                    reference.epoch(sub.channel, sub.epoch).map_or(0, |epoch| epoch.latest(progress.topic));
                let continues = reference.continues_after(sub.channel, sub.epoch, progress.topic);
                if latest > progress.seen || continues {
                    let (name, topic, seen) = (sub.name(), topic_name(progress.topic), progress.seen);
                    let epoch = sub.epoch;
                    return Some(format!(
                        "(c) reader {} has {topic} of {name} up to {seen} of {latest} in epoch {epoch}, which is \
                         the latest: {}",
                        self.number, !continues
                    ));
                }
            }
        }
        None
    }
}

/// Returns `true` if the reference contains all messages of a frame.
fn is_known(frame: &Value, reference: &Reference) -> bool {
    if let Some(frames) = frame.as_array() {
        return frames.iter().all(|frame| is_known(frame, reference));
    }
    let Some(id) = frame["id"].as_str().and_then(|id| id.parse::<Id>().ok()) else { return true };
    let channel = frame["channel"].as_str().and_then(Room::find);
    let epoch = channel.and_then(|channel| reference.epoch(channel, id.epoch));
    epoch.is_some_and(|epoch| epoch.entries.contains_key(&id.offset))
}

fn id_in(frame: &Value, field: &str) -> Result<Id, String> {
    frame[field].as_str().unwrap_or_default().parse()
}

impl Subscription {
    fn ready(
        &mut self,
        frame: &Value,
        reference: &Reference,
        now: Duration,
        is_short: bool,
    ) -> Result<(), String> {
        let position = frame["position"].as_str().unwrap_or_default();
        let (head, _) = position.split_once('~').unwrap_or((position, ""));
        let head: Id = head.parse()?;
        (self.is_ready, self.last) = (true, 0);
        (self.is_caught_up, self.joined) = (false, head.offset);
        let epoch = reference.epoch(self.channel, head.epoch);
        if !self.is_new() {
            // The ids of a replaced history may be smaller, so a cursor may contain two of them.
            let is_mixed = self.cursor.split_once('~').is_some_and(|(_, replayed)| replayed == position);
            if position != self.cursor && !is_mixed {
                return Err(format!(
                    "(b) it resumes at {}, but `ready` has the position {position}",
                    self.cursor
                ));
            }
            position.clone_into(&mut self.cursor);
            if position.contains('~') {
                // A later message may have replaced the retained one.
                for progress in
                    self.topics.iter_mut().filter(|progress| topic_name(progress.topic) == "status")
                {
                    let latest = epoch.map_or(0, |epoch| epoch.before_retained(progress.topic, u64::MAX - 1));
                    progress.seen = progress.seen.max(latest.min(head.offset));
                }
            }
            return Ok(());
        }
        let is_start = self.cursor == "start";
        for progress in &mut self.topics {
            let topic = progress.topic;
            progress.seen = match epoch {
                None => 0,
                Some(epoch) if is_start && is_short => epoch.latest(topic),
                Some(epoch) if is_start => epoch.before_history(&self.room, topic, now + reference.clock),
                Some(epoch) => epoch.before_retained(topic, head.offset),
            };
            progress.had = if is_start { 0 } else { progress.seen };
            progress.is_early = is_start;
        }
        self.epoch = head.epoch;
        position.clone_into(&mut self.cursor);
        Ok(())
    }

    fn caught_up(&mut self, frame: &Value) -> Result<(), String> {
        if !self.is_ready || self.is_caught_up {
            return Err(format!("(b) {frame} does not follow a `ready`"));
        }
        self.is_caught_up = true;
        Ok(())
    }

    fn gap(&mut self, frame: &Value, reference: &Reference) -> Result<(), String> {
        let before = id_in(frame, "before")?;
        if !self.is_ready {
            return Err(format!("(b) {frame} arrived before its subscription was ready"));
        }
        if before.epoch != self.epoch {
            self.epoch = before.epoch;
            self.joined = 0;
            self.reads_history = true;
            for progress in &mut self.topics {
                (progress.seen, progress.had, progress.is_early) = (before.offset - 1, 0, true);
            }
            return Ok(());
        }
        let epoch = reference.epoch(self.channel, self.epoch);
        let is_missed = epoch.is_some_and(|epoch| {
            // Losses before a new epoch are unknown.
            before.offset <= epoch.copied + 1
                || self
                    .topics
                    .iter()
                    .any(|progress| !epoch.between(progress.topic, progress.had, before.offset).is_empty())
        });
        for progress in &mut self.topics {
            progress.seen = progress.seen.max(before.offset - 1);
            progress.is_early = true;
        }
        if is_missed || self.reads_history {
            Ok(())
        } else {
            Err(format!("(d) a gap without a missed message: {frame}"))
        }
    }

    fn message(&mut self, frame: &Value, reference: &Reference) -> Result<(), String> {
        let id = id_in(frame, "id")?;
        if !self.is_ready {
            return Err(format!("(b) {frame} arrived before its subscription was ready"));
        }
        if id.epoch != self.epoch {
            return Err(format!("(b) {frame} is of another epoch than {}, without a gap", self.epoch));
        }
        if id.offset <= self.last {
            return Err(format!("(b) {frame} arrived after the offset {}", self.last));
        }
        if self.is_caught_up && id.offset <= self.joined {
            return Err(format!("(b) {frame} arrived after the reader caught up with {}", self.joined));
        }
        self.last = id.offset;
        self.advance(frame["id"].as_str().unwrap_or_default());
        let topic = frame["topic"].as_str().and_then(topic_of);
        let progress = self.topics.iter_mut().find(|progress| Some(progress.topic) == topic);
        let Some(progress) = progress else {
            return Err(format!("(a) it did not subscribe to the topic of {frame}"));
        };
        let Some(epoch) = reference.epoch(self.channel, id.epoch) else { return Ok(()) };
        // Clients ignore messages that they have received.
        if id.offset <= progress.had {
            return Ok(());
        }
        progress.take(frame, id, epoch)
    }

    /// Moves the cursor as the protocol specifies.
    fn advance(&mut self, id: &str) {
        let position = self.cursor.split_once('~').map(|(position, _)| position.to_owned());
        self.cursor = match position {
            Some(position) if *id <= *position => format!("{position}~{id}"),
            _ => id.to_owned(),
        };
    }
}

impl Progress {
    fn take(&mut self, frame: &Value, id: Id, epoch: &Epoch) -> Result<(), String> {
        let Some(entry) = epoch.entries.get(&id.offset) else { return Ok(()) };
        if entry.topic != self.topic {
            return Err(format!("(a) {frame} was published to {}", topic_name(entry.topic)));
        }
        let first = match &entry.content {
            Content::Chunk { stream, .. } => {
                let first = first_chunk(frame, stream, id.offset, self.topic, epoch);
                first
                    .ok_or_else(|| format!("(a) {frame} differs from the text that was written up to {id}"))?
            }
            _ => {
                let mut received = frame.clone();
                if let Some(received) = received.as_object_mut() {
                    received.remove("id");
                }
                if received != entry.frame {
                    return Err(format!("(a) {frame} was published as {}", entry.frame));
                }
                id.offset
            }
        };
        let lost = epoch.between(self.topic, self.seen, first);
        if let (Some(lost), false) = (lost.first(), first <= self.seen) {
            return Err(format!("(c) {frame} arrived, but {lost} of the topic was lost without a gap"));
        }
        let again = epoch.between(self.topic, first - 1, self.had + 1);
        if !again.is_empty() {
            return Err(format!("(b) {frame} repeats text that the reader has up to {}", self.had));
        }
        let too_much = epoch.between(self.topic, first - 1, self.seen + 1);
        if !too_much.is_empty() && !self.is_early {
            return Err(format!("(b) {frame} has text before {}, where the reader started", self.seen));
        }
        self.is_early &= id.offset < self.seen;
        self.had = id.offset;
        self.seen = self.seen.max(id.offset);
        Ok(())
    }
}

/// Returns the offset of the first published chunk of those that a received chunk, which ends at `last`, joins. Returns
/// `None` if the text differs.
fn first_chunk(frame: &Value, stream: &str, last: u64, topic: usize, epoch: &Epoch) -> Option<u64> {
    let mut rest = frame["data"].as_str()?;
    if frame["kind"] != "chunk" || frame["stream_id"] != stream {
        return None;
    }
    for offset in epoch.until(topic, last).iter().rev() {
        let Content::Chunk { stream: other, text } = &epoch.entries.get(offset)?.content else { return None };
        if other != stream {
            return None;
        }
        rest = rest.strip_suffix(text.as_str())?;
        if rest.is_empty() {
            return Some(*offset);
        }
    }
    None
}

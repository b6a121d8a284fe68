//! The clients of a simulation, which are outside of the processes and use any of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

use super::Counts;
use super::channels::{PAYLOADS, Room, TOPIC_COUNT};
use super::connect::{Mailbox, Target, connect};
use super::drive::Slot;
use super::publish::{Message, Outcome, Plan, Written};
use super::reader::{Connection, Reader, Subscription, Transport};
use super::reference::Reference;
use super::serve::Server;
use super::settings::Scenario;
use crate::world::World;

/// How long a process may take to answer a publisher.
const ANSWER_TIME: Duration = Duration::from_secs(7);

/// How long a process may take to end the subscriptions of a revoked token.
const REVOCATION_TIME: Duration = Duration::from_secs(1);

pub(super) struct Clients {
    world: Arc<World>,
    readers: Vec<Reader>,
    pub(super) messages: Vec<Message>,
    pub(super) written: Vec<Written>,
    revocations: BTreeMap<String, Revocation>,
    /// Whether the writer writes large batches, and so keeps up with publishers.
    is_quick: bool,
    tokens: usize,
    connections: usize,
    revoked: usize,
}

/// A token that is being revoked.
#[derive(Default)]
struct Revocation {
    /// The slot of the process that is asked to revoke it.
    slot: Option<usize>,
    answer: Arc<Mutex<Option<bool>>>,
    is_done: bool,
}

impl Clients {
    pub(super) fn new(scenario: &Scenario, world: &Arc<World>, rng: &mut Rng) -> Self {
        let readers = (0..scenario.readers).map(|number| Reader {
            number,
            transport: [Transport::Events, Transport::Socket, Transport::SocketWithSubs][rng.usize(0..3)],
            pause: Duration::from_millis(if rng.f64() < 0.15 { rng.u64(1..60) } else { 0 }),
            subscriptions: subscriptions(scenario, rng),
            token: format!("token {number}"),
            connection: None,
            back_at: Duration::from_millis(
                rng.u64(0..u64::try_from(scenario.faults_until.as_millis()).unwrap_or(1)),
            ),
            is_short: scenario.limits.is_any(),
            only_in: None,
            frames: 0,
            chunks: 0,
            gaps: 0,
            violations: Vec::new(),
        });
        Self {
            world: Arc::clone(world),
            readers: readers.collect(),
            messages: Vec::new(),
            written: Vec::new(),
            revocations: BTreeMap::new(),
            is_quick: scenario.conditions.max_batch == 64,
            tokens: scenario.readers,
            connections: 0,
            revoked: 0,
        }
    }

    /// Adds a reader without a cursor, in one process.
    pub(super) fn add_new_reader(&mut self, slot: usize, scenario: &Scenario) {
        let all: Vec<usize> = (0..TOPIC_COUNT).collect();
        let subscriptions = scenario.channels.iter().map(|channel| Subscription::new(*channel, &all, "now"));
        self.readers.push(Reader {
            number: self.readers.len(),
            transport: Transport::Events,
            pause: Duration::ZERO,
            subscriptions: subscriptions.collect(),
            token: format!("newcomer {slot}"),
            connection: None,
            back_at: Duration::ZERO,
            is_short: scenario.limits.is_any(),
            only_in: Some(slot),
            frames: 0,
            chunks: 0,
            gaps: 0,
            violations: Vec::new(),
        });
    }

    /// Lets clients publish, connect, disconnect and revoke.
    pub(super) fn act(
        &mut self,
        slots: &[Slot],
        now: Duration,
        is_busy: bool,
        scenario: &Scenario,
        rng: &mut Rng,
    ) {
        let serving: Vec<usize> = (0..slots.len()).filter(|index| slots[*index].server().is_some()).collect();
        let happens = |share: f64, rng: &mut Rng| is_busy && share > 0.0 && rng.f64() < share;
        if happens(scenario.messages, rng) {
            for _ in 0..if rng.f64() < 0.05 { rng.usize(1..40) } else { 1 } {
                let (channel, topic) = (any(&scenario.channels, rng), rng.usize(0..PAYLOADS));
                self.messages.push(Message::new(self.messages.len(), channel, topic, rng));
            }
        }
        if happens(scenario.cuts, rng) {
            let index = rng.usize(0..self.readers.len());
            if self.readers[index].connection.is_some() {
                let away = rng.u64(0..=scenario.away);
                let back_at = now + Duration::from_millis(rng.u64(0..=away));
                self.world.trace(format_args!("reader {index} leaves until {back_at:?}"));
                self.readers[index].leave(back_at);
            }
        }
        if happens(scenario.revocations, rng) {
            let token = self.readers[rng.usize(0..self.readers.len())].token.clone();
            self.revocations.entry(token).or_default();
        }
        if serving.is_empty() {
            return;
        }
        if happens(scenario.streams, rng) {
            self.start_stream(slots, any(&serving, rng), scenario, rng);
        }
        for message in &mut self.messages {
            if message.slot.is_none() && message.wanted > 0 && message.retry_at <= now {
                let slot = any(&serving, rng);
                if let Some((handle, server)) = server(slots, slot) {
                    message.publish(slot, &handle, &server.hub);
                }
            }
        }
        for (token, revocation) in &mut self.revocations {
            if !revocation.is_done && revocation.slot.is_none() {
                let slot = any(&serving, rng);
                revocation.ask(token, slot, slots, &self.world);
            }
        }
        for index in 0..self.readers.len() {
            let reader = &self.readers[index];
            if reader.connection.is_none() && reader.back_at <= now {
                let slot = reader.only_in.unwrap_or_else(|| any(&serving, rng));
                self.connect(index, slot, slots);
            }
        }
    }

    fn start_stream(&mut self, slots: &[Slot], slot: usize, scenario: &Scenario, rng: &mut Rng) {
        let Some((handle, server)) = server(slots, slot) else { return };
        let is_long = rng.f64() < scenario.long;
        let chunks = match rng.usize(0..4) {
            _ if is_long => rng.usize(1_000..20_000),
            0 => rng.usize(0..4),
            1 => rng.usize(0..300),
            _ => rng.usize(0..40),
        };
        let plan = Plan {
            number: self.written.len(),
            channel: any(&scenario.channels, rng),
            topic: rng.usize(PAYLOADS..TOPIC_COUNT),
            chunks,
            pace: if is_long { rng.u64(0..8) } else { rng.u64(0..20) },
            seed: rng.u64(..),
        };
        self.written.push(Written::start(plan, slot, &handle, &server.hub));
    }

    fn connect(&mut self, index: usize, slot: usize, slots: &[Slot]) {
        let Some((handle, server)) = server(slots, slot) else { return };
        let reader = &mut self.readers[index];
        let grants =
            reader.subscriptions.iter().map(|sub| Room::new(sub.channel).channel().grant(sub.topic_names()));
        let Some(grant) = grants.reduce(fanfare::Grant::and) else { return };
        let token = server.hub.token(grant).id(reader.token.as_str()).expires_in(Duration::from_secs(86_400));
        let token = token.mint().unwrap_or_else(|error| panic!("{error}"));
        let since = reader.since();
        let subs = || {
            reader.subscriptions.iter().enumerate().map(|(number, sub)| {
                json!({"kind": "sub", "ref": number.to_string(), "data": token, "channel": sub.name(), "since": since})
            })
        };
        let target = match reader.transport {
            Transport::Events => Target::Events(Value::Array(subs().collect()).to_string()),
            Transport::Socket => {
                let since = encode(&since.to_string());
                let address = format!("ws://localhost/v1/realtime/connect?token={token}&since={since}");
                Target::Socket { address, frames: Vec::new() }
            }
            Transport::SocketWithSubs => {
                let frames = subs().map(|sub| sub.to_string()).collect();
                Target::Socket { address: "ws://localhost/v1/realtime/connect".into(), frames }
            }
        };
        self.world.trace(format_args!("reader {index} connects to slot {slot} with {since}"));
        let mailbox = Mailbox::default();
        let task = handle.spawn(connect(server.app.clone(), target, reader.pause, mailbox.clone()));
        reader.connection = Some(Connection::new(slot, mailbox, task.abort_handle()));
        self.connections += 1;
    }

    /// Handles what clients have received in the last turn.
    pub(super) fn read_received(
        &mut self,
        slots: &[Slot],
        reference: &Reference,
        now: Duration,
        is_locked: bool,
        rng: &mut Rng,
    ) {
        let mut late = None;
        for message in &mut self.messages {
            let Some(slot) = message.slot else { continue };
            match message.answer() {
                Some(Ok(id)) => {
                    message.ids.push(id);
                    message.wanted -= 1;
                    message.slot = None;
                    message.retry_at = now + Duration::from_millis(rng.u64(0..3000));
                }
                Some(Err(error)) => {
                    self.world.trace(format_args!("message {}: {error}", message.number));
                    if error.contains("idempotency key") {
                        self.world.report_violation(format_args!("(e) message {}: {error}", message.number));
                    }
                    message.slot = None;
                    message.retry_at = now + Duration::from_millis(rng.u64(0..1000));
                }
                None => {
                    message.waited += slots[slot].state.executed;
                    late = late.max(Some((message.waited, message.number)));
                }
            }
        }
        if let Some((waited, number)) = late.filter(|(waited, _)| self.is_quick && *waited > ANSWER_TIME) {
            self.world
                .report_violation(format_args!("(h) message {number} is not answered after {waited:?}"));
        }
        for revocation in self.revocations.values_mut() {
            match revocation.answer.lock().unwrap_or_else(PoisonError::into_inner).take() {
                Some(true) => (revocation.is_done, self.revoked) = (true, self.revoked + 1),
                Some(false) => revocation.slot = None,
                None => {}
            }
        }
        for index in 0..self.readers.len() {
            self.read_connection(index, slots, reference, now, is_locked, rng);
        }
    }

    fn read_connection(
        &mut self,
        index: usize,
        slots: &[Slot],
        reference: &Reference,
        now: Duration,
        is_locked: bool,
        rng: &mut Rng,
    ) {
        let reader = &mut self.readers[index];
        let before = (reader.frames, reader.gaps);
        let end = reader.read_received(reference, now);
        if before != (reader.frames, reader.gaps) {
            let cursors = reader.since();
            let (frames, gaps) = (reader.frames, reader.gaps);
            self.world.trace(format_args!("reader {index} has {frames} frames, {gaps} gaps, {cursors}"));
        }
        for violation in reader.violations.drain(..) {
            self.world.report_violation(violation);
        }
        let revocation = self.revocations.get(&reader.token);
        if let Some(end) = end {
            self.world.trace(format_args!("reader {index} is ended: {end}"));
            reader.leave(now + Duration::from_millis(rng.u64(0..2000)));
            if revocation.is_some() {
                self.tokens += 1;
                reader.token = format!("token {}", self.tokens);
            }
            return;
        }
        let is_revoked = revocation.is_some_and(|revocation| revocation.is_done);
        let Some(connection) = &mut reader.connection else { return };
        if is_revoked && !is_locked && reader.pause.is_zero() {
            connection.overdue += slots[connection.slot].state.executed;
            if connection.overdue > REVOCATION_TIME {
                let (token, overdue) = (&reader.token, connection.overdue);
                let what = format!("(g) reader {index} is not ended {overdue:?} after {token} was revoked");
                self.world.report_violation(what);
            }
        }
    }

    /// Forgets requests to a process that has ended.
    pub(super) fn process_died(&mut self, slot: usize, now: Duration, forgets_all: bool, rng: &mut Rng) {
        self.forget_publishers(slot, now, rng);
        for revocation in self.revocations.values_mut() {
            if revocation.slot == Some(slot) && !revocation.is_done {
                revocation.slot = None;
            }
        }
        for reader in &mut self.readers {
            if reader.connection.as_ref().is_some_and(|connection| connection.slot == slot) {
                reader.leave(now + Duration::from_millis(rng.u64(0..2000)));
            }
        }
        if forgets_all {
            self.forget_revocations();
        }
    }

    /// Assumes that publishers receive no more answers from a process.
    pub(super) fn forget_publishers(&mut self, slot: usize, now: Duration, rng: &mut Rng) {
        for message in self.messages.iter_mut().filter(|message| message.slot == Some(slot)) {
            message.slot = None;
            message.retry_at = now + Duration::from_millis(rng.u64(0..1000));
        }
        for written in &self.written {
            let mut text = written.text();
            if text.slot == slot && !text.has_died {
                text.has_died = true;
                if text.outcome == Outcome::Writing {
                    text.outcome = Outcome::Broken;
                }
            }
        }
    }

    /// Gives each reader a token that was never revoked.
    pub(super) fn forget_revocations(&mut self) {
        let revoked: BTreeSet<String> = std::mem::take(&mut self.revocations).into_keys().collect();
        for reader in self.readers.iter_mut().filter(|reader| revoked.contains(&reader.token)) {
            self.tokens += 1;
            reader.token = format!("token {}", self.tokens);
        }
    }

    /// Disconnects all readers from a process.
    pub(super) fn leave(&mut self, slot: usize, until: Duration) {
        for reader in &mut self.readers {
            if reader.connection.as_ref().is_some_and(|connection| connection.slot == slot) {
                reader.leave(until);
            }
        }
    }

    /// Returns `true` if a publisher waits for an answer, or writes.
    pub(super) fn is_waiting(&self) -> bool {
        self.messages.iter().any(|message| message.wanted > 0)
            || self.written.iter().any(|written| written.text().outcome == Outcome::Writing)
    }

    /// Returns a description of messages that a reader lacks, if any.
    pub(super) fn find_missing(&self, reference: &Reference) -> Option<String> {
        self.readers.iter().find_map(|reader| reader.find_missing(reference))
    }

    pub(super) fn count(&self, counts: &mut Counts) {
        counts.readers = self.readers.len();
        counts.connections = self.connections;
        counts.frames = self.readers.iter().map(|reader| reader.frames).sum();
        counts.gaps = self.readers.iter().map(|reader| reader.gaps).sum();
        counts.streams = self.written.len();
        counts.chunks = self.written.iter().map(|written| written.text().chunks).sum();
        counts.revocations = self.revoked;
    }
}

impl Revocation {
    fn ask(&mut self, token: &str, slot: usize, slots: &[Slot], world: &Arc<World>) {
        let Some((handle, server)) = server(slots, slot) else { return };
        (self.slot, self.answer) = (Some(slot), Arc::default());
        let (answer, hub, token) = (Arc::clone(&self.answer), server.hub.clone(), token.to_owned());
        world.trace(format_args!("{token} is revoked in slot {slot}"));
        handle.spawn(async move {
            let is_revoked = hub.revoke(&token).await.is_ok();
            *answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(is_revoked);
        });
    }
}

fn subscriptions(scenario: &Scenario, rng: &mut Rng) -> Vec<Subscription> {
    let mut channels = scenario.channels.clone();
    rng.shuffle(&mut channels);
    channels.truncate(rng.usize(1..3));
    let cursor = if rng.f64() < 0.7 { "now" } else { "start" };
    let subscription = |channel: &usize| {
        let mut topics: Vec<usize> = (0..TOPIC_COUNT).filter(|_| rng.f64() < 0.6).collect();
        if topics.is_empty() {
            topics.push(rng.usize(0..TOPIC_COUNT));
        }
        Subscription::new(*channel, &topics, cursor)
    };
    channels.iter().map(subscription).collect()
}

fn server(slots: &[Slot], slot: usize) -> Option<(tokio::runtime::Handle, &Server)> {
    let slot = slots.get(slot)?;
    Some((slot.process.as_ref()?.runtime.handle().clone(), slot.server()?))
}

fn any(choices: &[usize], rng: &mut Rng) -> usize {
    choices[rng.usize(0..choices.len())]
}

/// Encodes a text for the query of an address.
fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| encoded + &format!("%{byte:02x}"))
}

//! The subscribers: clients that were written for this test and keep to the rules of `PROTOCOL.md`, and the
//! TypeScript client in Node.

pub(crate) mod client;
pub(crate) mod event_stream;
pub(crate) mod frames;
mod node;
pub(crate) mod place;
pub(crate) mod web_socket;

use crate::Result;
use crate::fault_test::{everyone, late};
use crate::log::{ChannelLog, Log, Wanted};
use crate::network::{Network, Party};
use crate::plan::{History, Plan, TOPICS};
use crate::publisher;
use crate::random::decisions;
use client::{Client, Way};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinSet;

/// A log that its subscriber still writes.
#[derive(Clone)]
pub(crate) struct SharedLog(Arc<Mutex<Log>>);

impl SharedLog {
    /// Works with the log while nobody else does.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Log) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// All subscribers of a run. Dropping them ends them.
pub(crate) struct Subscribers {
    /// What each of them was told so far.
    pub(crate) logs: Vec<SharedLog>,
    tasks: JoinSet<()>,
}

/// The ways that clients of this test take, in turn.
const WAYS: [Way; 4] = [Way::Subscribe, Way::Connect, Way::PostedEvents, Way::EventSource];

impl Subscribers {
    /// Starts all subscribers of a run. `server` is where tokens are made, which needs no faults.
    pub(crate) async fn start(plan: &Plan, network: &mut Network, server: u16, node: &Path) -> Result<Self> {
        let mut subscribers = Self { logs: Vec::new(), tasks: JoinSet::new() };
        for index in 0..plan.rust_clients {
            let way = WAYS[index % WAYS.len()];
            let name = format!("{}-rust-{index}-{}", plan.name, way.name());
            let client = Client::new(&subscribers.log(&name, plan), way, plan.seed);
            let token = token_of(&client.log, server).await?;
            subscribers.tasks.spawn(client.run(network.door(Party::Subscriber, name).await?, token));
        }
        for index in 0..plan.node_clients {
            let transport = if index % 2 == 0 { "websocket" } else { "sse" };
            let name = format!("{}-node-{index}-{transport}", plan.name);
            let log = subscribers.log(&name, plan);
            let token = token_of(&log, server).await?;
            let door = network.door(Party::Subscriber, name).await?;
            let process = node::start(node, &log, door, &token, transport)?;
            subscribers.tasks.spawn(node::listen(process, log));
        }
        Ok(subscribers)
    }

    /// Waits until every subscription stands.
    pub(crate) async fn stand(&self) -> Result {
        if everyone(&self.logs, Log::is_ready).await {
            return Ok(());
        }
        let waits = late(&self.logs, Log::is_ready);
        Err(format!("subscriptions do not come to stand: {}", waits.join(", ")).into())
    }

    /// A log for one more subscriber.
    fn log(&mut self, name: &str, plan: &Plan) -> SharedLog {
        let mut random = decisions(plan.seed, name, 0);
        let channels = plan.channels().into_iter().map(|channel| {
            let wanted = match plan.history {
                History::Wide | History::All => [true; TOPICS.len()],
                History::Narrow => some_topics(&mut random),
            };
            ChannelLog::new(channel, wanted)
        });
        let log = Log {
            subscriber: name.into(),
            channels: channels.collect(),
            kept_back: 0,
            complaints: Vec::new(),
        };
        let log = SharedLog(Arc::new(Mutex::new(log)));
        self.logs.push(log.clone());
        log
    }
}

/// Both, or only one of them.
fn some_topics(random: &mut fastrand::Rng) -> Wanted {
    [[true, true], [true, false], [false, true]][random.usize(0..3)]
}

/// A token for exactly what a subscriber wants.
async fn token_of(log: &SharedLog, server: u16) -> Result<String> {
    let topics = log.with(|log| {
        let wanted = log.channels.iter().flat_map(|channel| {
            let topics = names(channel.wanted);
            topics.into_iter().map(|topic| (channel.channel.clone(), topic))
        });
        wanted.collect::<Vec<_>>()
    });
    publisher::token(server, &topics).await
}

/// The names of the topics that are wanted.
fn names(wanted: Wanted) -> Vec<&'static str> {
    TOPICS.into_iter().zip(wanted).filter_map(|(topic, wanted)| wanted.then_some(topic)).collect()
}

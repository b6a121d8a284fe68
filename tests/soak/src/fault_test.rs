//! One run: a publisher, subscribers, a network with faults between them and the server, and a server that
//! is killed and started again.

use crate::Result;
use crate::log::{Log, Message};
use crate::network::{Network, Party};
use crate::plan::Plan;
use crate::publisher::{self, Published};
use crate::random::{between, decisions};
use crate::server::{Installation, Server};
use crate::subscribers::{SharedLog, Subscribers};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

/// How long subscriptions may take to stand, and after the run to be told the last message.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the subscribers are listened to when they have been told everything: a repeat comes late.
pub(crate) const AFTERMATH: Duration = Duration::from_millis(1_500);
const POLL: Duration = Duration::from_millis(50);

/// What a run needs, and what stays when it is over.
pub(crate) struct Stage {
    /// How to start the server again.
    pub(crate) installation: Installation,
    /// The server that runs now.
    pub(crate) server: Server,
    /// Between it and everyone else.
    pub(crate) network: Network,
    /// The program that subscribes with the TypeScript client.
    pub(crate) node: PathBuf,
}

/// A run that has begun.
pub(crate) struct Running {
    plan: Plan,
    subscribers: Subscribers,
    publishers: JoinSet<(usize, Result<Published>)>,
    /// Ends publishing before its time.
    pub(crate) over: watch::Sender<bool>,
}

/// What happened in a run.
pub(crate) struct Outcome {
    /// What was published, a channel each.
    pub(crate) published: Vec<Published>,
    /// What each subscriber was told.
    pub(crate) logs: Vec<Log>,
    /// How often the server was killed.
    pub(crate) kills: u32,
    /// Who was not told the last message in time.
    pub(crate) late: Vec<String>,
}

impl Outcome {
    /// The messages that were published, a channel each.
    pub(crate) fn messages(&self) -> Vec<Vec<Message>> {
        self.published.iter().map(|channel| channel.messages.clone()).collect()
    }
}

impl Stage {
    /// Starts a server behind a sound network.
    pub(crate) async fn set(installation: Installation, node: PathBuf, seed: u64) -> Result<Self> {
        let server = installation.start().await?;
        let network = Network::new(seed);
        network.lead_to(Some(server.port));
        Ok(Self { installation, server, network, node })
    }

    /// Plays a run from the first subscription to the last message, and lets everybody leave.
    pub(crate) async fn play(&mut self, plan: &Plan) -> Result<Outcome> {
        let running = self.begin(plan).await?;
        self.network.trouble(plan.faults);
        let start = Instant::now();
        self.kill_now_and_then(plan, start).await?;
        sleep_until(start + plan.duration).await;
        self.network.heal();
        self.end(running).await
    }

    /// Waits until every subscription stands, and begins to publish.
    pub(crate) async fn begin(&mut self, plan: &Plan) -> Result<Running> {
        let subscribers = Subscribers::start(plan, &mut self.network, self.server.port, &self.node).await?;
        subscribers.stand().await?;
        self.network.counts().begin_anew();
        let over = watch::Sender::new(false);
        let mut publishers = JoinSet::new();
        for channel in 0..plan.channels {
            let door =
                self.network.door(Party::Publisher, format!("{}-publisher-{channel}", plan.name)).await?;
            let (plan, over) = (plan.clone(), over.subscribe());
            publishers.spawn(async move { (channel, publisher::publish(plan, channel, door, over).await) });
        }
        Ok(Running { plan: plan.clone(), subscribers, publishers, over })
    }

    /// Lets the publisher end what it has begun, and waits until every subscriber was told the last message.
    pub(crate) async fn end(&mut self, running: Running) -> Result<Outcome> {
        let Running { plan, subscribers, publishers, over: _over } = running;
        let published = all_published(publishers, plan.channels).await?;
        let messages: Vec<_> = published.iter().map(|channel| &channel.messages).collect();
        let is_complete = |log: &Log| {
            log.channels.iter().zip(&messages).all(|(channel, published)| channel.is_complete(published))
        };
        everyone(&subscribers.logs, is_complete).await;
        sleep(AFTERMATH).await;
        Ok(Outcome {
            late: late(&subscribers.logs, is_complete),
            logs: subscribers.logs.iter().map(|log| log.with(std::mem::take)).collect(),
            published,
            kills: plan.kills,
        })
    }

    /// Kills the server at random times of the first three quarters, so that what it becomes last runs for
    /// long enough to show what it would leak.
    async fn kill_now_and_then(&mut self, plan: &Plan, start: Instant) -> Result {
        let mut random = decisions(plan.seed, plan.name, 1);
        let slot = plan.duration.mul_f64(0.75) / plan.kills.max(1);
        for kill in 0..plan.kills {
            let within = between(&mut random, slot.mul_f64(0.2), slot.mul_f64(0.9));
            sleep_until(start + slot * kill + within).await;
            self.network.lead_to(None);
            self.server.kill().await?;
            sleep(between(&mut random, Duration::from_millis(20), Duration::from_millis(500))).await;
            self.server = self.installation.start().await?;
            self.network.lead_to(Some(self.server.port));
        }
        Ok(())
    }
}

async fn all_published(
    mut publishers: JoinSet<(usize, Result<Published>)>,
    channels: usize,
) -> Result<Vec<Published>> {
    let mut published: Vec<Published> = (0..channels).map(|_| Published::default()).collect();
    while let Some(finished) = publishers.join_next().await {
        let (channel, messages) = finished?;
        published[channel] = messages?;
    }
    Ok(published)
}

/// Waits until something holds of every log, and tells whether it came to.
pub(crate) async fn everyone(logs: &[SharedLog], holds: impl Fn(&Log) -> bool) -> bool {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if logs.iter().all(|log| log.with(|log| holds(log) || !log.complaints.is_empty())) {
            return true;
        }
        sleep(POLL).await;
    }
    false
}

/// Whose logs something does not hold of.
pub(crate) fn late(logs: &[SharedLog], holds: impl Fn(&Log) -> bool) -> Vec<String> {
    let late = logs.iter().filter_map(|log| log.with(|log| (!holds(log)).then(|| log.subscriber.clone())));
    late.collect()
}

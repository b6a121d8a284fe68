//! The parameters of rounds.

use std::time::Duration;

/// The topics of each channel of the definition.
pub(crate) const TOPICS: [&str; 2] = ["left", "right"];

/// One round of the fault test.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The name of the round, used for channels, files and random decisions.
    pub(crate) name: &'static str,
    pub(crate) seed: u64,
    pub(crate) history: History,
    /// The number of channels.
    pub(crate) channels: usize,
    /// Messages per second on all channels.
    pub(crate) rate: u32,
    /// How long to publish.
    pub(crate) duration: Duration,
    /// The number of clients written for this test.
    pub(crate) rust_clients: usize,
    /// The number of TypeScript clients, with one Node process per client.
    pub(crate) node_clients: usize,
    /// How often the server is killed.
    pub(crate) kills: u32,
    /// The faults of the network.
    pub(crate) faults: Faults,
}

/// The history of the channels of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum History {
    /// Longer than any outage: no message may be missing.
    Wide,
    /// Shorter than most outages: gaps must cover missing messages exactly.
    Narrow,
    /// Unlimited, for the channels of runs.
    All,
}

/// The frequency and duration of network faults.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    /// The mean time until a fault of a connection.
    pub(crate) mean_interval: Duration,
    /// The maximum duration of a stall, a half-close or silent loss.
    pub(crate) max_duration: Duration,
    /// The maximum time that a client cannot reconnect after a fault ended its connection.
    pub(crate) max_outage: Duration,
    /// The percentage of such faults that are followed by an outage.
    pub(crate) outage_percent: u32,
}

impl Plan {
    /// Returns the name of a channel.
    pub(crate) fn channel(&self, index: usize) -> String {
        let definition = match self.history {
            History::Wide => "wide",
            History::Narrow => "narrow",
            History::All => "work",
        };
        format!("{definition}:{}-{index}", self.name)
    }

    /// Returns the names of all channels.
    pub(crate) fn channels(&self) -> Vec<String> {
        (0..self.channels).map(|index| self.channel(index)).collect()
    }
}

/// The size of a soak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// 50 subscribers, 2,000 messages per second, 5 kills.
    Full,
    /// 10 subscribers, 500 messages per second, 2 kills.
    Short,
}

impl Size {
    fn plan(self, name: &'static str, seed: u64, duration: Duration) -> Plan {
        let full = self == Self::Full;
        Plan {
            name,
            seed,
            history: History::Wide,
            channels: 5,
            rate: if full { 2_000 } else { 500 },
            duration,
            rust_clients: if full { 40 } else { 8 },
            node_clients: if full { 10 } else { 2 },
            kills: if full { 5 } else { 2 },
            faults: Faults {
                mean_interval: Duration::from_millis(if full { 3_000 } else { 1_500 }),
                max_duration: Duration::from_secs(4),
                max_outage: Duration::from_millis(1_500),
                outage_percent: 30,
            },
        }
    }

    /// Returns the fault test without kills, so that the server allocates everything that it ever keeps.
    pub(crate) fn warm_up(self, seed: u64, duration: Duration) -> Plan {
        Plan { kills: 0, ..self.plan("warm-up", seed, duration) }
    }

    /// Returns the fault test.
    pub(crate) fn faults(self, seed: u64, duration: Duration) -> Plan {
        self.plan("faults", seed, duration)
    }

    /// Returns a round with ten honest subscribers and a publisher that continues until it is stopped.
    pub(crate) fn honest(seed: u64) -> Plan {
        let hour = Duration::from_secs(3_600);
        Plan {
            rust_clients: 8,
            node_clients: 2,
            rate: 500,
            kills: 0,
            ..Self::Full.plan("honest", seed, hour)
        }
    }

    /// Returns the fault test with a short history and longer outages.
    pub(crate) fn gaps(self, seed: u64, duration: Duration) -> Plan {
        let plan = self.plan("gaps", seed, duration);
        let max_outage = Duration::from_secs(4);
        Plan {
            history: History::Narrow,
            faults: Faults { max_outage, outage_percent: 70, ..plan.faults },
            ..plan
        }
    }
}

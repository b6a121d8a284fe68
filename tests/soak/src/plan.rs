//! How much of everything a run has.

use std::time::Duration;

/// The topics of each channel of the definition.
pub(crate) const TOPICS: [&str; 2] = ["left", "right"];

/// One run of the fault test.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Names the run's channels, files and random decisions.
    pub(crate) name: &'static str,
    /// Decides everything that is random.
    pub(crate) seed: u64,
    /// What the channels keep.
    pub(crate) history: History,
    /// How many channels there are.
    pub(crate) channels: usize,
    /// How many messages a second are published, on all channels together.
    pub(crate) rate: u32,
    /// For how long.
    pub(crate) duration: Duration,
    /// How many subscribers are clients written for this test.
    pub(crate) rust_clients: usize,
    /// How many are the TypeScript client, each in a Node process of its own.
    pub(crate) node_clients: usize,
    /// How often the server is killed.
    pub(crate) kills: u32,
    /// What the network does.
    pub(crate) faults: Faults,
}

/// What the channels of a run keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum History {
    /// More than any outage lasts: nothing may be missing.
    Wide,
    /// Less than most outages last: what is missing must be told exactly.
    Narrow,
    /// Everything: runs are on them.
    All,
}

/// How bad the network is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    /// The mean time until something happens to a connection.
    pub(crate) every: Duration,
    /// The longest that a connection is stalled, swallowed or half closed.
    pub(crate) longest: Duration,
    /// The longest that a party cannot connect after it was cut off.
    pub(crate) outage: Duration,
    /// How often, of a hundred times, being cut off is followed by such an outage.
    pub(crate) outage_percent: u32,
}

impl Plan {
    /// The name of a channel on the wire.
    pub(crate) fn channel(&self, index: usize) -> String {
        let definition = match self.history {
            History::Wide => "wide",
            History::Narrow => "narrow",
            History::All => "work",
        };
        format!("{definition}:{}-{index}", self.name)
    }

    /// The names of all channels on the wire.
    pub(crate) fn channels(&self) -> Vec<String> {
        (0..self.channels).map(|index| self.channel(index)).collect()
    }
}

/// How large a whole soak is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// 50 subscribers, 2,000 messages a second, 5 kills.
    Full,
    /// 10 subscribers, 500 messages a second, 2 kills.
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
                every: Duration::from_millis(if full { 3_000 } else { 1_500 }),
                longest: Duration::from_secs(4),
                outage: Duration::from_millis(1_500),
                outage_percent: 30,
            },
        }
    }

    /// The same as the fault test, so that all that is ever allocated is, and without kills.
    pub(crate) fn warm_up(self, seed: u64, duration: Duration) -> Plan {
        Plan { kills: 0, ..self.plan("warm-up", seed, duration) }
    }

    /// The fault test.
    pub(crate) fn faults(self, seed: u64, duration: Duration) -> Plan {
        self.plan("faults", seed, duration)
    }

    /// Ten honest subscribers and a publisher that goes on until it is told to end.
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

    /// The fault test with a history that is too small and outages that are longer.
    pub(crate) fn gaps(self, seed: u64, duration: Duration) -> Plan {
        let plan = self.plan("gaps", seed, duration);
        let outage = Duration::from_secs(4);
        Plan {
            history: History::Narrow,
            faults: Faults { outage, outage_percent: 70, ..plan.faults },
            ..plan
        }
    }
}

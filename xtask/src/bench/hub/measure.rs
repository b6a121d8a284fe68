//! Measures one scenario of one server, except slow subscribers.

use super::super::figures::Figures;
use super::super::machine::Watch;
use super::super::statistics::Measured;
use super::load::run_client;
use super::server::{Publishes, Server};
use crate::failure::{Failure, Result};

/// How long and how often to measure.
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) milliseconds: u64,
    /// The numbers of idle subscribers.
    pub(crate) idle: &'static [usize],
    /// The numbers of messages in the history that subscribers read.
    pub(crate) replayed: &'static [usize],
    /// How long to wait until slow subscribers are dropped.
    pub(crate) slow_milliseconds: u64,
}

impl Plan {
    pub(crate) fn new(is_quick: bool, rounds: Option<usize>) -> Result<Self> {
        if rounds == Some(0) {
            return Err(Failure::new("--rounds must be at least 1"));
        }
        let mut plan = if is_quick { Self::QUICK } else { Self::FULL };
        plan.rounds = rounds.unwrap_or(plan.rounds);
        Ok(plan)
    }

    const FULL: Self = Self {
        rounds: 7,
        milliseconds: 3_000,
        idle: &[1_000, 5_000],
        replayed: &[1_000, 100_000],
        slow_milliseconds: 70_000,
    };
    const QUICK: Self =
        Self { rounds: 3, milliseconds: 1_000, idle: &[1_000], replayed: &[1_000], slow_milliseconds: 4_000 };
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scenario {
    /// 100 subscribers in a closed loop
    Crowd100,
    /// 1,000 subscribers in a closed loop
    Crowd1000,
    /// 100 subscribers at a steady rate
    Steady,
    /// One subscriber in a process that publishes as fast as it can
    One,
    /// Idle subscribers
    Idle,
    /// Subscribers that read the history
    Replay,
    /// Subscribers that do not read
    Slow,
}

impl Scenario {
    /// The scenarios that every round measures.
    pub(crate) const IN_ROUNDS: [Self; 6] =
        [Self::Crowd100, Self::Crowd1000, Self::Steady, Self::One, Self::Idle, Self::Replay];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Crowd100 => "100 subscribers",
            Self::Crowd1000 => "1,000 subscribers",
            Self::Steady => "a steady rate",
            Self::One => "one subscriber",
            Self::Idle => "idle subscribers",
            Self::Replay => "reading the history",
            Self::Slow => "slow subscribers",
        }
    }
}

/// How many messages publishing may run ahead of subscribers in a closed loop, like 16 publishers that each
/// wait until their message arrives.
pub(crate) const WINDOW: usize = 16;
/// The numbers of subscribers in a closed loop.
pub(crate) const CROWDS: [usize; 2] = [100, 1_000];
/// The number of subscribers at a steady rate, and the messages per second.
pub(crate) const STEADY: (usize, usize) = (100, 500);
/// The number of subscribers that read the history at the same time.
pub(crate) const RESUMING: usize = 100;

/// Measures one scenario of a server. Every measurement starts its own server, so that it inherits no state from
/// another.
pub(crate) fn measure(server: &Server, scenario: Scenario, plan: &Plan, measured: &mut Measured) -> Result {
    let time = plan.milliseconds;
    let mut crowd = |subscribers: usize| {
        let mode = server.publishes.mode();
        let arguments =
            format!("--mode {mode} --window {WINDOW} --subscribers {subscribers} --milliseconds {time}");
        add(server, &format!("crowd {subscribers}"), &[&arguments], measured)
    };
    match scenario {
        Scenario::Crowd100 => crowd(CROWDS[0]),
        Scenario::Crowd1000 => crowd(CROWDS[1]),
        Scenario::Steady => {
            let (subscribers, rate) = STEADY;
            let arguments =
                format!("--mode steady --rate {rate} --subscribers {subscribers} --milliseconds {time}");
            add(server, "steady", &[&arguments], measured)
        }
        Scenario::One if server.publishes == Publishes::InProcess => {
            let arguments = format!("--mode in-process --subscribers 1 --milliseconds {}", time / 2);
            add(server, "one", &[&arguments], measured)
        }
        Scenario::Idle => plan.idle.iter().try_for_each(|idle| {
            let arguments = format!("--mode idle --subscribers {idle} --milliseconds 1000");
            add(server, &format!("idle {idle}"), &[&arguments], measured)
        }),
        Scenario::Replay if server.is_fanfare() => plan.replayed.iter().try_for_each(|messages| {
            let fill = format!("--mode fill --messages {messages}");
            let replay = format!("--mode replay --messages {messages} --subscribers {RESUMING}");
            add(server, &format!("replay {messages}"), &[&fill, &replay], measured)
        }),
        Scenario::One | Scenario::Replay | Scenario::Slow => Ok(()),
    }
}

/// Adds the figures of the last run of the load client.
pub(crate) fn add(server: &Server, measurement: &str, steps: &[&str], measured: &mut Measured) -> Result {
    if let Some(figures) = run(server, steps)?.pop() {
        measured.add(measurement, server.title, figures);
    }
    Ok(())
}

/// Starts the server, runs the load client with each of the arguments, and returns the figures of each run. The last
/// figures include the machine's load.
///
/// If a peer fails, prints the reason and returns no figures, so that the comparison continues and later rounds stay
/// paired.
pub(crate) fn run(server: &Server, steps: &[&str]) -> Result<Vec<Figures>> {
    match run_steps(server, steps) {
        Err(failure) if !server.is_fanfare() => {
            println!("  {} failed: {failure}", server.title);
            Ok(vec![Figures::default()])
        }
        figures => figures,
    }
}

fn run_steps(server: &Server, steps: &[&str]) -> Result<Vec<Figures>> {
    let watch = Watch::start();
    let started = server.start()?;
    let run = |arguments: &&str| run_client(started.ports, server.protocol, arguments);
    let mut figures = steps.iter().map(run).collect::<Result<Vec<_>>>()?;
    drop(started);
    if let Some(last) = figures.last_mut() {
        watch.finish(last);
    }
    Ok(figures)
}

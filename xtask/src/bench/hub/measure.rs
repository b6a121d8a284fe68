//! Measures one round of one server, except slow subscribers.

use super::super::figures::{Figures, median};
use super::load::run_client;
use super::server::{Publishes, Server};
use crate::failure::Result;
use std::collections::HashMap;

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
    pub(crate) const FULL: Self = Self {
        rounds: 3,
        milliseconds: 3_000,
        idle: &[1_000, 5_000],
        replayed: &[1_000, 100_000],
        slow_milliseconds: 70_000,
    };
    pub(crate) const QUICK: Self =
        Self { rounds: 1, milliseconds: 1_000, idle: &[1_000], replayed: &[1_000], slow_milliseconds: 4_000 };
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

/// The figures of all runs, by server and scenario.
#[derive(Default)]
pub(crate) struct Measured(HashMap<(&'static str, String), Vec<Figures>>);

impl Measured {
    pub(crate) fn add(&mut self, server: &Server, scenario: &str, figures: Figures) {
        self.0.entry((server.title, scenario.to_owned())).or_default().push(figures);
    }

    pub(crate) fn median(&self, server: &Server, scenario: &str, name: &str) -> f64 {
        self.0.get(&(server.title, scenario.to_owned())).map_or(f64::NAN, |runs| median(runs, name))
    }
}

/// Measures all scenarios. Each starts its own server, so that it inherits no state from another.
pub(crate) fn measure_round(server: &Server, plan: &Plan, measured: &mut Measured) -> Result {
    let mut run = |scenario: &str, arguments: &str| {
        let started = server.start()?;
        let figures = run_client(started.ports, server.protocol, arguments)?;
        measured.add(server, scenario, figures);
        Ok(())
    };
    let time = plan.milliseconds;
    let mode = if server.publishes == Publishes::Native { "native" } else { "in-process" };
    for crowd in CROWDS {
        let arguments =
            format!("--mode {mode} --window {WINDOW} --subscribers {crowd} --milliseconds {time}");
        run(&format!("crowd {crowd}"), &arguments)?;
    }
    let (subscribers, rate) = STEADY;
    run("steady", &format!("--mode steady --rate {rate} --subscribers {subscribers} --milliseconds {time}"))?;
    if server.publishes == Publishes::InProcess {
        run("one", &format!("--mode in-process --subscribers 1 --milliseconds {}", time / 2))?;
    }
    for idle in plan.idle {
        run(&format!("idle {idle}"), &format!("--mode idle --subscribers {idle} --milliseconds 1000"))?;
    }
    if server.is_fanfare() {
        for messages in plan.replayed {
            measure_replay(server, *messages, measured)?;
        }
    }
    Ok(())
}

fn measure_replay(server: &Server, messages: usize, measured: &mut Measured) -> Result {
    let started = server.start()?;
    run_client(started.ports, server.protocol, &format!("--mode fill --messages {messages}"))?;
    let arguments = format!("--mode replay --messages {messages} --subscribers {RESUMING}");
    let figures = run_client(started.ports, server.protocol, &arguments)?;
    measured.add(server, &format!("replay {messages}"), figures);
    Ok(())
}

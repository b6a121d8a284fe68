//! One round of one server: everything but slow subscribers.

use super::figures::{Figures, median};
use super::load::load;
use super::server::{Publishes, Server};
use crate::failure::Result;
use std::collections::HashMap;

/// How long and how often is measured.
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) milliseconds: u64,
    /// How many subscribers are idle.
    pub(crate) idle: &'static [usize],
    /// How many messages history holds for those who come back.
    pub(crate) replayed: &'static [usize],
    /// How long slow subscribers are watched.
    pub(crate) watched_milliseconds: u64,
}

impl Plan {
    pub(crate) const FULL: Self = Self {
        rounds: 3,
        milliseconds: 3_000,
        idle: &[1_000, 5_000],
        replayed: &[1_000, 100_000],
        watched_milliseconds: 70_000,
    };
    pub(crate) const QUICK: Self = Self {
        rounds: 1,
        milliseconds: 1_000,
        idle: &[1_000],
        replayed: &[1_000],
        watched_milliseconds: 4_000,
    };
}

/// How far publishing may run ahead of subscribers in a closed loop: as 16 publishers would that each
/// wait for their message to arrive.
pub(crate) const WINDOW: usize = 16;
/// The subscribers of a closed loop.
pub(crate) const CROWDS: [usize; 2] = [100, 1_000];
/// The subscribers at a steady rate, and the rate.
pub(crate) const STEADY: (usize, usize) = (100, 500);
/// Who comes back at once to read what they missed.
pub(crate) const RETURNING: usize = 100;

/// Every run, by server and scenario.
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

/// Each scenario has a server of its own, so that none inherits what another left behind.
pub(crate) fn round(server: &Server, plan: &Plan, measured: &mut Measured) -> Result {
    let mut run = |scenario: &str, words: &str| {
        let started = server.start()?;
        let figures = load(started.ports, server.protocol, words)?;
        measured.add(server, scenario, figures);
        Ok(())
    };
    let time = plan.milliseconds;
    let mode = if server.publishes == Publishes::Native { "native" } else { "in-process" };
    for crowd in CROWDS {
        let words = format!("--mode {mode} --window {WINDOW} --subscribers {crowd} --milliseconds {time}");
        run(&format!("crowd {crowd}"), &words)?;
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
            replay(server, *messages, measured)?;
        }
    }
    Ok(())
}

fn replay(server: &Server, messages: usize, measured: &mut Measured) -> Result {
    let started = server.start()?;
    load(started.ports, server.protocol, &format!("--mode fill --messages {messages}"))?;
    let words = format!("--mode replay --messages {messages} --subscribers {RETURNING}");
    let figures = load(started.ports, server.protocol, &words)?;
    measured.add(server, &format!("replay {messages}"), figures);
    Ok(())
}

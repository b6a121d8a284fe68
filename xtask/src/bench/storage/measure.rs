//! The measurements of a round.

use super::super::figures::Figures;
use super::super::statistics::Measured;
use super::servers::{Place, Postgres, bench};
use super::subjects::{ACROSS, PUBLISHING, Publishes, REPLAYING, Store, Subject};
use crate::failure::Result;

/// The numbers of concurrent publishers.
pub(crate) const PUBLISHERS: [usize; 3] = [1, 10, 100];

/// The steady rates, in messages per second.
pub(crate) const RATES: [usize; 2] = [500, 2_000];

/// The number of stored messages that a subscriber reads.
pub(crate) const STORED: usize = 10_000;

/// How much is measured.
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    milliseconds: usize,
    steady_milliseconds: usize,
}

impl Plan {
    pub(crate) fn new(is_quick: bool, rounds: usize) -> Self {
        if is_quick {
            Self { rounds: 1, milliseconds: 500, steady_milliseconds: 1_000 }
        } else {
            Self { rounds, milliseconds: 1_500, steady_milliseconds: 3_000 }
        }
    }
}

/// Measures all subjects in turn, so that other load on the machine affects them alike.
pub(crate) fn measure_round(
    postgres: &Postgres,
    plan: &Plan,
    with_centrifugo: bool,
    measured: &mut Measured,
) -> Result {
    let chosen = |subject: &&Subject| with_centrifugo || subject.storage != Store::Centrifugo;
    for publishers in PUBLISHERS {
        for subject in PUBLISHING.iter().filter(chosen) {
            let place = Place::create(postgres, subject.storage)?;
            let line = publish(&place, subject, publishers, plan)?;
            measured.add(&format!("publish {publishers}"), subject.title, Figures::read(&line)?);
        }
    }
    for rate in RATES {
        for subject in ACROSS.iter().filter(chosen) {
            let place = Place::create(postgres, subject.storage)?;
            let line = across(&place, subject, rate, plan)?;
            measured.add(&format!("across {rate}"), subject.title, Figures::read(&line)?);
        }
    }
    for subject in REPLAYING.iter().filter(chosen) {
        let place = Place::create(postgres, subject.storage)?;
        replay(&place, subject, measured)?;
    }
    Ok(())
}

fn publish(place: &Place, subject: &Subject, publishers: usize, plan: &Plan) -> Result<String> {
    let node = if subject.publishes == Publishes::Http { Some(place.start_node()?) } else { None };
    let to = match (subject.publishes, &node) {
        (Publishes::Statement(statement), _) => format!("{statement}:{}", place.url()),
        (_, Some(node)) => format!("{}:{}", place.protocol(), node.port),
        (_, None) => format!("hub:{}", place.storage()),
    };
    let (publishers, milliseconds) = (publishers.to_string(), plan.milliseconds.to_string());
    bench(&["publish", "--to", &to, "--publishers", &publishers, "--milliseconds", &milliseconds])
}

fn across(place: &Place, subject: &Subject, rate: usize, plan: &Plan) -> Result<String> {
    let (rate, milliseconds) = (rate.to_string(), plan.steady_milliseconds.to_string());
    let measure = |to: &str, from: &str| {
        bench(&["across", "--to", to, "--from", from, "--rate", &rate, "--milliseconds", &milliseconds])
    };
    if let Publishes::Statement(statement) = subject.publishes {
        return measure(&format!("{statement}:{}", place.url()), &format!("notify:{}", place.url()));
    }
    let node = place.start_node()?;
    let from = format!("{}:{}", place.protocol(), node.port);
    if subject.publishes == Publishes::InProcess {
        return measure(&format!("hub:{}", place.storage()), &from);
    }
    let other = place.start_node()?;
    measure(&format!("{}:{}", place.protocol(), other.port), &from)
}

/// Lets a subscriber read the history from a server that has not read it yet, and again.
fn replay(place: &Place, subject: &Subject, measured: &mut Measured) -> Result {
    let stored = STORED.to_string();
    let address = |port: &str| format!("{}:{port}", place.protocol());
    let filled = place.start_node()?;
    bench(&["fill", "--to", &address(&filled.port), "--messages", &stored])?;
    let node = if subject.storage == Store::Memory { filled } else { place.start_node()? };
    for measurement in ["replay first", "replay again"] {
        let line = bench(&["replay", "--from", &address(&node.port), "--messages", &stored])?;
        measured.add(measurement, subject.title, Figures::read(&line)?);
    }
    Ok(())
}

//! The measurements. The names of figures have parts that are separated by dots.

use super::super::figures::Figures;
use super::model::World;
use super::setup::{Held, Setup};
use crate::failure::Result;
use crate::step::step;

/// The number of channels with subscribers on each hub. Those below [`SHARED`] have two subscribers, the others one.
pub(super) const SUBSCRIBED: u64 = 5_000;
pub(super) const SHARED: u64 = 1_667;

/// The number of all channels. Only the first hub uses those without subscribers: it publishes to them.
pub(super) const CHANNELS: u64 = 10_000;

/// The rates at which a hub publishes: a name, and the arguments. At `max`, it publishes the next message once the
/// last one is stored.
pub(super) const RATES: [(&str, &str); 3] = [("300", "--rate 300"), ("1000", "--rate 1000"), ("max", "")];

/// The rate of each hub in the measurement with which the model is compared.
const COMPARED: &str = "--rate 300";

/// The number of channels to which a measurement publishes in turn.
const IN_TURN: u64 = 1_000;

/// The numbers of hubs that share one NATS server.
pub(super) const HUBS: [usize; 3] = [1, 2, 3];

/// The number of hubs without subscribers.
pub(super) const MANY: usize = 20;

/// The numbers of connections that receive what a NATS server republishes.
pub(super) const LISTENERS: [usize; 3] = [0, 33, 100];

pub(super) const SUBJECTS: [u32; 3] = [100_000, 200_000, 400_000];
pub(super) const SUBSCRIPTIONS: [u32; 2] = [10_000, 50_000];
pub(super) const CONSUMERS: [u32; 2] = [1_000, 5_000];

/// The numbers of messages in the history of channels that are opened.
pub(super) const DEPTHS: [u32; 2] = [1, 100];
const DEEP_CHANNELS: u64 = 100;

/// The classes of channels, by their number of subscribers on each hub: a name, and the first channel of the class.
pub(super) const CLASSES: [(&str, u64); 3] = [("none", SUBSCRIBED), ("one", SHARED), ("two", 0)];

const TIME: u32 = 2_000;

/// Measures hubs that share one NATS server.
pub(super) fn measure_hubs(figures: &mut Figures) -> Result {
    for hubs in HUBS {
        step(&format!("{hubs} hubs, one NATS server"), || {
            let setup = Setup::start(1, hubs)?;
            let prefix = format!("hubs{hubs}");
            let held = measure_setup(&setup, &prefix, figures)?;
            if hubs == 1 {
                drop(held);
                for listeners in LISTENERS {
                    measure_listeners(&setup, listeners, figures)?;
                }
            } else if hubs == 2 {
                for depth in DEPTHS {
                    measure_depth(&setup, depth, figures)?;
                }
            } else {
                measure_contention(&setup, figures)?;
            }
            Ok(())
        })?;
    }
    step("Pings", || measure_pings(figures))
}

/// The number of subscribers that receive pings.
pub(super) const PINGED: u64 = 2_000;

/// Measures three NATS servers with three replicas.
pub(super) fn measure_replicas(figures: &mut Figures) -> Result {
    step("3 hubs, three NATS servers", || measure_setup(&Setup::start(3, 3)?, "replicas3", figures).map(drop))
}

/// Measures clusters to compare with predictions: hubs with subscribers of popular and unpopular channels, and many
/// hubs.
pub(super) fn measure_predicted(world: &World, figures: &mut Figures) -> Result {
    step(&format!("{} hubs, channels of different popularity", world.hubs), || {
        let setup = Setup::start(1, world.hubs as usize)?;
        let mut held = Vec::new();
        for (hub, channels) in world.list_subscribers().into_iter().enumerate() {
            held.push(setup.hold(hub, channels.into_iter())?);
        }
        // Opens all channels to which the hubs will publish, so that opening them is not measured.
        let channels = world.channels / world.hubs;
        setup.publish(setup.hub_count(), &format!("--messages {channels} --channels {channels}"))?;
        add(figures, "mixed.idle", &setup.publish(0, &format!("--milliseconds {TIME}"))?);
        count(&mut held)?;
        let arguments = format!("{COMPARED} --milliseconds {} --channels {channels}", 2 * TIME);
        let mut measured = setup.publish(setup.hub_count(), &arguments)?;
        measured.set("delivered", count(&mut held)?);
        add(figures, "mixed.run", &measured);
        Ok(())
    })?;
    step(&format!("{MANY} hubs without subscribers"), || {
        let setup = Setup::start(1, MANY)?;
        setup.publish(1, &format!("--messages {IN_TURN} --channels {IN_TURN}"))?;
        add(figures, "many.idle", &setup.publish(0, &format!("--milliseconds {}", 2 * TIME))?);
        for (rate, argument) in RATES {
            let arguments = format!("{argument} --milliseconds {TIME} --channels {IN_TURN}");
            add(figures, &format!("many.none.{rate}"), &setup.publish(1, &arguments)?);
        }
        Ok(())
    })
}

/// Measures a NATS server: subjects, subscriptions and consumers.
pub(super) fn measure_nats(figures: &mut Figures) -> Result {
    for (what, points) in
        [("subjects", &SUBJECTS[..]), ("subscriptions", &SUBSCRIPTIONS[..]), ("consumers", &CONSUMERS[..])]
    {
        step(&format!("{what} of one NATS server"), || {
            add(figures, what, &Setup::start(1, 0)?.measure_nats(what, points)?);
            Ok(())
        })?;
    }
    Ok(())
}

/// Connects subscribers to each hub, and lets the first hub publish. Returns the subscribers.
fn measure_setup(setup: &Setup, prefix: &str, figures: &mut Figures) -> Result<Vec<Held>> {
    add(figures, &format!("{prefix}.empty"), &setup.publish(0, "--milliseconds 1000")?);
    let mut held = Vec::new();
    for hub in 0..setup.hub_count() {
        for (name, channels) in [("open", 0..SUBSCRIBED), ("share", 0..SHARED)] {
            let subscribers = setup.hold(hub, channels)?;
            add(figures, &format!("{prefix}.{name}{hub}"), &subscribers.figures);
            held.push(subscribers);
        }
    }
    let others = CHANNELS - SUBSCRIBED;
    let opened =
        setup.publish(1, &format!("--messages {others} --channels {others} --first {SUBSCRIBED}"))?;
    add(figures, &format!("{prefix}.publish"), &opened);
    add(figures, &format!("{prefix}.idle"), &setup.publish(0, &format!("--milliseconds {TIME}"))?);
    for (class, first) in CLASSES {
        for (rate, argument) in RATES {
            count(&mut held)?;
            let arguments = format!("{argument} --milliseconds {TIME} --channels {IN_TURN} --first {first}");
            let mut measured = setup.publish(1, &arguments)?;
            measured.set("delivered", count(&mut held)?);
            let last = held.last_mut().map(Held::count).transpose()?.unwrap_or_default();
            measured.set("closed", last.get("closed"));
            add(figures, &format!("{prefix}.{class}.{rate}"), &measured);
        }
    }
    Ok(held)
}

fn measure_listeners(setup: &Setup, listeners: usize, figures: &mut Figures) -> Result {
    let mut listening = if listeners > 0 { Some(setup.listen(listeners)?) } else { None };
    for (rate, argument) in RATES {
        let arguments = format!("{argument} --milliseconds {TIME} --channels {IN_TURN} --first {SUBSCRIBED}");
        let mut measured = setup.publish(1, &arguments)?;
        if let Some(listening) = &mut listening {
            measured.set("bytes", listening.count()?.get("bytes"));
        }
        add(figures, &format!("listeners{listeners}.{rate}"), &measured);
    }
    Ok(())
}

/// Measures pings, which a hub sends once a second here.
fn measure_pings(figures: &mut Figures) -> Result {
    let setup = Setup::start_pinging(1, 1, 1)?;
    let _held = setup.hold(0, 0..PINGED)?;
    add(figures, "pings", &setup.publish(0, &format!("--milliseconds {}", 2 * TIME))?);
    Ok(())
}

/// Measures opening channels with some history at the second hub.
fn measure_depth(setup: &Setup, depth: u32, figures: &mut Figures) -> Result {
    let first = CHANNELS * 2 + u64::from(depth) * DEEP_CHANNELS;
    let messages = u64::from(depth) * DEEP_CHANNELS;
    setup.publish(1, &format!("--messages {messages} --channels {DEEP_CHANNELS} --first {first}"))?;
    let held = setup.hold(1, first..first + DEEP_CHANNELS)?;
    add(figures, &format!("depth{depth}"), &held.figures);
    Ok(())
}

/// Measures hubs that publish to one channel, and to different channels.
fn measure_contention(setup: &Setup, figures: &mut Figures) -> Result {
    for publishers in HUBS {
        for (name, shared) in [("same", 1), ("different", 0)] {
            let arguments = format!("--milliseconds {TIME} --channels 1 --first 9000 --shared {shared}");
            add(figures, &format!("{name}{publishers}"), &setup.publish(publishers, &arguments)?);
        }
    }
    Ok(())
}

/// Returns the number of messages that the subscribers have received since the last call.
fn count(held: &mut [Held]) -> Result<f64> {
    held.iter_mut().map(|held| Ok(held.count()?.get("delivered"))).sum()
}

fn add(figures: &mut Figures, prefix: &str, measured: &Figures) {
    figures.extend(prefix, measured);
}

//! Compares predictions with measurements, and predicts a large cluster.

use super::super::figures::Figures;
use super::costs::{Costs, in_class, per_message};
use super::measure::{CLASSES, LISTENERS, MANY, RATES};
use super::model::{Message, Parts, Placement, Work, World};
use super::report::number;

/// The messages of the simulation.
const MESSAGES: u32 = 100_000;

/// The CPU time of a hub and of a NATS server, in microseconds per second. One task of a hub reads its connection to
/// NATS, so more cores do not help it. A NATS server has a task per connection.
const HUB_CPU: f64 = 1e6;
const NATS_CPU: f64 = 8e6;

/// The bytes per second that a NATS server can send: 10 Gbit/s.
const NATS_BYTES: f64 = 1.25e9;

/// The seconds between two pings to a subscriber, by default.
const PING_INTERVAL: f64 = 15.0;

/// The rate for which the use of resources is printed, in messages per second of the cluster.
const RATE: f64 = 1_000.0;

/// The parts of the channels that hubs could receive. The engine implements the first.
const PARTS: [(&str, Parts); 6] = [
    ("everything", Parts::All),
    ("1,024 buckets", Parts::Buckets(1_024)),
    ("16,384 buckets", Parts::Buckets(16_384)),
    ("262,144 buckets", Parts::Buckets(262_144)),
    ("4,194,304 buckets", Parts::Buckets(4_194_304)),
    ("its open channels", Parts::Channels),
];

pub(super) fn print(figures: &Figures, measured: &World, predicted: &World) {
    let costs = RATES.map(|(rate, _)| Costs::at(rate, figures));
    let [.., max] = &costs;
    println!("\n## Costs, if hubs publish as fast as they can\n\n{max:#?}");
    print_validation(figures, &costs, measured);
    print_cluster(max, predicted);
}

fn print_validation(figures: &Figures, costs: &[Costs; 3], world: &World) {
    println!("\n## Predicted and measured\n\n| | predicted | measured | difference |\n|---|---:|---:|---:|");
    let row = |title: &str, predicted: f64, measured: f64| {
        let difference = (predicted / measured - 1.0) * 100.0;
        println!("| {title} | {} | {} | {difference:+.0} % |", number(predicted), number(measured));
    };
    for ((rate, _), costs) in RATES.iter().zip(costs) {
        for (class, subscribers) in CLASSES.map(|(class, _)| class).into_iter().zip([0.0, 1.0, 2.0]) {
            let of = |process: &str| in_class(figures, "hubs3", class, rate, process);
            let interested = if subscribers > 0.0 { 2.0 } else { 0.0 };
            let work = Work { deliveries: 3.0 * subscribers, interested, receivers: 3.0 };
            let hubs = of("0") + of("1") + of("2");
            row(&format!("3 hubs, {rate}, {class}: hubs"), costs.of_hubs(&work), hubs);
            row(&format!("3 hubs, {rate}, {class}: NATS"), costs.of_nats(&work), of("nats"));
        }
    }
    for ((rate, _), costs) in RATES.iter().zip(costs) {
        let [.., listeners] = LISTENERS;
        let measured = per_message(figures, &format!("listeners{listeners}.{rate}"), "hubs1.idle", "nats");
        let receivers = f64::from(u32::try_from(listeners).unwrap_or(0)) + 1.0;
        let work = Work { deliveries: 0.0, interested: 0.0, receivers };
        row(&format!("{receivers} connections, {rate}: NATS"), costs.of_nats(&work), measured);
        let receivers = f64::from(u32::try_from(MANY).unwrap_or(0));
        let work = Work { deliveries: 0.0, interested: 0.0, receivers };
        let of = |hub: usize| in_class(figures, "many", "none", rate, &hub.to_string());
        row(&format!("{MANY} hubs, {rate}: hubs"), costs.of_hubs(&work), (0..MANY).map(of).sum());
    }
    // Messages of hubs that publish at the same time share wake-ups of the NATS server, like those of a hub that publishes
    // without pauses.
    let [.., costs] = costs;
    let (run, idle) = ("mixed.run", "mixed.idle");
    let work = world.place().work(&list_measured_messages(figures, world), Parts::All);
    let hubs = (0..world.hubs).map(|hub| per_message(figures, run, idle, &hub.to_string())).sum();
    row("popularity: hubs", costs.of_hubs(&work), hubs);
    row("popularity: NATS", costs.of_nats(&work), per_message(figures, run, idle, "nats"));
    let delivered = figures.get("mixed.run.delivered") / figures.get("mixed.run.published");
    row("popularity: deliveries per message", work.deliveries, delivered);
}

/// Returns the messages that the hubs published: each to its part of the channels in turn.
fn list_measured_messages(figures: &Figures, world: &World) -> Vec<Message> {
    let channels = world.channels / world.hubs;
    let published = figures.get("mixed.run.published");
    let numbers = (0..channels).cycle().take_while({
        let mut taken = 0.0;
        move |_| {
            taken += f64::from(world.hubs);
            taken <= published
        }
    });
    numbers.flat_map(|number| (0..world.hubs).map(move |hub| (hub, hub * channels + number))).collect()
}

fn print_cluster(costs: &Costs, world: &World) {
    let placement = world.place();
    let open = placement.count_open();
    let hubs = f64::from(world.hubs);
    let mean_open = open.iter().map(|count| f64::from(*count)).sum::<f64>() / hubs;
    println!(
        "\n## {} hubs, {} subscribers, {} channels\n\nA hub has {:.0} subscribers and {mean_open:.0} open channels \
         (at most {}).",
        world.hubs,
        world.subscribers,
        world.channels,
        f64::from(world.subscribers) / hubs,
        open.iter().max().unwrap_or(&0)
    );
    print_memory(costs, world, mean_open);
    for (title, messages) in [
        ("follow popularity", world.draw_messages(MESSAGES)),
        ("are even", world.draw_even_messages(MESSAGES)),
    ] {
        print_limits(costs, world, &placement, mean_open, title, &messages);
    }
    let reopened = mean_open * costs.open / 1e6;
    println!(
        "\nIf a hub fails, the others open up to {mean_open:.0} channels, which takes {reopened:.1} s of their CPU time, \
         and {:.1} s of NATS.",
        mean_open * costs.nats_open / 1e6
    );
}

fn print_memory(costs: &Costs, world: &World, open: f64) {
    let subscribers = f64::from(world.subscribers) / f64::from(world.hubs);
    let hub = costs.hub_memory + costs.channel_memory * open + costs.subscriber_memory * subscribers;
    let channels = f64::from(world.channels);
    println!(
        "Memory of a hub: {:.0} MB. NATS, if all channels have messages: {:.1} GB of memory for subjects, and \
         {:.1} GB of files per\nmessage of 120 bytes in each channel, both per replica.",
        hub / 1_024.0,
        costs.subject_memory * channels / 1_024.0 / 1_024.0,
        costs.stored_bytes * channels / 1e9
    );
}

fn print_limits(
    costs: &Costs,
    world: &World,
    placement: &Placement,
    open: f64,
    title: &str,
    messages: &[Message],
) {
    println!("\n### If messages {title}\n");
    println!(
        "| a hub receives | receivers per message | hubs with subscribers | deliveries | subscriptions | \
         their memory | a hub at {RATE:.0}/s | NATS | NATS sends | most messages/s, by a hub's CPU | \
         by NATS's CPU | by NATS's network | first limit | with three replicas |\n|---|{}",
        "---:|".repeat(13)
    );
    let hubs = f64::from(world.hubs);
    let replicas = |work: &Work| {
        let idle = costs.nats_idle * hubs;
        (3.0 * NATS_CPU - idle) / (costs.store_replicas + costs.send * work.receivers)
    };
    for (name, parts) in PARTS {
        let work = placement.work(messages, parts);
        let subscriptions = placement.count_subscriptions(parts);
        let subscriptions = f64::from(u32::try_from(subscriptions).unwrap_or(u32::MAX));
        let pings = costs.ping * f64::from(world.subscribers) / hubs / PING_INTERVAL;
        let hub_idle = costs.idle + costs.idle_channel * open + pings;
        let (of_hub, of_nats) = (costs.of_hubs(&work) / hubs, costs.of_nats(&work));
        let bytes = work.receivers * costs.bytes;
        let limits = [
            ("CPU of hubs", (HUB_CPU - hub_idle) / of_hub),
            ("CPU of NATS", (NATS_CPU - costs.nats_idle * hubs) / of_nats),
            ("network of NATS", NATS_BYTES / bytes),
            ("CPU of three NATS servers", replicas(&work)),
        ];
        let first =
            limits[..3].iter().min_by(|one, other| one.1.total_cmp(&other.1)).map_or("", |(name, _)| name);
        println!(
            "| {name} | {:.2} | {:.2} | {:.2} | {subscriptions:.0} | {:.1} GB | {:.0} % of a core | {:.1} cores | \
             {:.0} MB/s | {} | {} | {} | {first} | {} |",
            work.receivers,
            work.interested,
            work.deliveries,
            costs.subscription_memory * subscriptions / 1_024.0 / 1_024.0,
            (hub_idle + of_hub * RATE) / 1e4,
            (costs.nats_idle * hubs + of_nats * RATE) / 1e6,
            bytes * RATE / 1e6,
            number(limits[0].1),
            number(limits[1].1),
            number(limits[2].1),
            number(limits[3].1)
        );
    }
}

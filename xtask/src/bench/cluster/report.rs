//! The tables of what was measured.

use super::super::figures::Figures;
use super::costs::{in_class, per_message, per_second, per_subscriber};
use super::measure::{
    CHANNELS, CLASSES, CONSUMERS, DEPTHS, HUBS, LISTENERS, MANY, RATES, SHARED, SUBJECTS, SUBSCRIBED,
    SUBSCRIPTIONS,
};

/// The setups: the prefix of their figures, their title, and their number of hubs.
const SETUPS: [(&str, &str, usize); 5] = [
    ("hubs1", "1 hub", 1),
    ("hubs2", "2 hubs", 2),
    ("hubs3", "3 hubs", 3),
    ("many", "20 hubs", MANY),
    ("replicas3", "3 hubs, 3 NATS servers", 3),
];

pub(super) fn print(figures: &Figures) {
    println!(
        "Messages of 120 bytes; streams in files. Each hub has {} subscribers of {SUBSCRIBED} of {CHANNELS} channels. \
         CPU time is\nuser and system time in microseconds, minus that of the same time without messages.",
        SUBSCRIBED + SHARED
    );
    print_messages(figures);
    print_idle(figures);
    print_channels(figures);
    print_contention(figures);
    print_nats(figures);
}

fn print_messages(figures: &Figures) {
    println!("\n## CPU time per message, one hub publishes\n");
    let heads: Vec<_> = RATES.iter().map(|(rate, _)| *rate).collect();
    let heads = heads.join(" · ");
    println!(
        "| | subscribers per hub | publishing hub, {heads} | each other hub, {heads} | NATS, {heads} | delivered |\n\
         |---|---:|---:|---:|---:|---:|"
    );
    for (setup, title, hubs) in SETUPS {
        for (class, _) in CLASSES {
            let at = |process: &str| RATES.map(|(rate, _)| in_class(figures, setup, class, rate, process));
            let others: Vec<_> = (1..hubs).map(|hub| at(&hub.to_string())).collect();
            let mean = [0, 1, 2].map(|rate| mean(others.iter().map(|other| other[rate])));
            let get = |name: &str| figures.get(&format!("{setup}.{class}.{}.{name}", RATES[0].0));
            if get("published").is_nan() {
                continue;
            }
            let delivered = number(get("delivered") / get("published"));
            let cells = [at("0"), mean, at("nats")].map(|cell| cell.map(number).join(" · "));
            println!("| {title} | {class} | {} | {delivered} |", cells.join(" | "));
        }
    }
    println!("\n## CPU time of the NATS server per message, by connections that receive it\n");
    println!(
        "| connections | {} | bytes each |\n|---|---:|---:|---:|---:|",
        RATES.map(|(rate, _)| rate).join(" | ")
    );
    for listeners in LISTENERS {
        let cells = RATES.map(|(rate, _)| {
            let run = format!("listeners{listeners}.{rate}");
            number(per_message(figures, &run, "hubs1.idle", "nats"))
        });
        let get = |name: &str| figures.get(&format!("listeners{listeners}.{}.{name}", RATES[0].0));
        let bytes = number(get("bytes") / get("published"));
        println!("| {} | {} | {bytes} |", listeners + 1, cells.join(" | "));
    }
}

fn print_idle(figures: &Figures) {
    println!("\n## CPU time in a second without messages\n");
    println!(
        "| | a hub without channels | a hub | NATS without channels | NATS |\n|---|---:|---:|---:|---:|"
    );
    for (setup, title, hubs) in with_subscribers() {
        let of_hubs = |run: &str| {
            mean((0..hubs).map(|hub| per_second(figures, &format!("{setup}.{run}"), &hub.to_string())))
        };
        let of_nats = |run: &str| per_second(figures, &format!("{setup}.{run}"), "nats");
        let cells = [of_hubs("empty"), of_hubs("idle"), of_nats("empty"), of_nats("idle")].map(number);
        println!("| {title} | {} |", cells.join(" | "));
    }
}

fn print_channels(figures: &Figures) {
    println!("\n## Opening channels and connecting subscribers\n");
    println!(
        "| | CPU, first use of a channel | opening a stored one | subscriber of an open one | NATS, first use | \
         opening | memory of a hub: channel | subscriber |\n|---|---:|---:|---:|---:|---:|---:|---:|"
    );
    for (setup, title, hubs) in with_subscribers() {
        let nats = |hub: usize| {
            figures.get(&format!("{setup}.open{hub}.cpu_nats")) / super::costs::as_float(SUBSCRIBED)
        };
        let last = hubs - 1;
        let (subscriber, first) = per_subscriber(figures, setup, 0, "cpu");
        let (_, stored) = per_subscriber(figures, setup, last, "cpu");
        let (subscriber_memory, channel_memory) = per_subscriber(figures, setup, last, "grown");
        let (stored, nats_stored) = if hubs == 1 { (f64::NAN, f64::NAN) } else { (stored, nats(last)) };
        let cells = [first, stored, subscriber, nats(0), nats_stored].map(number);
        println!("| {title} | {} | {channel_memory:.1} KB | {subscriber_memory:.1} KB |", cells.join(" | "));
    }
    for depth in DEPTHS {
        let of = |figure: &str| figures.get(&format!("depth{depth}.{figure}")) / 100.0;
        println!(
            "\nA channel with {depth} messages in its history: the hub uses {} and NATS {}; subscribing takes {:.2} ms \
             with 32 at a time.",
            number(of("cpu_1")),
            number(of("cpu_nats")),
            of("connecting") * 32.0 * 1e3
        );
    }
}

fn print_contention(figures: &Figures) {
    println!("\n## Messages per second, each hub publishes one message after the other\n");
    println!(
        "| hubs | to one channel | to different channels | CPU of all hubs | NATS |\n|---|---:|---:|---:|---:|"
    );
    for hubs in HUBS {
        let [same, different] = ["same", "different"].map(|name| figures.get(&format!("{name}{hubs}.rate")));
        let cpu = |process: &str| per_message(figures, &format!("different{hubs}"), "hubs3.idle", process);
        let of_hubs = (0..3).map(|hub| cpu(&hub.to_string())).sum();
        println!("| {hubs} | {same:.0} | {different:.0} | {} | {} |", number(of_hubs), number(cpu("nats")));
    }
}

fn print_nats(figures: &Figures) {
    println!("\n## Memory of a NATS server\n");
    let print = |what: &str, points: &[u32]| {
        let memory = |point: u32| figures.get(&format!("{what}.memory_{point}"));
        for point in [0].iter().chain(points) {
            println!("- {point} {what}: {:.0} MB", memory(*point) / 1_024.0);
        }
        if let [first, .., last] = points {
            let each = (memory(*last) - memory(*first)) * 1_024.0 / f64::from(last - first);
            println!("  {each:.0} bytes each from {first} to {last}");
        }
    };
    print("subjects", &SUBJECTS);
    print("subscriptions", &SUBSCRIPTIONS);
    print("consumers", &CONSUMERS);
    println!("\n| consumers | CPU of creating one | of a second without messages |\n|---|---:|---:|");
    for point in [0].iter().chain(&CONSUMERS) {
        let cells = ["create", "idle"].map(|name| number(figures.get(&format!("consumers.{name}_{point}"))));
        println!("| {point} | {} |", cells.join(" | "));
    }
}

/// Returns the setups whose hubs have subscribers.
fn with_subscribers() -> impl Iterator<Item = (&'static str, &'static str, usize)> {
    SETUPS.into_iter().filter(|(.., hubs)| *hubs != MANY)
}

/// Returns the mean, or NaN without values.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

/// Formats microseconds, which may be missing.
pub(super) fn number(time: f64) -> String {
    match time {
        time if time.is_nan() => "–".to_owned(),
        ..10.0 => format!("{time:.1}"),
        ..1e4 => format!("{time:.0}"),
        _ => format!("{:.0}k", time / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_suitable_precision() {
        assert_eq!([4.26, 42.6, 42_600.0, f64::NAN].map(number), ["4.3", "43", "43k", "–"]);
        assert!((mean([1.0, 3.0].into_iter()) - 2.0).abs() < 1e-9);
    }
}

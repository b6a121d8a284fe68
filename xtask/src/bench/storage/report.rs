//! The tables of the report.

use super::super::statistics::{Measured, describe_verdicts};
use super::measure::{PUBLISHERS, Plan, RATES, STORED};
use super::subjects::{ACROSS, PUBLISHING, REPLAYING, Store, Subject};

/// The least rate of publishing, in percent of a loop of `INSERT`s.
const MIN_RATE: f64 = 70.0;

/// The greatest 99th percentile at the lowest rate, relative to `NOTIFY`.
const MAX_LATENCY: f64 = 2.0;

pub(crate) fn print(plan: &Plan, measured: &Measured) {
    println!(
        "Median (minimum–maximum) of {} rounds; ratios are to the first line, in the same round. {}",
        plan.rounds,
        describe_verdicts(plan.rounds)
    );
    println!(
        "Payloads of 200 bytes, 20 channels. PostgreSQL: default settings, each commit waits for the disk."
    );
    let mut missed = Vec::new();
    print_publishing(measured, &mut missed);
    print_across(measured, &mut missed);
    print_replay(measured);
    if missed.is_empty() {
        println!("\nTargets of {MIN_RATE:.0} % and {MAX_LATENCY} ×: met.");
    } else {
        println!("\nTargets of {MIN_RATE:.0} % and {MAX_LATENCY} × missed by {}.", missed.join(", "));
    }
}

fn print_publishing(measured: &Measured, missed: &mut Vec<String>) {
    println!("\n## Messages per second, p50 and p99 of the time until one is accepted\n");
    let heads = PUBLISHERS.map(|publishers| match publishers {
        1 => "1 publisher".to_owned(),
        publishers => format!("{publishers} publishers"),
    });
    println!("| | {} |\n|---|{}", heads.join(" | "), "---:|".repeat(PUBLISHERS.len()));
    let baseline = &PUBLISHING[0];
    for subject in present(measured, "publish 1", "rate", &PUBLISHING) {
        let mut cells = Vec::new();
        for publishers in PUBLISHERS {
            let measurement = format!("publish {publishers}");
            let figure = |name| measured.samples(&measurement, subject.title, name);
            let ratios = measured.ratios(&measurement, subject.title, baseline.title, "rate");
            let note = if subject.title == baseline.title {
                String::new()
            } else {
                format!(" · {}", ratios.describe_ratio("slower", "faster"))
            };
            let (p50, p99) = (time(figure("p50").median()), time(figure("p99").median()));
            cells.push(format!("{}{note} · {p50} · {p99}", figure("rate").describe(rate)));
            if subject.has_target && ratios.median() * 100.0 < MIN_RATE {
                missed.push(format!("{} with {publishers} publishers", subject.title));
            }
        }
        println!("| {} | {} |", subject.title, cells.join(" | "));
    }
}

fn print_across(measured: &Measured, missed: &mut Vec<String>) {
    println!("\n## From one server to a subscriber of another, p50 and p99\n");
    let heads = RATES.map(|rate| format!("{rate} messages per second"));
    println!("| | {} |\n|---|{}", heads.join(" | "), "---:|".repeat(RATES.len()));
    let baseline = &ACROSS[0];
    for subject in present(measured, "across 500", "p50", &ACROSS) {
        let mut cells = Vec::new();
        for rate in RATES {
            let measurement = format!("across {rate}");
            let figure = |name| measured.samples(&measurement, subject.title, name);
            let ratios = measured.ratios(&measurement, subject.title, baseline.title, "p99");
            let note = if subject.title == baseline.title {
                String::new()
            } else {
                format!(" · {}", ratios.describe_ratio("faster", "slower"))
            };
            let lost = figure("lost").median();
            let lost = if lost > 0.0 { format!(", {lost:.0} lost") } else { String::new() };
            let (p50, p99) = (figure("p50").describe(time), figure("p99").describe(time));
            cells.push(format!("{p50} · {p99}{note}{lost}"));
            if subject.has_target && rate == RATES[0] && ratios.median() > MAX_LATENCY {
                missed.push(format!("{} at {rate} messages per second", subject.title));
            }
        }
        println!("| {} | {} |", subject.title, cells.join(" | "));
    }
}

fn print_replay(measured: &Measured) {
    println!("\n## A subscriber reads {STORED} stored messages, messages per second\n");
    println!("| | from a server that has just started | again |\n|---|---:|---:|");
    for subject in present(measured, "replay again", "rate", &REPLAYING) {
        let figure = |measurement| measured.samples(measurement, subject.title, "rate").describe(rate);
        let first = if subject.storage == Store::Memory { "–".to_owned() } else { figure("replay first") };
        println!("| {} | {first} | {} |", subject.title, figure("replay again"));
    }
}

/// Returns the subjects that a figure was measured for.
fn present<'s>(
    measured: &'s Measured,
    measurement: &'s str,
    name: &'s str,
    subjects: &'s [Subject],
) -> impl Iterator<Item = &'s Subject> {
    subjects.iter().filter(move |subject| !measured.samples(measurement, subject.title, name).is_empty())
}

fn rate(rate: f64) -> String {
    match rate {
        0.0..1e4 => format!("{:.2} k", rate / 1e3),
        1e4..1e6 => format!("{:.0} k", rate / 1e3),
        _ => format!("{:.2} M", rate / 1e6),
    }
}

/// Formats microseconds.
pub(crate) fn time(time: f64) -> String {
    match time {
        0.0..100.0 => format!("{time:.0} µs"),
        100.0..1e4 => format!("{:.2} ms", time / 1e3),
        1e4..1e6 => format!("{:.0} ms", time / 1e3),
        _ => format!("{:.1} s", time / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_suitable_units() {
        assert_eq!([812.0, 81_240.0, 1_812_400.0].map(rate), ["0.81 k", "81 k", "1.81 M"]);
        assert_eq!([2.0, 340.0, 34_000.0, 2_300_000.0].map(time), ["2 µs", "0.34 ms", "34 ms", "2.3 s"]);
    }
}

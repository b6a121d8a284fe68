//! `cargo xtask bench hub --scale`: measures what a unit of work costs as the work grows.

use super::super::chart::{Chart, Point, Series};
use super::super::statistics::Measured;
use super::measure::{Plan, WINDOW, run};
use super::server::Server;
use crate::failure::{Failure, Result};
use crate::paths::{in_root, read_file, write_file};
use crate::step::step;
use std::fmt::Write;

/// The servers that are measured by default.
pub(crate) const SERVERS: [&str; 5] = ["fanfare", "log", "ws", "nats", "centrifugo"];

/// The page that shows the charts, and the comments around them.
const PAGE: &str = "docs/performance.md";
const START: &str = "<!-- scale: written by `cargo xtask bench hub --scale` -->\n";
const END: &str = "<!-- end of scale -->";

/// The number of subscribers that receive payloads of each size.
const CROWD: usize = 100;

/// The number of messages that are published to channels without subscribers.
const MESSAGES: u32 = 100_000;

/// A quantity that grows, and the figure of the cost of one unit.
struct Growth {
    title: &'static str,
    /// The name of the picture.
    name: &'static str,
    x_title: &'static str,
    /// The measurement, before its size.
    measurement: &'static str,
    sizes: &'static [u32],
    figure: &'static str,
    format_x: fn(f64) -> String,
    format_y: fn(f64) -> String,
}

const GROWTHS: [Growth; 5] = [
    Growth {
        title: "CPU time per delivered message",
        name: "scale-subscribers",
        x_title: "subscribers of one channel",
        measurement: "crowd",
        sizes: &[100, 1_000, 10_000],
        figure: "server_cpu",
        format_x: number,
        format_y: microseconds,
    },
    Growth {
        title: "Memory per idle subscriber",
        name: "scale-idle",
        x_title: "idle subscribers of one channel",
        measurement: "idle",
        sizes: &[100, 1_000, 10_000],
        figure: "kilobytes_each",
        format_x: number,
        format_y: kilobytes,
    },
    Growth {
        title: "CPU time per delivered message",
        name: "scale-payloads",
        x_title: "size of a payload, with 100 subscribers",
        measurement: "payload",
        sizes: &[100, 1_000, 10_000, 100_000],
        figure: "server_cpu",
        format_x: bytes,
        format_y: microseconds,
    },
    Growth {
        title: "CPU time per published message, without subscribers",
        name: "scale-channels",
        x_title: "channels that are published to in turn",
        measurement: "channels",
        sizes: &[1, 1_000, 100_000],
        figure: "publish_cpu",
        format_x: number,
        format_y: microseconds,
    },
    Growth {
        title: "Memory per channel with one message of 120 bytes",
        name: "scale-channel-memory",
        x_title: "channels",
        measurement: "channels",
        sizes: &[1_000, 100_000],
        figure: "kilobytes_each",
        format_x: number,
        format_y: kilobytes,
    },
];

/// Measures all servers in turn in each round.
pub(crate) fn measure(servers: &[&Server], plan: &Plan, measured: &mut Measured) -> Result {
    for round in 0..plan.rounds {
        let (later, first) = servers.split_at(round % servers.len());
        for growth in GROWTHS.iter().filter(|growth| growth.name != "scale-channel-memory") {
            let title =
                format!("Round {} of {}: {}, {}", round + 1, plan.rounds, growth.title, growth.x_title);
            step(&title, || {
                for size in growth.sizes {
                    for server in first.iter().chain(later) {
                        measure_size(server, growth.measurement, *size, plan, measured)?;
                    }
                }
                Ok(())
            })?;
        }
    }
    Ok(())
}

fn measure_size(server: &Server, what: &str, size: u32, plan: &Plan, measured: &mut Measured) -> Result {
    let (time, mode) = (plan.milliseconds, server.publishes.mode());
    let measurement = format!("{what} {size}");
    let closed = format!("--mode {mode} --window {WINDOW} --milliseconds {time}");
    let mut figures = match what {
        "crowd" => run(server, &[&format!("{closed} --subscribers {size}")])?,
        "idle" => run(server, &[&format!("--mode idle --subscribers {size} --milliseconds 500")])?,
        "payload" => run(server, &[&format!("{closed} --subscribers {CROWD} --size {size}")])?,
        _ if server.has_channels() => {
            let fill = |messages: u32| format!("--mode fill --messages {messages} --channels {size}");
            run(server, &[&fill(size), &fill(MESSAGES)])?
        }
        _ => return Ok(()),
    };
    if let [first, last] = figures.as_mut_slice() {
        last.set("kilobytes_each", first.get("kilobytes_grown") / f64::from(size));
    }
    let last = figures.pop().ok_or_else(|| Failure::new("the load client did not run"))?;
    measured.add(&measurement, server.title, last);
    Ok(())
}

/// Draws the charts, and writes them and their tables into the page.
pub(crate) fn write(servers: &[&Server], plan: &Plan, measured: &Measured, machine: &str) -> Result {
    let mut text = format!(
        "{machine}\nMedian (minimum–maximum) of {} rounds.\n{}\n",
        plan.rounds,
        measured.describe_load()
    );
    for growth in &GROWTHS {
        let series = servers.iter().map(|server| growth.series(server, measured)).collect();
        let Growth { title, x_title, format_x, format_y, .. } = *growth;
        let Some(svg) = (Chart { title, x_title, series, format_x, format_y }).to_svg() else { continue };
        write_file(&in_root(format!("docs/images/{}.svg", growth.name)), &svg)?;
        let _ = write!(text, "\n![{title}, by {x_title}](images/{}.svg)\n\n", growth.name);
        growth.write_table(&mut text, servers, measured);
    }
    println!("{text}");
    let path = in_root(PAGE);
    let page = read_file(&path)?;
    let parts = page.split_once(START).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) =
        parts.ok_or_else(|| Failure::new(format!("{PAGE} lacks the comments around the charts")))?;
    write_file(&path, &format!("{head}{START}\n{text}\n{END}{tail}"))
}

impl Growth {
    fn series(&self, server: &Server, measured: &Measured) -> Series {
        let point = |size: &u32| {
            let samples =
                measured.samples(&format!("{} {size}", self.measurement), server.title, self.figure);
            let (y, max) = (samples.median(), samples.max());
            // Memory that does not grow has no logarithm.
            let min = if samples.min() > 0.0 { samples.min() } else { y };
            (y > 0.0).then(|| Point { x: f64::from(*size), y, range: (min, max) })
        };
        Series { name: server.title.to_owned(), points: self.sizes.iter().filter_map(point).collect() }
    }

    fn write_table(&self, text: &mut String, servers: &[&Server], measured: &Measured) {
        let heads: Vec<_> = self.sizes.iter().map(|size| (self.format_x)(f64::from(*size))).collect();
        let _ = writeln!(
            text,
            "| {} | {} |\n|---|{}",
            self.x_title,
            heads.join(" | "),
            "---:|".repeat(heads.len())
        );
        for server in servers {
            let cells = self.sizes.iter().map(|size| {
                let samples =
                    measured.samples(&format!("{} {size}", self.measurement), server.title, self.figure);
                samples.describe(self.format_y)
            });
            let cells: Vec<_> = cells.collect();
            if cells.iter().any(|cell| cell != "–") {
                let _ = writeln!(text, "| {} | {} |", server.title, cells.join(" | "));
            }
        }
    }
}

fn number(number: f64) -> String {
    match number {
        0.0..1e3 => format!("{number:.0}"),
        _ => format!("{:.0},000", number / 1e3),
    }
}

fn bytes(bytes: f64) -> String {
    if bytes < 1e3 { format!("{bytes:.0} B") } else { format!("{:.0} KB", bytes / 1e3) }
}

fn microseconds(time: f64) -> String {
    match time {
        0.0..0.1 => format!("{time:.3} µs"),
        0.1..10.0 => format!("{time:.2} µs"),
        _ => format!("{time:.0} µs"),
    }
}

fn kilobytes(size: f64) -> String {
    if size < 10.0 { format!("{size:.1} KB") } else { format!("{size:.0} KB") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::hub::server::ALL;

    #[test]
    fn the_page_has_the_charts_and_room_for_new_ones() {
        let page = read_file(&in_root(PAGE)).unwrap();
        assert!(page.split_once(START).is_some_and(|(_, rest)| rest.contains(END)));
        for growth in &GROWTHS {
            assert!(page.contains(&format!("(images/{}.svg)", growth.name)), "{}", growth.name);
        }
    }

    #[test]
    fn sizes_have_suitable_units() {
        assert_eq!([100.0, 10_000.0].map(number), ["100", "10,000"]);
        assert_eq!([100.0, 10_000.0].map(bytes), ["100 B", "10 KB"]);
        assert_eq!([0.051, 0.42, 31.0].map(microseconds), ["0.051 µs", "0.42 µs", "31 µs"]);
        assert!(SERVERS.iter().all(|slug| ALL.iter().any(|server| server.slug == *slug)));
    }
}

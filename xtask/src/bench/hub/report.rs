//! Prints the tables.

use super::super::statistics::{Measured, Samples, describe_verdicts, format_ratio};
use super::measure::{CROWDS, Plan, RESUMING, STEADY, WINDOW};
use super::server::Server;

pub(crate) fn print(servers: &[&Server], plan: &Plan, measured: &Measured) {
    let Some(reference) = servers.first() else { return };
    let seconds = plan.milliseconds / 1_000;
    println!(
        "The server and the load client share the machine. Payloads are 120 bytes of JSON, runs take {seconds} s.\nMedian \
         (minimum–maximum) of {} rounds; each round measures every server in turn. CPU is the server's user and system\ntime \
         per delivered message. Ratios are to {} in the same round. {}",
        plan.rounds,
        reference.title,
        describe_verdicts(plan.rounds)
    );
    println!("{}", measured.describe_load());
    for server in servers {
        if let Some(note) = server.publishes.note() {
            println!("{}: {note}.", server.title);
        }
        if server.uses_nats() {
            println!(
                "{}: CPU is the sum of the server and of the NATS server, which also has a column of its own.",
                server.title
            );
        }
    }
    let report = Report { servers, measured, reference };
    for crowd in CROWDS {
        report.print_crowd(crowd);
    }
    report.print_steady();
    report.print_one();
    report.print_idle(plan);
    report.print_replay(plan);
    report.print_slow(plan);
}

struct Report<'r> {
    servers: &'r [&'r Server],
    measured: &'r Measured,
    /// The server that the others are compared with.
    reference: &'r Server,
}

/// The figures of one server in one scenario.
struct Row<'r> {
    report: &'r Report<'r>,
    server: &'r Server,
    scenario: &'r str,
}

impl Report<'_> {
    fn print_crowd(&self, crowd: usize) {
        let title = format!("{crowd} subscribers, publishing at most {WINDOW} messages ahead of them");
        let heads = ["CPU", "ratio", "CPU of NATS", "delivered/s", "ratio", "p50", "p99", "lost"];
        self.print_table(&title, &heads, &format!("crowd {crowd}"), "delivered", |row| {
            vec![
                row.cell("server_cpu", cpu),
                row.ratio("server_cpu", "faster", "slower"),
                row.cell("storage_cpu", cpu),
                row.cell("delivered_per_second", rate),
                row.ratio("delivered_per_second", "slower", "faster"),
                row.cell("p50", time),
                row.cell("p99", time),
                row.cell("lost", count),
            ]
        });
    }

    fn print_steady(&self) {
        let (subscribers, rate) = STEADY;
        let title = format!("{subscribers} subscribers, {rate} messages per second, published one by one");
        let heads = ["CPU", "ratio", "CPU of NATS", "p50", "ratio", "p99", "ratio", "accepted, p50", "lost"];
        self.print_table(&title, &heads, "steady", "p50", |row| {
            vec![
                row.cell("server_cpu", cpu),
                row.ratio("server_cpu", "faster", "slower"),
                row.cell("storage_cpu", cpu),
                row.cell("p50", time),
                row.ratio("p50", "faster", "slower"),
                row.cell("p99", time),
                row.ratio("p99", "faster", "slower"),
                row.cell("accepted_p50", time),
                row.cell("lost", count),
            ]
        });
    }

    fn print_one(&self) {
        let heads = ["CPU", "ratio", "delivered/s", "ratio", "published/s", "lost"];
        self.print_table(
            "One subscriber, published in-process as fast as accepted",
            &heads,
            "one",
            "delivered",
            |row| {
                let lost = row.median("lost") / row.median("published") * 100.0;
                vec![
                    row.cell("server_cpu", cpu),
                    row.ratio("server_cpu", "faster", "slower"),
                    row.cell("delivered_per_second", rate),
                    row.ratio("delivered_per_second", "slower", "faster"),
                    row.cell("published_per_second", rate),
                    format!("{lost:.1} %"),
                ]
            },
        );
    }

    fn print_idle(&self, plan: &Plan) {
        for idle in plan.idle {
            let title = format!("{idle} idle subscribers: resident memory of the server");
            let heads = ["per subscriber", "ratio", "before they connect"];
            self.print_table(&title, &heads, &format!("idle {idle}"), "kilobytes_each", |row| {
                vec![
                    row.cell("kilobytes_each", |size| format!("{size:.1} KB")),
                    row.ratio("kilobytes_each", "smaller", "larger"),
                    row.cell("kilobytes_before", |size| format!("{:.0} MB", size / 1_024.0)),
                ]
            });
        }
    }

    fn print_replay(&self, plan: &Plan) {
        for messages in plan.replayed {
            let title = format!("{RESUMING} subscribers read a history of {messages} messages");
            let heads = ["CPU", "ratio", "delivered/s", "ratio", "lost"];
            self.print_table(&title, &heads, &format!("replay {messages}"), "delivered", |row| {
                vec![
                    row.cell("server_cpu", cpu),
                    row.ratio("server_cpu", "faster", "slower"),
                    row.cell("delivered_per_second", rate),
                    row.ratio("delivered_per_second", "slower", "faster"),
                    row.cell("lost", count),
                ]
            });
        }
    }

    fn print_slow(&self, plan: &Plan) {
        let title = "20 subscribers, plus one that never reads and one that is frozen";
        let heads = ["delivered", "p50", "p99", "accepted, p50", "p99", "lost", "dropped after"];
        let with = "with slow subscribers";
        self.print_table(title, &heads, with, "delivered", |row| {
            let relative = |name| {
                let without = self.measured.median("without slow subscribers", row.server.title, name);
                format_ratio(row.median(name) / without)
            };
            let dropped = match (row.median("first_dropped"), row.median("second_dropped")) {
                (first, _) if first.is_nan() => format!("not within {} s", plan.slow_milliseconds / 1_000),
                (first, second) if second.is_nan() => format!("{first:.0} s, the other not"),
                (first, second) => format!("{first:.0} s, {second:.0} s"),
            };
            let mut cells: Vec<_> = ["delivered_per_second", "p50", "p99", "accepted_p50", "accepted_p99"]
                .into_iter()
                .map(relative)
                .collect();
            cells.extend([row.cell("lost", count), dropped]);
            cells
        });
        if self.servers.iter().any(|server| !self.measured.median(with, server.title, "delivered").is_nan()) {
            println!(
                "\n20 messages of 100 KB per second. Ratios are to the same without the two. One run, so small differences \
                 mean nothing."
            );
        }
    }

    /// Prints a table with a row for each server that `figure` was measured for. Leaves out columns without figures.
    fn print_table(
        &self,
        title: &str,
        heads: &[&str],
        scenario: &str,
        figure: &str,
        cells: impl Fn(&Row<'_>) -> Vec<String>,
    ) {
        let rows = self.servers.iter().map(|server| Row { report: self, server, scenario });
        let rows: Vec<_> = rows.filter(|row| !row.samples(figure).is_empty()).collect();
        if rows.is_empty() {
            return;
        }
        let rows: Vec<_> = rows.iter().map(|row| (row.server.title, cells(row))).collect();
        let is_measured =
            |column: &usize| rows.iter().any(|(_, cells)| !matches!(cells[*column].as_str(), "" | "–"));
        let columns: Vec<_> = (0..heads.len()).filter(is_measured).collect();
        let heads: Vec<_> = columns.iter().map(|column| heads[*column]).collect();
        println!("\n## {title}\n\n| server | {} |", heads.join(" | "));
        println!("|---|{}", "---:|".repeat(heads.len()));
        for (title, cells) in rows {
            let cells: Vec<_> = columns.iter().map(|column| cells[*column].as_str()).collect();
            println!("| {title} | {} |", cells.join(" | "));
        }
    }
}

impl Row<'_> {
    fn samples(&self, name: &str) -> Samples {
        self.report.measured.samples(self.scenario, self.server.title, name)
    }

    fn median(&self, name: &str) -> f64 {
        self.samples(name).median()
    }

    fn cell(&self, name: &str, format: impl Fn(f64) -> String) -> String {
        self.samples(name).describe(format)
    }

    /// Returns the ratio to the reference, with a verdict in the given words.
    fn ratio(&self, name: &str, lower: &str, higher: &str) -> String {
        let reference = self.report.reference.title;
        if self.server.title == reference {
            return String::new();
        }
        let ratios = self.report.measured.ratios(self.scenario, self.server.title, reference, name);
        ratios.describe_ratio(lower, higher)
    }
}

/// Formats microseconds of CPU time.
fn cpu(time: f64) -> String {
    format!("{time:.2} µs")
}

fn count(count: f64) -> String {
    format!("{count:.0}")
}

fn rate(rate: f64) -> String {
    if rate < 1e6 { format!("{:.0} k", rate / 1e3) } else { format!("{:.2} M", rate / 1e6) }
}

/// Formats microseconds.
fn time(time: f64) -> String {
    if time < 1e6 { format!("{:.2} ms", time / 1e3) } else { format!("{:.1} s", time / 1e6) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_suitable_units() {
        assert_eq!((rate(812_400.0).as_str(), rate(1_812_400.0).as_str()), ("812 k", "1.81 M"));
        assert_eq!((time(340.0).as_str(), time(2_300_000.0).as_str()), ("0.34 ms", "2.3 s"));
    }
}

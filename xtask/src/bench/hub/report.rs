//! Prints the tables.

use super::super::statistics::{Measured, Samples, describe_verdicts, format_ratio};
use super::measure::{CROWDS, Plan, RESUMING, STEADY, WINDOW};
use super::server::Server;
use super::slow;

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
    let report = Report { servers, plan, measured, reference };
    for crowd in CROWDS {
        report.print_crowd(crowd);
    }
    report.print_steady();
    report.print_one();
    report.print_idle();
    report.print_replay();
    report.print_slow();
}

struct Report<'r> {
    servers: &'r [&'r Server],
    plan: &'r Plan,
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

/// The head of a column, and its cell in a row.
type Column = (&'static str, fn(&Row<'_>) -> String);

const CPU: Column = ("CPU", |row| row.cell("server_cpu", cpu));
const CPU_RATIO: Column = ("ratio", |row| row.ratio("server_cpu", "faster", "slower"));
const NATS_CPU: Column = ("CPU of NATS", |row| row.cell("storage_cpu", cpu));
const RATE: Column = ("delivered/s", |row| row.cell("delivered_per_second", rate));
const RATE_RATIO: Column = ("ratio", |row| row.ratio("delivered_per_second", "slower", "faster"));
const P50: Column = ("p50", |row| row.cell("p50", time));
const P50_RATIO: Column = ("ratio", |row| row.ratio("p50", "faster", "slower"));
const P99: Column = ("p99", |row| row.cell("p99", time));
const P99_RATIO: Column = ("ratio", |row| row.ratio("p99", "faster", "slower"));
const LOST: Column = ("lost", |row| row.cell("lost", count));

impl Report<'_> {
    fn print_crowd(&self, crowd: usize) {
        let title = format!("{crowd} subscribers, publishing at most {WINDOW} messages ahead of them");
        let columns = [CPU, CPU_RATIO, NATS_CPU, RATE, RATE_RATIO, P50, P99, LOST];
        self.print_table(&title, &format!("crowd {crowd}"), "delivered", &columns);
    }

    fn print_steady(&self) {
        let (subscribers, rate) = STEADY;
        let title = format!("{subscribers} subscribers, {rate} messages per second, published one by one");
        let accepted: Column = ("accepted, p50", |row| row.cell("accepted_p50", time));
        let columns = [CPU, CPU_RATIO, NATS_CPU, P50, P50_RATIO, P99, P99_RATIO, accepted, LOST];
        self.print_table(&title, "steady", "p50", &columns);
    }

    fn print_one(&self) {
        let title = "One subscriber, published in-process as fast as accepted";
        let published: Column = ("published/s", |row| row.cell("published_per_second", rate));
        let lost: Column =
            ("lost", |row| format!("{:.1} %", row.median("lost") / row.median("published") * 100.0));
        let columns = [CPU, CPU_RATIO, RATE, RATE_RATIO, published, lost];
        self.print_table(title, "one", "delivered", &columns);
    }

    fn print_idle(&self) {
        let columns: [Column; 3] = [
            ("per subscriber", |row| row.cell("kilobytes_each", |size| format!("{size:.1} KB"))),
            ("ratio", |row| row.ratio("kilobytes_each", "smaller", "larger")),
            ("before they connect", |row| {
                row.cell("kilobytes_before", |size| format!("{:.0} MB", size / 1_024.0))
            }),
        ];
        for idle in self.plan.idle {
            let title = format!("{idle} idle subscribers: resident memory of the server");
            self.print_table(&title, &format!("idle {idle}"), "kilobytes_each", &columns);
        }
    }

    fn print_replay(&self) {
        for messages in self.plan.replayed {
            let title = format!("{RESUMING} subscribers read a history of {messages} messages");
            let columns = [CPU, CPU_RATIO, RATE, RATE_RATIO, LOST];
            self.print_table(&title, &format!("replay {messages}"), "delivered", &columns);
        }
    }

    fn print_slow(&self) {
        let title = "20 subscribers, plus one that never reads and one that is frozen";
        let columns: [Column; 7] = [
            ("delivered", |row| row.relative("delivered_per_second")),
            ("p50", |row| row.relative("p50")),
            ("p99", |row| row.relative("p99")),
            ("accepted, p50", |row| row.relative("accepted_p50")),
            ("p99", |row| row.relative("accepted_p99")),
            LOST,
            ("dropped after", |row| row.dropped()),
        ];
        self.print_table(title, slow::WITH, "delivered", &columns);
        let is_measured =
            |server: &&Server| !self.measured.median(slow::WITH, server.title, "delivered").is_nan();
        if self.servers.iter().any(is_measured) {
            println!(
                "\n20 messages of 100 KB per second. Ratios are to the same without the two. One run, so small differences \
                 mean nothing."
            );
        }
    }

    /// Prints a table with a row for each server that `figure` was measured for. Leaves out columns without figures.
    fn print_table(&self, title: &str, scenario: &str, figure: &str, columns: &[Column]) {
        let rows = self.servers.iter().map(|server| Row { report: self, server, scenario });
        let rows: Vec<_> = rows.filter(|row| !row.samples(figure).is_empty()).collect();
        if rows.is_empty() {
            return;
        }
        let columns = columns.iter().map(|(head, cell)| (*head, rows.iter().map(cell).collect::<Vec<_>>()));
        let (heads, columns): (Vec<_>, Vec<_>) =
            columns.filter(|(_, cells)| cells.iter().any(|cell| !matches!(cell.as_str(), "" | "–"))).unzip();
        println!("\n## {title}\n\n| server | {} |", heads.join(" | "));
        println!("|---|{}", "---:|".repeat(heads.len()));
        for (index, row) in rows.iter().enumerate() {
            let cells: Vec<_> = columns.iter().map(|cells| cells[index].as_str()).collect();
            println!("| {} | {} |", row.server.title, cells.join(" | "));
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

    /// Returns the ratio to the same server without slow subscribers.
    fn relative(&self, name: &str) -> String {
        let without = self.report.measured.median(slow::WITHOUT, self.server.title, name);
        format_ratio(self.median(name) / without)
    }

    /// Describes when the server dropped the slow subscribers.
    fn dropped(&self) -> String {
        match (self.median("first_dropped"), self.median("second_dropped")) {
            (first, _) if first.is_nan() => {
                format!("not within {} s", self.report.plan.slow_milliseconds / 1_000)
            }
            (first, second) if second.is_nan() => format!("{first:.0} s, the other not"),
            (first, second) => format!("{first:.0} s, {second:.0} s"),
        }
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

//! Prints the tables.

use super::measure::{CROWDS, Measured, Plan, RESUMING, STEADY, WINDOW};
use super::server::Server;

/// The server that shows what the machine can do at most.
const BOUND: &str = "bare, a shared log";

pub(crate) fn print(servers: &[&Server], plan: &Plan, measured: &Measured) {
    let seconds = plan.milliseconds / 1_000;
    println!(
        "The server and the load client share the machine. Runs of {seconds} s, medians of {}.",
        plan.rounds
    );
    println!("Payloads are 120 bytes of JSON. Ratios are relative to {BOUND:?}.");
    let report = Report { servers, measured, bound: servers.iter().find(|server| server.title == BOUND) };
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
    bound: Option<&'r &'r Server>,
}

impl Report<'_> {
    fn print_crowd(&self, crowd: usize) {
        let scenario = format!("crowd {crowd}");
        println!("\n## {crowd} subscribers, publishing at most {WINDOW} messages ahead of them\n");
        println!("| server | delivered/s | ratio | CPU per message | ratio | p50 | p99 | lost |");
        println!("|---|---:|---:|---:|---:|---:|---:|---:|");
        for server in self.servers_with(&scenario, "delivered") {
            let figure = |name| self.measured.median(server, &scenario, name);
            println!(
                "| {} | {} | {} | {:.2} µs | {} | {} | {} | {} |",
                server.title,
                rate(figure("delivered_per_second")),
                self.ratio(server, &scenario, "delivered_per_second"),
                figure("server_cpu"),
                self.ratio(server, &scenario, "server_cpu"),
                time(figure("p50")),
                time(figure("p99")),
                figure("lost"),
            );
        }
    }

    fn print_steady(&self) {
        let (subscribers, rate) = STEADY;
        println!("\n## {subscribers} subscribers, {rate} messages per second, published one by one\n");
        println!("| server | p50 | ratio | p99 | ratio | accepted, p50 | CPU per message | lost |");
        println!("|---|---:|---:|---:|---:|---:|---:|---:|");
        for server in self.servers_with("steady", "p50") {
            let figure = |name| self.measured.median(server, "steady", name);
            println!(
                "| {} | {} | {} | {} | {} | {} | {:.2} µs | {} |",
                server.title,
                time(figure("p50")),
                self.ratio(server, "steady", "p50"),
                time(figure("p99")),
                self.ratio(server, "steady", "p99"),
                time(figure("accepted_p50")),
                figure("server_cpu"),
                figure("lost"),
            );
        }
    }

    fn print_one(&self) {
        println!("\n## One subscriber, published in-process as fast as accepted\n");
        println!("| server | delivered/s | ratio | published/s | CPU per message | lost |");
        println!("|---|---:|---:|---:|---:|---:|");
        for server in self.servers_with("one", "delivered") {
            let figure = |name| self.measured.median(server, "one", name);
            println!(
                "| {} | {} | {} | {} | {:.2} µs | {:.1} % |",
                server.title,
                rate(figure("delivered_per_second")),
                self.ratio(server, "one", "delivered_per_second"),
                rate(figure("published_per_second")),
                figure("server_cpu"),
                figure("lost") / figure("published") * 100.0,
            );
        }
    }

    fn print_idle(&self, plan: &Plan) {
        let heads: Vec<_> = plan.idle.iter().map(|idle| format!(" {idle} idle |")).collect();
        println!("\n## Resident memory per subscriber\n");
        println!(
            "| server | at the start |{}\n|---|---:|{}",
            heads.concat(),
            "---:|".repeat(plan.idle.len())
        );
        let first = format!("idle {}", plan.idle[0]);
        for server in self.servers_with(&first, "kilobytes_each") {
            let each = plan.idle.iter().map(|idle| {
                format!(
                    " {:.1} KB |",
                    self.measured.median(server, &format!("idle {idle}"), "kilobytes_each")
                )
            });
            let before = self.measured.median(server, &first, "kilobytes_before") / 1_024.0;
            println!("| {} | {before:.0} MB |{}", server.title, each.collect::<Vec<_>>().concat());
        }
    }

    fn print_replay(&self, plan: &Plan) {
        println!("\n## {RESUMING} subscribers read the whole history\n");
        println!("| server | messages in history | delivered/s | CPU per message | lost |");
        println!("|---|---:|---:|---:|---:|");
        for messages in plan.replayed {
            let scenario = format!("replay {messages}");
            for server in self.servers_with(&scenario, "delivered") {
                let figure = |name| self.measured.median(server, &scenario, name);
                let (rate, cpu) = (rate(figure("delivered_per_second")), figure("server_cpu"));
                println!("| {} | {messages} | {rate} | {cpu:.2} µs | {} |", server.title, figure("lost"));
            }
        }
    }

    fn print_slow(&self, plan: &Plan) {
        println!("\n## 20 subscribers, plus one that never reads and one that is frozen\n");
        println!("20 messages of 100 KB per second. Ratios are relative to the same without the two.\n");
        println!("| server | delivered | p50 | p99 | accepted, p50 | p99 | lost | dropped after |");
        println!("|---|---:|---:|---:|---:|---:|---:|---:|");
        for server in self.servers_with("with slow subscribers", "delivered") {
            let figure = |name| self.measured.median(server, "with slow subscribers", name);
            let relative =
                |name| ratio(figure(name) / self.measured.median(server, "without slow subscribers", name));
            let dropped = match (figure("first_dropped"), figure("second_dropped")) {
                (first, _) if first.is_nan() => format!("not within {} s", plan.slow_milliseconds / 1_000),
                (first, second) if second.is_nan() => format!("{first:.0} s, the other not"),
                (first, second) => format!("{first:.0} s, {second:.0} s"),
            };
            println!(
                "| {} | {} | {} | {} | {} | {} | {} | {dropped} |",
                server.title,
                relative("delivered_per_second"),
                relative("p50"),
                relative("p99"),
                relative("accepted_p50"),
                relative("accepted_p99"),
                figure("lost"),
            );
        }
    }

    /// Returns the servers for which a figure was measured.
    fn servers_with<'s>(&'s self, scenario: &'s str, name: &'s str) -> impl Iterator<Item = &'s Server> {
        let measured = move |server: &&Server| !self.measured.median(server, scenario, name).is_nan();
        self.servers.iter().copied().filter(measured)
    }

    fn ratio(&self, server: &Server, scenario: &str, name: &str) -> String {
        let bound = self.bound.map_or(f64::NAN, |bound| self.measured.median(bound, scenario, name));
        ratio(self.measured.median(server, scenario, name) / bound)
    }
}

fn ratio(ratio: f64) -> String {
    if ratio.is_finite() { format!("{ratio:.2} ×") } else { "–".to_owned() }
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
        assert_eq!((ratio(1.5).as_str(), ratio(f64::NAN).as_str()), ("1.50 ×", "–"));
    }
}

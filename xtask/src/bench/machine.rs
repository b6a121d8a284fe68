//! Describes the machine that the figures were measured on, and how busy other programs kept it.

use super::figures::Figures;
use super::statistics::Measured;
use crate::process::{command, read_output};
use std::fs;
use std::thread::available_parallelism;

/// Returns the processor and the versions of the tools, on one line.
pub(crate) fn describe() -> String {
    let cores = available_parallelism().map_or(1, usize::from);
    let unknown = || "an unknown version".to_owned();
    let rust = read_output(&mut command("rustc", &["--version"])).unwrap_or_else(|_| unknown());
    let node = read_output(&mut command("node", &["--version"])).unwrap_or_else(|_| unknown());
    format!("{cores} cores, {}; {rust}; Node.js {node}", read_processor_name())
}

fn read_processor_name() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.to_owned())
}

/// Watches how much CPU time other programs use during a measurement, where Linux reports it.
///
/// The programs of the measurement count as own once they have ended, so start them after [`Watch::start`], and wait
/// for them before [`Watch::finish`].
pub(crate) struct Watch(Option<Times>);

/// CPU times since the start of the machine, in the same unit.
struct Times {
    /// Of all programs.
    busy: u64,
    /// Withheld by the host of a virtual machine.
    stolen: u64,
    total: u64,
    /// Of this program and of its children that have ended.
    own: u64,
}

impl Watch {
    pub(crate) fn start() -> Self {
        Self(Times::read())
    }

    /// Sets the figures `others` and `stolen`, in percent of the machine's CPU time since the start.
    pub(crate) fn finish(self, figures: &mut Figures) {
        let (Some(before), Some(after)) = (self.0, Times::read()) else { return };
        let total = after.total.saturating_sub(before.total).max(1);
        let busy = after.busy.saturating_sub(before.busy);
        let others = busy.saturating_sub(after.own.saturating_sub(before.own));
        figures.set("others", percent(others, total));
        figures.set("stolen", percent(after.stolen.saturating_sub(before.stolen), total));
    }

    /// Ends, and describes how busy other programs kept the machine.
    pub(crate) fn describe(self) -> String {
        let mut figures = Figures::default();
        self.finish(&mut figures);
        let mut measured = Measured::default();
        measured.add("", "", figures);
        measured.describe_load()
    }
}

impl Times {
    fn read() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/stat").ok()?, &fs::read_to_string("/proc/self/stat").ok()?)
    }

    fn parse(machine: &str, own: &str) -> Option<Self> {
        let numbers =
            |text: &str| text.split_whitespace().map_while(|word| word.parse().ok()).collect::<Vec<u64>>();
        let machine = numbers(machine.strip_prefix("cpu ")?);
        let [user, nice, system, idle, waiting, interrupts, soft_interrupts, stolen] =
            *machine.first_chunk::<8>()?;
        // The name of the program is in parentheses and may contain any character. The four times are the fields 14 to
        // 17.
        let own = own.rsplit_once(')')?.1.split_whitespace().skip(11).take(4);
        let busy = user + nice + system + interrupts + soft_interrupts;
        Some(Self {
            busy,
            stolen,
            total: busy + idle + waiting + stolen,
            own: own.filter_map(|time| time.parse::<u64>().ok()).sum(),
        })
    }
}

#[allow(clippy::cast_precision_loss, reason = "shares are rounded anyway")]
fn percent(part: u64, total: u64) -> f64 {
    part as f64 * 100.0 / total as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_time_includes_programs_that_have_ended() {
        let own = "12 (a) b) S 1 2 3 4 5 6 7 8 9 10 100 20 3 4 5";
        let times = Times::parse("cpu  10 1 20 300 5 6 7 8 0 0\ncpu0 1", own).unwrap();
        assert_eq!((times.busy, times.stolen, times.total, times.own), (44, 8, 357, 127));
    }

    #[test]
    fn a_share_is_relative_to_the_whole_machine() {
        assert!((percent(30, 200) - 15.0).abs() < 1e-9);
    }
}

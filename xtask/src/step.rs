//! Prints the steps of a command and their durations.

use crate::failure::Result;
use std::io::{IsTerminal, stdout};
use std::time::{Duration, Instant};

/// Prints a title, does `work` and prints how long it took.
pub(crate) fn step<T>(title: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("{}", heading(title));
    let start = Instant::now();
    let result = work();
    let verdict = if result.is_ok() { "done" } else { "failed" };
    println!("  {verdict} in {}", format_duration(start.elapsed()));
    result
}

/// Formats a duration in a suitable unit: `350 ms`, `4.2 s`, `3 min 5 s`.
pub(crate) fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{:.1} s", duration.as_secs_f64()),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

fn heading(title: &str) -> String {
    if stdout().is_terminal() { format!("\x1b[1m▸ {title}\x1b[0m") } else { format!("▸ {title}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_suitable_unit() {
        assert_eq!(format_duration(Duration::from_millis(350)), "350 ms");
        assert_eq!(format_duration(Duration::from_millis(4_210)), "4.2 s");
        assert_eq!(format_duration(Duration::from_secs(185)), "3 min 5 s");
    }
}

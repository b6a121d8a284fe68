//! Says what is being done, and how long it took.

use crate::failure::Result;
use std::io::{IsTerminal, stdout};
use std::time::{Duration, Instant};

/// Does `work` under a title.
pub(crate) fn step<T>(title: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("{}", heading(title));
    let start = Instant::now();
    let result = work();
    let verdict = if result.is_ok() { "done" } else { "failed" };
    println!("  {verdict} in {}", spoken(start.elapsed()));
    result
}

/// A duration as people say it: `350 ms`, `4.2 s`, `3 min 5 s`.
pub(crate) fn spoken(duration: Duration) -> String {
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
    fn a_duration_is_spoken_in_the_unit_that_fits() {
        assert_eq!(spoken(Duration::from_millis(350)), "350 ms");
        assert_eq!(spoken(Duration::from_millis(4_210)), "4.2 s");
        assert_eq!(spoken(Duration::from_secs(185)), "3 min 5 s");
    }
}

//! Times and durations, as people write and read them. All times are in UTC, as in the protocol.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The units of durations, in seconds.
const UNITS: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];

/// Parses a duration, such as `90s` or `10m`.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let number = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit = UNITS.iter().find(|(name, _)| *name == &text[number.len()..]);
    let seconds = unit.and_then(|(_, seconds)| number.parse::<u64>().ok()?.checked_mul(*seconds));
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| "write a number and a unit: `90s`, `10m`, `2h` or `1d`".into())
}

/// Parses a time: RFC 3339, or a duration before now.
pub(super) fn parse_time(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let ago = parse_duration(text).map_err(|_| {
        "write a duration, such as `10m`, or a time, such as `2026-01-31T12:00:00Z`".to_owned()
    })?;
    subtract(Timestamp::now(), ago).ok_or_else(|| "the duration is too long".to_owned())
}

/// Returns a time of the protocol as `2026-01-31 12:00:00`.
pub(super) fn show_date(time: &str) -> String {
    let parsed = time.parse::<Timestamp>();
    parsed.map_or_else(|_| time.to_owned(), |time| time.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// Returns a time of the protocol as `12:00:00.000`.
pub(super) fn show_clock(time: &str) -> String {
    let parsed = time.parse::<Timestamp>();
    parsed.map_or_else(|_| time.to_owned(), |time| time.strftime("%H:%M:%S.%3f").to_string())
}

/// Returns the time between two times of the protocol, as `9.12s`.
pub(super) fn show_between(from: &str, to: &str) -> Option<String> {
    Some(show_duration(to.parse::<Timestamp>().ok()?.duration_since(from.parse().ok()?)))
}

/// Returns a duration with at most two units: `120ms`, `9.12s`, `3m 12s`, `2h 5m`, `3d 4h`.
pub(super) fn show_duration(duration: SignedDuration) -> String {
    let milliseconds = duration.as_millis().max(0);
    let seconds = milliseconds / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match () {
        () if seconds == 0 => format!("{milliseconds}ms"),
        () if minutes == 0 => format!("{seconds}.{:02}s", milliseconds % 1000 / 10),
        () if hours == 0 => format!("{minutes}m {}s", seconds % 60),
        () if days == 0 => format!("{hours}h {}m", minutes % 60),
        () => format!("{days}d {}h", hours % 24),
    }
}

fn subtract(time: Timestamp, duration: Duration) -> Option<Timestamp> {
    time.checked_sub(SignedDuration::try_from(duration).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        assert_eq!(parse_duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("2d"), Ok(Duration::from_secs(172_800)));
        for text in ["", "5", "m", "-5m", "1.5h", "5 m", "5min", "é", "99999999999999999999d"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        for text in ["9999999999999d", "2026-13-01T00:00:00Z", "yesterday"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_shown_with_two_units() {
        for (milliseconds, text) in [
            (0, "0ms"),
            (999, "999ms"),
            (9_129, "9.12s"),
            (192_000, "3m 12s"),
            (7_500_000, "2h 5m"),
            (273_600_000, "3d 4h"),
        ] {
            assert_eq!(show_duration(SignedDuration::from_millis(milliseconds)), text);
        }
    }
}

//! Times in milliseconds since 1970.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the time in milliseconds since 1970.
pub(super) fn now_in_milliseconds() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}

/// Parses a time such as `2026-11-22T03:31:00.000Z`, in milliseconds since 1970.
pub(super) fn parse_milliseconds(time: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| time.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    // Count years from March, so that the leap day is the last day of a year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469;
    let minutes = (24 * days + number(11..13)?) * 60 + number(14..16)?;
    Some((60 * minutes + number(17..19)?) * 1000 + number(20..23)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_parse() {
        assert_eq!(parse_milliseconds("1970-01-01T00:00:00.000Z"), Some(0));
        assert_eq!(parse_milliseconds("2000-02-29T12:34:56.789Z"), Some(951_827_696_789));
        assert_eq!(parse_milliseconds("2026-11-28T22:13:20.001Z"), Some(1_795_904_000_001));
    }
}

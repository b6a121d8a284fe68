//! Times as RFC 3339 text, in UTC with milliseconds.

use std::time::{SystemTime, UNIX_EPOCH};

/// Formats a time, such as `2026-11-22T03:31:00.000Z`. Always returns 24 characters.
pub(crate) fn timestamp(time: SystemTime) -> String {
    let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since_1970.as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let milliseconds = since_1970.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
}

/// The length of every timestamp.
pub(super) const LENGTH: usize = 24;

/// Converts days since 1970 to a date of the Gregorian calendar.
///
/// Uses the method of Hinnant's `civil_from_days`: counted from 1 March of the year 0, leap days are at the end of a
/// year and the lengths of months follow a formula.
fn civil(days_since_1970: u64) -> (u64, u64, u64) {
    let days = days_since_1970 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    // RFC 3339 has four digits for the year. A clock beyond 9999 is wrong anyway.
    (year.min(9999), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn timestamps_match_the_calendar() {
        for (seconds, milliseconds, text) in [
            (0, 0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, 999, "2000-02-28T23:59:59.999Z"),
            (951_782_400, 0, "2000-02-29T00:00:00.000Z"),
            (1_709_251_200, 7, "2024-03-01T00:00:00.007Z"),
            (1_795_318_260, 0, "2026-11-22T03:31:00.000Z"),
            (4_107_542_400, 0, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799, 0, "9999-12-31T23:59:59.000Z"),
        ] {
            let time = UNIX_EPOCH + Duration::new(seconds, milliseconds * 1_000_000);
            assert_eq!(timestamp(time), text);
            assert_eq!(text.len(), LENGTH);
        }
    }
}

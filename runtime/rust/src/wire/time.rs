//! Times as RFC 3339 text, in UTC with milliseconds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Formats a time, such as `2026-11-22T03:31:00.000Z`. Always returns 24 characters.
pub(crate) fn timestamp(time: SystemTime) -> String {
    String::from_utf8_lossy(&timestamp_bytes(time)).into_owned()
}

/// Formats a time like [`timestamp`], without an allocation: a log stamps every message while it is locked.
pub(super) fn timestamp_bytes(time: SystemTime) -> [u8; LENGTH] {
    let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since_1970.as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    for (digits, number) in [
        (0..4, year),
        (5..7, month),
        (8..10, day),
        (11..13, seconds / 3600 % 24),
        (14..16, seconds / 60 % 60),
        (17..19, seconds % 60),
        (20..23, u64::from(since_1970.subsec_millis())),
    ] {
        write_digits(&mut text[digits], number);
    }
    text
}

fn write_digits(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Parses a timestamp that [`timestamp`] has formatted.
pub(crate) fn parse_timestamp(text: &str) -> Option<SystemTime> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let seconds = days_since_1970(year, month, day)? * 86_400 + hour * 3600 + minute * 60 + second;
    let time = UNIX_EPOCH + Duration::from_millis(seconds * 1000 + number(20, 23)?);
    (timestamp(time) == text).then_some(time)
}

/// Converts a date of the Gregorian calendar to days since 1970: the reverse of [`civil`].
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day;
    (365 * year + year / 4 + year / 400 + day_of_year).checked_sub(year / 100 + 719_469)
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
            assert_eq!(parse_timestamp(text), Some(time));
            assert_eq!(text.len(), LENGTH);
        }
    }

    #[test]
    fn other_text_is_no_timestamp() {
        for text in [
            "",
            "2024-03-01",
            "2024-03-01T00:00:00Z",
            "2024-02-30T00:00:00.000Z",
            "2024-03-01T24:00:00.000Z",
            "2024-00-01T00:00:00.000Z",
            "1969-12-31T23:59:59.999Z",
            "2024-03-01T00:00:00.000+",
            "+024-03-01T00:00:00.000Z",
            "é024-03-01T00:00:00.000Z",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }
}

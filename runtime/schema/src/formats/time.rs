//! Dates and times of RFC 3339.

pub(super) fn is_date_time(text: &str) -> bool {
    let Some((date, rest)) = text.split_at_checked(10) else { return false };
    rest.strip_prefix(['T', 't']).is_some_and(|time| is_date(date) && is_time(time))
}

pub(super) fn is_date(text: &str) -> bool {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else { return false };
    let (Some(century), Some(years)) = (two_digits(*y1, *y2), two_digits(*y3, *y4)) else {
        return false;
    };
    let (Some(month), Some(day)) = (two_digits(*m1, *m2), two_digits(*d1, *d2)) else {
        return false;
    };
    (1..=days_in(month, century * 100 + years)).contains(&day)
}

/// Returns the number of days in a month, or 0 if the month does not exist.
fn days_in(month: u32, year: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

pub(super) fn is_time(text: &str) -> bool {
    let Some(([h1, h2, b':', m1, m2, b':', s1, s2], rest)) = text.as_bytes().split_first_chunk() else {
        return false;
    };
    let (Some(hour), Some(minute)) = (two_digits(*h1, *h2), two_digits(*m1, *m2)) else {
        return false;
    };
    let (Some(second), Some(offset)) = (two_digits(*s1, *s2), offset_minutes(without_fraction(rest))) else {
        return false;
    };
    if hour > 23 || minute > 59 {
        return false;
    }
    // A leap second is the last second of a day in UTC.
    let minute_in_utc = (hour * 60 + minute + 2 * DAY - offset) % DAY;
    second <= 59 || (second == 60 && minute_in_utc == DAY - 1)
}

const DAY: u32 = 24 * 60;

/// Removes `.` and the digits after it, if there is at least one digit.
fn without_fraction(bytes: &[u8]) -> &[u8] {
    let Some((b'.', fraction)) = bytes.split_first() else { return bytes };
    match fraction.iter().position(|byte| !byte.is_ascii_digit()) {
        Some(0) | None => bytes,
        Some(digits) => &fraction[digits..],
    }
}

/// Parses `Z` or `±hh:mm` into minutes. Offsets west of UTC are counted as a day ahead.
fn offset_minutes(bytes: &[u8]) -> Option<u32> {
    let (sign, hours, minutes) = match bytes {
        b"Z" | b"z" => return Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => (sign, two_digits(*h1, *h2)?, two_digits(*m1, *m2)?),
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    let offset = hours * 60 + minutes;
    Some(if *sign == b'-' { DAY - offset } else { offset })
}

fn two_digits(tens: u8, ones: u8) -> Option<u32> {
    let digit = |byte: u8| char::from(byte).to_digit(10);
    Some(digit(tens)? * 10 + digit(ones)?)
}

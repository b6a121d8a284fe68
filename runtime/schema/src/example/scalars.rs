//! Examples of numbers and strings.

use fanfare_pattern::{Regex, find_text};
use serde_json::{Value, json};

use super::super::{Format, MAX_SAFE_INTEGER, Number, Text, scalar};
use super::search::{MAX_CANDIDATES, Search, add, is_small};

/// Returns numbers within all limits, those near 0 first.
#[expect(clippy::cast_precision_loss, reason = "the limit is a safe integer, which doubles hold")]
pub(super) fn numbers(limits: &[Number]) -> Vec<Value> {
    let max_safe = MAX_SAFE_INTEGER as f64;
    let lower = limits.iter().flat_map(|limits| [limits.minimum, limits.exclusive_minimum]);
    let upper = limits.iter().flat_map(|limits| [limits.maximum, limits.exclusive_maximum]);
    let lower = lower.flatten().fold(f64::NEG_INFINITY, f64::max);
    let upper = upper.flatten().fold(f64::INFINITY, f64::min);
    // A common multiple, if all are whole numbers.
    let step = limits.iter().filter_map(|limits| limits.multiple_of).reduce(|one, other| {
        let product = one * other;
        if one % other == 0.0 {
            one
        } else if other % one == 0.0 {
            other
        } else {
            product
        }
    });
    let step = step.filter(|step| step.is_finite() && *step != 0.0).map_or(1.0, f64::abs);
    let near_zero = 0.0_f64.max(lower).min(upper);
    let start = if near_zero > 0.0 { (near_zero / step).ceil() } else { (near_zero / step).floor() };
    let around = (0..=4).flat_map(|offset| [start + f64::from(offset), start - f64::from(offset)]);
    let multiples = around.map(|factor| multiple(step, factor));
    let others = [f64::midpoint(lower, upper), lower, upper, near_zero];
    let is_within = |number: &f64| {
        number.is_finite() && limits.iter().all(|limits| scalar::is_number_within(limits, *number))
    };
    let mut found = Vec::new();
    add(
        &mut found,
        multiples.chain(others).filter(is_within).map(|number| {
            #[expect(clippy::cast_possible_truncation, reason = "the number is a safe integer")]
            if number.fract() == 0.0 && number.abs() <= max_safe {
                json!(number as i64)
            } else {
                json!(number)
            }
        }),
    );
    found
}

/// Multiplies in decimal, if the step has few digits: 3 times 0.01 is 0.03.
fn multiple(step: f64, factor: f64) -> f64 {
    let text = format!("{step:e}");
    let product = text.split_once('e').and_then(|(digits, exponent)| {
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let exponent: i64 = exponent.parse::<i64>().ok()? - i64::try_from(fraction.len()).ok()?;
        let scaled = format!("{whole}{fraction}").parse::<f64>().ok()? * factor;
        format!("{scaled}e{exponent}").parse().ok()
    });
    product.unwrap_or(step * factor)
}

/// Returns texts within all limits, short ones first.
pub(super) fn texts(limits: &[Text], search: &mut Search) -> Vec<Value> {
    let least = limits.iter().map(|limits| limits.min_length).max().unwrap_or(0);
    if !is_small(least) {
        return Vec::new();
    }
    let mut texts: Vec<String> = Vec::new();
    let formats: Vec<Format> = limits.iter().filter_map(|limits| limits.format).collect();
    for format in &formats {
        texts.extend((0..MAX_CANDIDATES).map(|number| text_of_format(*format, number, least as usize)));
    }
    let patterns = limits.iter().filter_map(|limits| limits.pattern);
    let patterns: Option<Vec<Regex>> = patterns.map(|pattern| Regex::new(pattern.source()).ok()).collect();
    // A pattern that is not valid matches nothing.
    let Some(patterns) = patterns else { return Vec::new() };
    let patterns: Vec<&Regex> = patterns.iter().collect();
    if patterns.is_empty() {
        let fill =
            |last: char| "a".repeat((least as usize).saturating_sub(1)) + last.encode_utf8(&mut [0; 4]);
        texts.extend((least == 0).then(String::new));
        texts.extend(('a'..='z').take(MAX_CANDIDATES).map(fill));
    } else {
        for _ in 0..3 {
            if !search.may_search_text() {
                break;
            }
            let excluded: Vec<&str> = texts.iter().map(String::as_str).collect();
            match find_text(&patterns, &[], &excluded, least as usize) {
                fanfare_pattern::Search::Found(text) => texts.push(text),
                _ => break,
            }
        }
    }
    let is_within = |text: &String| limits.iter().all(|limits| scalar::is_text_within(limits, text));
    let mut found = Vec::new();
    add(&mut found, texts.into_iter().filter(is_within).map(Value::from));
    found
}

/// Returns a text of a format, different for each number from 0 to 7. Some formats have texts of any length.
fn text_of_format(format: Format, number: usize, length: usize) -> String {
    match format {
        Format::Uuid => format!("00000000-0000-4000-8000-00000000000{number}"),
        Format::DateTime => format!("2026-01-31T12:00:0{number}Z"),
        Format::Date => format!("2026-01-0{}", number + 1),
        Format::Time => format!("12:00:0{number}Z"),
        Format::Email => format!("{:a<1$}{number}@example.com", "user", length.saturating_sub(13)),
        Format::Uri => format!("{:a<1$}{number}", "https://example.com/", length.saturating_sub(1)),
        Format::Ipv4 => format!("192.0.2.{}", number + 1),
        Format::Ipv6 => format!("2001:db8::{}", number + 1),
        Format::Hostname => format!("{:a<1$}{number}.example.com", "host", length.saturating_sub(13)),
        Format::Int64 | Format::Uint64 => number.to_string(),
    }
}

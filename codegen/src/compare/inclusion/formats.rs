//! Formats as patterns.

use crate::model::Format;

/// A number up to 23.
const HOUR: &str = r"(?:[01]\d|2[0-3])";
const OFFSET: &str = r"(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)";
const DATE: &str = concat!(
    r"(?:\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)",
    r"|02-(?:0[1-9]|1\d|2[0-8]))",
    r"|(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)",
);
const BYTE: &str = r"(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])";
/// The name of a host with up to four labels of up to 63 characters.
const HOST: &str = r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,31}(?:\.[A-Za-z0-9](?:-?[A-Za-z0-9]){0,31}){0,3}";

/// Patterns for the texts of a format.
pub(super) struct Patterns {
    /// Matches only texts of the format.
    pub(super) inner: String,
    /// Matches all texts of the format.
    pub(super) outer: String,
}

impl Patterns {
    pub(super) fn of(format: Format) -> Self {
        let [inner, outer] = match format {
            Format::Uuid => both("[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}".to_owned()),
            Format::DateTime => [r"[0-5]\d", r"(?:[0-5]\d|60)"]
                .map(|second| format!(r"{DATE}[Tt]{HOUR}:[0-5]\d:{second}{OFFSET}")),
            Format::Date => both(DATE.to_owned()),
            Format::Time => [r"[0-5]\d", r"(?:[0-5]\d|60)"]
                .map(|second| format!(r"{HOUR}:[0-5]\d:{second}{OFFSET}")),
            Format::Email => [
                format!(r"[A-Za-z0-9_+-]{{1,20}}(?:\.[A-Za-z0-9_+-]{{1,9}}){{0,2}}@{HOST}"),
                r#"(?:[!#-?A-Z^-~.-]+|"[ -~]*")@(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Za-z:.]+\])"#.to_owned(),
            ],
            Format::Uri => [
                r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9_/.~-]*(?:\?[A-Za-z0-9=&]*)?(?:#[A-Za-z0-9]*)?".to_owned(),
                "[A-Za-z][A-Za-z0-9+.-]*:[!-~]*".to_owned(),
            ],
            Format::Ipv4 => both(format!(r"{BYTE}(?:\.{BYTE}){{3}}")),
            Format::Ipv6 => [
                "(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){7}|::(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,5})?)"
                    .to_owned(),
                "[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*".to_owned(),
            ],
            Format::Hostname => [
                HOST.to_owned(),
                "[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?".to_owned(),
            ],
            Format::Int64 => {
                let (most, least) = (at_most(i64::MAX.unsigned_abs()), at_most(i64::MIN.unsigned_abs()));
                both(format!("(?:0|{most}|-{least})"))
            }
            Format::Uint64 => both(format!("(?:0|{})", at_most(u64::MAX))),
        };
        Self { inner: format!("^{inner}$"), outer: format!("^{outer}$") }
    }
}

fn both(pattern: String) -> [String; 2] {
    [pattern.clone(), pattern]
}

/// Returns a pattern for the numbers from 1 to a limit of two digits or more.
fn at_most(limit: u64) -> String {
    let digits = limit.to_string();
    let mut ways = vec![digits.clone(), format!(r"[1-9]\d{{0,{}}}", digits.len() - 2)];
    for (at, digit) in digits.char_indices() {
        let lowest = if at == 0 { '1' } else { '0' };
        // The characters before a digit: those of smaller digits.
        if let Some(smaller) = char::from_u32(u32::from(digit) - 1).filter(|smaller| *smaller >= lowest) {
            ways.push(format!(r"{}[{lowest}-{smaller}]\d{{{}}}", &digits[..at], digits.len() - at - 1));
        }
    }
    format!("(?:{})", ways.join("|"))
}

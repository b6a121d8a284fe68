//! Patterns: they match as ECMA-262 defines, in time linear in the length of the text.

use fanfare::schema::Pattern;

use super::lines;

/// The longest source, in bytes. Sources are leaked, because patterns need a `'static` one.
const MAX_SOURCE: usize = 48;

/// The longest text that is also matched by backtracking, in characters.
const MAX_COMPARED: usize = 10;

/// The most characters times quantifiers for which backtracking is compared. Its steps may double with each of them.
const MAX_BACKTRACKING: usize = 20;

/// Reads the source of a pattern, and four lines that make a text: its start, a part, how often the part is repeated,
/// and its end.
pub(crate) fn check(input: &[u8]) {
    let Some([source, start, part, count, end]) = lines(input) else { return };
    if source.len() > MAX_SOURCE {
        return;
    }
    let count: usize = count.parse().unwrap_or(1);
    if part.len().saturating_mul(count) > crate::MAX_INPUT {
        return;
    }
    let pattern = Pattern::new(String::leak(source.to_owned()));
    let short = format!("{start}{part}{end}");
    let matches = pattern.matches(&short);
    if fanfare_pattern::Regex::new(source).is_err() {
        assert!(!matches, "/{source}/u is refused, but matches");
    } else if may_backtrack(source, &short) {
        let reference = regress::Regex::with_flags(source, "u");
        let reference =
            reference.unwrap_or_else(|error| panic!("/{source}/u is not a valid pattern: {error}"));
        assert_eq!(matches, reference.find(&short).is_some(), "/{source}/u and {short:?}");
    }
    // Only to check the time.
    let _ = pattern.matches(&format!("{start}{}{end}", part.repeat(count)));
}

/// Returns `true` if the backtracking reference decides soon. Over repeated groups that may be empty, it can loop forever.
fn may_backtrack(source: &str, text: &str) -> bool {
    let quantifiers = source.matches(['*', '+', '?', '{']).count();
    let repeats_a_group = [")*", ")+", ")?", "){"].iter().any(|end| source.contains(end));
    let may_be_empty = quantifiers > 1 || source.contains('|') || source.contains("()");
    let characters = text.chars().count();
    !(repeats_a_group && may_be_empty)
        && characters <= MAX_COMPARED
        && characters * quantifiers <= MAX_BACKTRACKING
}

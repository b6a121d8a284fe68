//! Patterns: matching takes time in proportion to the text, and means what ECMA-262 says.

use fanfare::schema::Pattern;

use super::lines;

/// The longest source, in bytes. A source lives as long as the process, since patterns are `static` elsewhere.
const MAX_SOURCE: usize = 48;

/// The longest text that is also matched by backtracking, in characters. It may take time that doubles with each.
const MAX_COMPARED: usize = 10;

/// Reads a source, and a text as its start, a part that repeats, how often that is there, and its end.
pub(crate) fn check(input: &[u8]) {
    let Some([source, start, part, count, end]) = lines(input) else { return };
    if source.len() > MAX_SOURCE {
        return;
    }
    let count: usize = count.parse().unwrap_or(1);
    if part.len() * count > crate::MAX_INPUT {
        return;
    }
    let pattern = Pattern::new(String::leak(source.to_owned()));
    let short = format!("{start}{part}{end}");
    let matches = pattern.matches(&short);
    if fanfare_pattern::Regex::new(source).is_err() {
        assert!(!matches, "/{source}/u is refused and matches");
    } else if short.chars().count() <= MAX_COMPARED {
        let reference = regress::Regex::with_flags(source, "u");
        let reference = reference.unwrap_or_else(|error| panic!("/{source}/u is no pattern: {error}"));
        assert_eq!(matches, reference.find(&short).is_some(), "/{source}/u and {short:?}");
    }
    // Only the time counts.
    let _ = pattern.matches(&format!("{start}{}{end}", part.repeat(count)));
}

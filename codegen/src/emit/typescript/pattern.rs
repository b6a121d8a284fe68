//! Patterns as TypeScript: native ones where JavaScript matches them in linear time, and automata for all others.

use fanfare_pattern::Regex;

use super::quoted;

/// A pattern as an expression.
pub(super) fn expression(pattern: &str) -> String {
    match automaton(pattern) {
        Some(code) => format!("f.automaton({}, {})", quoted(pattern), quoted(&code)),
        None => quoted(pattern),
    }
}

/// Whether JavaScript's own regular expressions match it.
pub(super) fn is_native(pattern: &str) -> bool {
    automaton(pattern).is_none()
}

fn automaton(pattern: &str) -> Option<String> {
    // A pattern that is no regular expression was refused before.
    let regex = Regex::new(pattern).ok()?;
    (!regex.is_natively_linear()).then(|| regex.encode())
}

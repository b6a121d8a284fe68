//! Patterns as TypeScript: native if JavaScript matches them in linear time, otherwise automata.

use fanfare_pattern::Regex;

use super::{PURE, quoted};

/// A pattern as an expression.
pub(super) fn expression(pattern: &str) -> String {
    match automaton(pattern) {
        Some(code) => format!("{PURE}f.automaton({}, {})", quoted(pattern), quoted(&code)),
        None => quoted(pattern),
    }
}

/// Returns `true` if the pattern uses JavaScript's own regular expressions.
pub(super) fn is_native(pattern: &str) -> bool {
    automaton(pattern).is_none()
}

fn automaton(pattern: &str) -> Option<String> {
    // Invalid patterns are rejected before.
    let regex = Regex::new(pattern).ok()?;
    (!regex.is_natively_linear()).then(|| regex.encode())
}

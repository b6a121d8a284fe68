//! Texts that may contain U+0000, which PostgreSQL's cannot.
//!
//! U+0000 is stored as U+0001 U+0001, and U+0001 as U+0001 U+0002. This keeps the order of texts.

use std::borrow::Cow;

const ESCAPE: char = '\u{1}';

/// Returns the text to store.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte <= 1) {
        return text.into();
    }
    text.replace(ESCAPE, "\u{1}\u{2}").replace('\0', "\u{1}\u{1}").into()
}

/// Returns the text that was stored.
pub(super) fn unescape(stored: String) -> String {
    if !stored.contains(ESCAPE) {
        return stored;
    }
    let (mut text, mut characters) = (String::with_capacity(stored.len()), stored.chars());
    while let Some(character) = characters.next() {
        if character == ESCAPE {
            let is_escape = characters.next() == Some('\u{2}');
            text.push(if is_escape { ESCAPE } else { '\0' });
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_kept_with_their_order() {
        let parts = ["", "\0", "\u{1}", "\u{2}", "a", "é"];
        let mut texts = Vec::new();
        for first in parts {
            texts
                .extend(parts.iter().flat_map(|second| parts.map(|third| format!("{first}{second}{third}"))));
        }
        for text in &texts {
            let stored = escape(text);
            assert!(!stored.contains('\0'));
            assert_eq!(unescape(stored.to_string()), *text);
            for other in &texts {
                assert_eq!(text.cmp(other), stored.cmp(&escape(other)), "{text:?} {other:?}");
            }
        }
    }
}

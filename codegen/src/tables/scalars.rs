//! The limits of numbers and strings.

use fanfare_schema::{Kinds, Number, Pattern, Text};

use super::leak::{leak, leak_text};
use crate::model;

pub(crate) fn kinds(kinds: model::Kinds) -> Kinds {
    let all = [
        (model::Kinds::NULL, Kinds::NULL),
        (model::Kinds::BOOLEAN, Kinds::BOOLEAN),
        (model::Kinds::INTEGER, Kinds::INTEGER),
        (model::Kinds::NUMBER, Kinds::NUMBER),
        (model::Kinds::STRING, Kinds::STRING),
        (model::Kinds::ARRAY, Kinds::ARRAY),
        (model::Kinds::OBJECT, Kinds::OBJECT),
    ];
    let contained = all.into_iter().filter(|(kind, _)| kinds.contains(*kind));
    contained.fold(Kinds::NONE, |kinds, (_, kind)| kinds.or(kind))
}

pub(crate) fn number(number: &model::Number) -> Number {
    Number {
        minimum: number.minimum,
        maximum: number.maximum,
        exclusive_minimum: number.exclusive_minimum,
        exclusive_maximum: number.exclusive_maximum,
        multiple_of: number.multiple_of,
    }
}

pub(crate) fn text(text: &model::Text) -> Text {
    Text {
        min_length: text.min_length.unwrap_or(0),
        max_length: text.max_length.unwrap_or(u32::MAX),
        pattern: text.pattern.as_deref().map(pattern),
        format: text.format,
    }
}

pub(crate) fn pattern(source: &str) -> &'static Pattern {
    leak(Pattern::new(leak_text(source)))
}

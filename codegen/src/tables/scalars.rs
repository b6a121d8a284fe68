//! The limits of numbers and strings.

use fanfare_schema::{Format, Kinds, Number, Pattern, Text};

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
        format: text.format.map(format),
    }
}

pub(crate) fn pattern(source: &str) -> &'static Pattern {
    leak(Pattern::new(leak_text(source)))
}

fn format(format: model::Format) -> Format {
    match format {
        model::Format::Uuid => Format::Uuid,
        model::Format::DateTime => Format::DateTime,
        model::Format::Date => Format::Date,
        model::Format::Time => Format::Time,
        model::Format::Email => Format::Email,
        model::Format::Uri => Format::Uri,
        model::Format::Ipv4 => Format::Ipv4,
        model::Format::Ipv6 => Format::Ipv6,
        model::Format::Hostname => Format::Hostname,
        model::Format::Int64 => Format::Int64,
        model::Format::Uint64 => Format::Uint64,
    }
}

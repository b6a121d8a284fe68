//! What the author of a schema may not expect: types that say less than the schema, and values that are never valid.

use crate::diagnostics::{Code, Diagnostic, Location};

/// Something to report about a schema that has a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Finding {
    /// Properties that match a pattern, next to others of any kind.
    Patterns,
    /// `then`, `else` or `dependentSchemas` describe properties.
    Branches,
    /// A schema that contains itself meets another one.
    Recursive,
    /// The alternatives of several unions meet in too many combinations.
    TooMany,
    /// Items of different types in an array without a fixed length.
    OpenTuple,
    /// Schemas that exclude each other.
    Excluded,
    /// A property that another schema rejects.
    Rejected,
    /// `oneOf` with alternatives that match the same values.
    Overlap,
}

impl Finding {
    pub(crate) fn at(self, location: &Location) -> Diagnostic {
        let lost = |message: &str, note: &str, help: &str| {
            Diagnostic::at(Code::LostType, location, message).note(note).help(help)
        };
        match self {
            Self::Patterns => lost(
                "properties that match a pattern become any JSON value in Rust and TypeScript",
                "other undeclared properties may have any value, and no type tells them apart",
                "declare the properties, or add `additionalProperties: false`",
            ),
            Self::Branches => lost(
                "properties that only a condition describes have no type",
                "the condition does not depend on a property that lists its values",
                "declare the properties, test a property with an `enum`, or write a `oneOf`",
            ),
            Self::Recursive => lost(
                "this schema has the type of the schema that it narrows",
                "the schema is part of itself, or refers to others too many times",
                "describe the narrowed properties directly",
            ),
            Self::TooMany => lost(
                "this schema has the type of one of the unions that it combines",
                "more than 1,024 combinations of their alternatives are possible",
                "combine fewer alternatives",
            ),
            Self::OpenTuple => lost(
                "the items of this array become any JSON value in Rust",
                "the items have different types, and the array has no fixed length",
                "set `minItems` and `items: false`, or use an object",
            ),
            Self::Excluded => Diagnostic::at(Code::NeverMatches, location, "no value matches this schema")
                .note("its parts exclude each other")
                .help("remove the part that is wrong"),
            Self::Rejected => {
                let message = "a property of this schema can never be present";
                Diagnostic::at(Code::NeverMatches, location, message)
                    .note("another schema for the same object has `additionalProperties: false`")
                    .help("use `unevaluatedProperties: false` next to the `allOf` instead")
            }
            Self::Overlap => {
                Diagnostic::at(Code::Overlap, location, "alternatives of this `oneOf` match the same values")
                    .note("a value that matches more than one of them is rejected")
                    .help("use `anyOf`, or give each alternative a required property with a distinct `const`")
            }
        }
    }
}

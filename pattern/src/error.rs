//! The error type.

use std::fmt;

/// The reason that a pattern was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The pattern violates the grammar, in the described way.
    Syntax(&'static str),
    /// A back-reference, such as `\1` or `\k<name>`.
    BackReference,
    /// A group with flags of its own, such as `(?i:a)`.
    Modifier,
    /// The repetitions need more than 10,000 states when expanded.
    TooLarge,
    /// Groups are nested more than 200 levels deep.
    TooDeep,
    /// More than 16 lookarounds.
    TooManyLookarounds,
    /// The character sets divide the alphabet into too many classes.
    TooManyClasses,
    /// Matching a text of 1,000,000 characters could take longer than about a second.
    TooSlow,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Syntax(what) => what,
            Self::BackReference => "back-references cannot be matched in linear time",
            Self::Modifier => "groups cannot set flags",
            Self::TooLarge => "repetitions need more than 10,000 states",
            Self::TooDeep => "groups are nested more than 200 levels deep",
            Self::TooManyLookarounds => "more than 16 lookarounds",
            Self::TooManyClasses => "character sets divide the alphabet into too many classes",
            Self::TooSlow => {
                "matching a long text would take too long, because too many states are active at once"
            }
        })
    }
}

impl std::error::Error for Error {}

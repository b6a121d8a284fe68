//! Why a pattern is refused.

use std::fmt;

/// The reason why a pattern was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The pattern breaks the grammar; says how.
    Syntax(&'static str),
    /// A back-reference, such as `\1` or `\k<name>`.
    BackReference,
    /// A group with flags of its own, such as `(?i:a)`.
    Modifier,
    /// Written out, its repetitions need more than 10,000 states.
    TooLarge,
    /// Groups nested more than 200 deep.
    TooDeep,
    /// More than 16 lookarounds.
    TooManyLookarounds,
    /// Too many sets of characters that divide the alphabet in too many ways.
    TooManyClasses,
    /// A text of 1,000,000 characters could take longer than about a second.
    TooSlow,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Syntax(what) => what,
            Self::BackReference => "back-references cannot be matched in linear time",
            Self::Modifier => "groups cannot set flags",
            Self::TooLarge => "its repetitions need more than 10,000 states",
            Self::TooDeep => "its groups nest more than 200 deep",
            Self::TooManyLookarounds => "it has more than 16 lookarounds",
            Self::TooManyClasses => "its sets divide the characters into too many classes",
            Self::TooSlow => "long texts would take too long, since too many states are active at once",
        })
    }
}

impl std::error::Error for Error {}

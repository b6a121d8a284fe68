//! Regular expressions of ECMA-262 with the `u` flag, matched in time linear in the length of the text.

use std::fmt;
use std::sync::OnceLock;

use fanfare_pattern::Regex;
use sequence::Sequence;

mod sequence;

/// A regular expression that lives in a `static` and is compiled on first use.
///
/// Matching takes time linear in the length of the text, whatever the pattern. In return, back-references such as `\1`
/// are not supported.
///
/// ```
/// use fanfare_schema::Pattern;
///
/// static RUN_ID: Pattern = Pattern::new("^run_[a-z0-9]+$");
/// assert!(RUN_ID.matches("run_42"));
/// assert!(!RUN_ID.matches("walk_42"));
/// ```
pub struct Pattern {
    source: &'static str,
    compiled: OnceLock<Compiled>,
}

impl Pattern {
    /// Creates a pattern from its source.
    #[must_use]
    pub const fn new(source: &'static str) -> Self {
        Self { source, compiled: OnceLock::new() }
    }

    /// Returns the source.
    #[must_use]
    pub const fn source(&self) -> &'static str {
        self.source
    }

    /// Returns `true` if the pattern matches somewhere in the text.
    ///
    /// A source that the compiler would reject matches nothing: one that is not a regular expression, has a
    /// back-reference, or needs too many states.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match self.compiled.get_or_init(|| Compiled::new(self.source)) {
            Compiled::Sequence(sequence) => sequence.matches(text),
            Compiled::Regex(regex) => regex.is_match(text),
            Compiled::Nothing => false,
        }
    }
}

/// A compiled pattern.
enum Compiled {
    Sequence(Sequence),
    Regex(Box<Regex>),
    /// The source is rejected.
    Nothing,
}

impl Compiled {
    fn new(source: &str) -> Self {
        match (Sequence::parse(source), Regex::new(source)) {
            (Some(sequence), Ok(_)) => Self::Sequence(sequence),
            (None, Ok(regex)) => Self::Regex(Box::new(regex)),
            (_, Err(_)) => Self::Nothing,
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "/{}/u", self.source)
    }
}

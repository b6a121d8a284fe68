//! Regular expressions, read as ECMA-262 with the `u` flag on both sides.

use std::fmt;
use std::sync::OnceLock;

use sequence::Sequence;

mod sequence;

/// A regular expression that lives in a `static` and is compiled on first use.
///
/// ```
/// use fanfare::schema::Pattern;
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
    /// A pattern from its source text.
    #[must_use]
    pub const fn new(source: &'static str) -> Self {
        Self { source, compiled: OnceLock::new() }
    }

    /// The source text.
    #[must_use]
    pub const fn source(&self) -> &'static str {
        self.source
    }

    /// Whether the pattern matches somewhere in the text. A source that is no
    /// regular expression matches nothing.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match self.compiled.get_or_init(|| Compiled::of(self.source)) {
            Compiled::Sequence(sequence) => sequence.matches(text),
            Compiled::Regex(regex) => regex.find(text).is_some(),
            Compiled::Nothing => false,
        }
    }
}

/// A pattern ready for use.
enum Compiled {
    Sequence(Sequence),
    Regex(Box<regress::Regex>),
    /// It is no regular expression.
    Nothing,
}

impl Compiled {
    fn of(source: &str) -> Self {
        match (regress::Regex::with_flags(source, "u"), Sequence::of(source)) {
            (Err(_), _) => Self::Nothing,
            (Ok(_), Some(sequence)) => Self::Sequence(sequence),
            (Ok(regex), None) => Self::Regex(Box::new(regex)),
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "/{}/u", self.source)
    }
}

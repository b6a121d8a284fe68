//! Regular expressions, read as ECMA-262 with the `u` flag on both sides.

use std::fmt;
use std::sync::OnceLock;

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
    compiled: OnceLock<Option<regress::Regex>>,
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
        self.compiled
            .get_or_init(|| regress::Regex::with_flags(self.source, "u").ok())
            .as_ref()
            .is_some_and(|regex| regex.find(text).is_some())
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "/{}/u", self.source)
    }
}

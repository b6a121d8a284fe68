//! One reason why a value is not accepted.

use std::borrow::Cow;
use std::fmt;

use super::MAX_ISSUES;
use super::shown::cut;

/// One reason why a value is not accepted.
///
/// ```
/// use fanfare::schema::{check, Integer, Schema};
///
/// static PERCENT: Schema = Schema::Integer(Integer { minimum: 0, maximum: 100, multiple_of: None });
/// let issues = check(&PERCENT, &101).unwrap_err();
/// assert_eq!((issues[0].rule, issues[0].value.as_deref()), ("maximum", Some("101")));
/// assert_eq!(issues[0].to_string(), "the value must be at most 100, got 101");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Where, as a JSON pointer; empty for the whole value. Names of more than 64 characters are cut and
    /// end with `…`, and so is a path of more than 300.
    pub path: String,
    /// The JSON Schema keyword that is broken.
    pub rule: &'static str,
    /// What the value must be, in words: `must be at most 100`.
    pub message: String,
    /// What stands there, in short: `101`, `"a text"`, `an array`. Nothing
    /// where something is missing.
    pub value: Option<String>,
}

impl fmt::Display for Issue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.path.is_empty() { "the value" } else { &self.path };
        write!(formatter, "{place} {}", self.message)?;
        self.value.as_ref().map_or(Ok(()), |value| write!(formatter, ", got {value}"))
    }
}

impl std::error::Error for Issue {}

impl Issue {
    /// Stands for the issues beyond [`MAX_ISSUES`].
    pub(super) fn more() -> Self {
        let message = format!("has more than {MAX_ISSUES} issues");
        Self { path: String::new(), rule: "issues", message, value: None }
    }
}

/// A path of more code points is cut.
const MAX_PATH: usize = 300;

/// Cuts long paths, and orders issues by them, those of one path as they were found, each once.
pub(super) fn in_order(mut issues: Vec<Issue>) -> Vec<Issue> {
    for issue in &mut issues {
        if let Cow::Owned(path) = cut(&issue.path, MAX_PATH) {
            issue.path = path;
        }
    }
    // The bytes of UTF-8 have the order of the code points, and the sort is stable.
    issues.sort_by(|one, other| one.path.cmp(&other.path));
    let mut ordered: Vec<Issue> = Vec::with_capacity(issues.len());
    for issue in issues {
        if !ordered.contains(&issue) {
            ordered.push(issue);
        }
    }
    ordered
}

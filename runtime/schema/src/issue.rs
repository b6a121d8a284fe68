//! A violation of a schema.

use std::borrow::Cow;
use std::fmt;

use super::MAX_ISSUES;
use super::display::truncate;

/// A violation of a schema.
///
/// ```
/// use fanfare_schema::{check, Integer, Schema};
///
/// static PERCENT: Schema = Schema::Integer(Integer { minimum: 0, maximum: 100, multiple_of: None });
/// let issues = check(&PERCENT, &101).unwrap_err();
/// assert_eq!((issues[0].rule, issues[0].value.as_deref()), ("maximum", Some("101")));
/// assert_eq!(issues[0].to_string(), "the value must be at most 100, got 101");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// The path of the value, as a JSON Pointer; empty for the whole value. Names of more than 64 characters are
    /// truncated and end with `…`, and so are paths of more than 300.
    pub path: String,
    /// The JSON Schema keyword that is violated; `depth` if the value is nested too deeply; `issues` in the issue that stands
    /// for those beyond [`MAX_ISSUES`](super::MAX_ISSUES).
    pub rule: &'static str,
    /// The requirement, such as `must be at most 100`.
    pub message: String,
    /// The value in short, such as `101`, `"a text"` or `an array`. `None` if a property is missing.
    pub value: Option<String>,
}

impl fmt::Display for Issue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the value" } else { &self.path };
        write!(formatter, "{path} {}", self.message)?;
        self.value.as_ref().map_or(Ok(()), |value| write!(formatter, ", got {value}"))
    }
}

impl std::error::Error for Issue {}

impl Issue {
    /// Creates the issue that represents those beyond [`MAX_ISSUES`].
    pub(super) fn more() -> Self {
        let message = format!("has more than {MAX_ISSUES} issues");
        Self { path: String::new(), rule: "issues", message, value: None }
    }
}

/// The maximum length of a path, in code points.
const MAX_PATH: usize = 300;

/// Truncates long paths, sorts issues by path, and removes duplicates. Issues with the same path keep their order.
pub(super) fn in_order(mut issues: Vec<Issue>) -> Vec<Issue> {
    for issue in &mut issues {
        if let Cow::Owned(path) = truncate(&issue.path, MAX_PATH) {
            issue.path = path;
        }
    }
    // UTF-8 sorts by code points, and the sort is stable.
    issues.sort_by(|one, other| one.path.cmp(&other.path));
    let mut ordered: Vec<Issue> = Vec::with_capacity(issues.len());
    for issue in issues {
        if !ordered.contains(&issue) {
            ordered.push(issue);
        }
    }
    ordered
}

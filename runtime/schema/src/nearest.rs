//! Issues of values that match no alternative of a union, or several.
//!
//! The message names the alternatives, and gives the reason why the nearest one rejects the value. An alternative is not
//! near if it rejects the type of the value, or the value is not one of its constants. Among the others, the nearest
//! has the fewest issues that suggest another object: its own properties that are missing, not allowed or another
//! constant. Then it is the one with the fewest issues, and then the first. The reason is its first issue, in the order
//! of paths. Reasons are computed only for issues that are reported, and the unions inside a reason give none, so the
//! time is linear in the size of the value.

use super::Issue;
use super::display::join;
use super::issue::in_order;
use super::names::{Alternative, Names};
use super::path::Path;
use super::report::{Report, Stop};
use super::visit::Visit;

/// The maximum number of matching alternatives that a message lists.
const MAX_MATCHES: usize = 5;

/// Reports a value that no alternative accepts.
#[cold]
pub(super) fn report_no_match<A: Alternative>(
    rule: &'static str,
    alternatives: &[&'static A],
    (value, path): (&dyn Visit, &Path<'_>),
    report: &mut Report,
    check: impl Fn(&'static A, &mut Report) -> Result<(), Stop>,
) -> Result<(), Stop> {
    if report.stops_at_first() {
        return Err(Stop::Enough);
    }
    let mut message = Names::new(alternatives, report.allows_null(path)).requirement();
    if report.gives_reasons() {
        let rejections = alternatives.iter().filter_map(|&alternative| {
            Rejection::new(alternative, path, report, |report| check(alternative, report))
        });
        if let Some(nearest) = rejections.min_by_key(|rejection| rejection.distance) {
            message.push_str(&nearest.describe());
        }
    }
    report.add(path, value, rule, || message)
}

/// Reports a value that several alternatives accept.
#[cold]
pub(super) fn report_several_matches<A: Alternative>(
    alternatives: &'static [&'static A],
    (value, path): (&dyn Visit, &Path<'_>),
    report: &mut Report,
    accepts: impl Fn(&'static A, &mut Report) -> bool,
) -> Result<(), Stop> {
    if report.stops_at_first() {
        return Err(Stop::Enough);
    }
    let matching = alternatives.iter().zip(1..).filter(|(alternative, _)| accepts(alternative, report));
    let matching: Vec<String> = matching
        .map(|(alternative, number)| format!("{number} ({})", Names::new(&[*alternative], false).list()))
        .collect();
    report.add(path, value, "oneOf", || {
        let list = join(&matching, MAX_MATCHES, "and");
        format!("must match exactly one alternative, but matches alternatives {list}")
    })
}

/// The issues of an alternative that accepts the type of the value.
struct Rejection {
    name: String,
    first: Issue,
    /// The number of issues that suggest another object, and the number of all issues.
    distance: (usize, usize),
}

impl Rejection {
    fn new<A: Alternative>(
        alternative: &A,
        path: &Path<'_>,
        report: &mut Report,
        check: impl FnOnce(&mut Report) -> Result<(), Stop>,
    ) -> Option<Self> {
        let (mut issues, has_more) = report.collect(check);
        let base = path.pointer().len();
        for issue in &mut issues {
            issue.path.drain(..base.min(issue.path.len()));
        }
        let issues = in_order(issues);
        let requirement = Names::inside(alternative).requirement();
        if issues.iter().any(|issue| rejects_type(issue, &requirement)) {
            return None;
        }
        let suggesting = issues.iter().filter(|issue| suggests_another_object(issue)).count();
        let distance = (suggesting, issues.len() + usize::from(has_more));
        let name = Names::new(&[alternative], false).list();
        Some(Self { name, first: issues.into_iter().next()?, distance })
    }

    fn describe(&self) -> String {
        let Self { name, first: Issue { path, message, .. }, .. } = self;
        let subject = if path.is_empty() { "it" } else { path };
        format!(" (nearest: {name}, but {subject} {message})")
    }
}

/// Returns whether the value itself has the wrong type, is another constant, or has an issue that would only repeat the
/// requirement.
fn rejects_type(issue: &Issue, requirement: &str) -> bool {
    issue.path.is_empty()
        && (matches!(issue.rule, "type" | "enum" | "const")
            || issue.message == "is not allowed"
            || issue.message == requirement)
}

fn suggests_another_object(issue: &Issue) -> bool {
    const RULES: [&str; 5] = ["required", "additionalProperties", "unevaluatedProperties", "enum", "const"];
    issue.path.matches('/').count() == 1 && RULES.contains(&issue.rule)
}

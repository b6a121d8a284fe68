//! Schemas that need the whole value before they decide, or visit it more than once.

use super::check::{breaks_profile, report_missing, visit};
use super::display::{choices_keyword, describe_choices, quote};
use super::literals::Literals;
use super::memo::Role;
use super::nearest::{report_no_match, report_several_matches};
use super::path::Path;
use super::report::{Report, Stop};
use super::scalar::report_wrong_type;
use super::visit::{Found, Visit, Visitor};
use super::{Schema, Tagged, Text};

pub(super) fn check_any_of(
    alternatives: &'static [&'static Schema],
    value: &dyn Visit,
    path: &Path<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    if let [only] = alternatives {
        return visit(only, value, path, report);
    }
    if let Some(schema) = nullable(alternatives) {
        // The issues of a value that is not null are more helpful than "no alternative matches".
        return if accepts(&Schema::Null, value, path, report) {
            Ok(())
        } else {
            report.check_nullable(path, |report| visit(schema, value, path, report))
        };
    }
    report.check_once(Role::AnyOf, alternatives, path, |report| {
        report.check_repeatedly(|report| {
            if alternatives.iter().any(|schema| accepts(schema, value, path, report)) {
                return Ok(());
            }
            report_no_match("anyOf", alternatives, (value, path), report, |schema, report| {
                visit(schema, value, path, report)
            })
        })
    })
}

fn accepts(schema: &Schema, value: &dyn Visit, path: &Path<'_>, report: &mut Report) -> bool {
    report.accepts(|report| visit(schema, value, path, report))
}

fn nullable<'a>(alternatives: &[&'a Schema]) -> Option<&'a Schema> {
    let [first, second] = alternatives else { return None };
    match (first.resolve(), second.resolve()) {
        (_, Schema::Null) => Some(first),
        (Schema::Null, _) => Some(second),
        _ => None,
    }
}

pub(super) fn check_one_of(
    alternatives: &'static [&'static Schema],
    value: &dyn Visit,
    path: &Path<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    report.check_once(Role::OneOf, alternatives, path, |report| {
        report.check_repeatedly(|report| {
            let accepting = alternatives.iter().filter(|schema| accepts(schema, value, path, report));
            match accepting.take(2).count() {
                0 => report_no_match("oneOf", alternatives, (value, path), report, |schema, report| {
                    visit(schema, value, path, report)
                }),
                1 => Ok(()),
                _ => report_several_matches(alternatives, (value, path), report, |schema, report| {
                    accepts(schema, value, path, report)
                }),
            }
        })
    })
}

pub(super) fn check_literals(
    literals: &Literals,
    value: &dyn Visit,
    path: &Path<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    value.visit(&mut LiteralChecker { literals, value, path, report })
}

struct LiteralChecker<'a> {
    literals: &'a Literals,
    value: &'a dyn Visit,
    path: &'a Path<'a>,
    report: &'a mut Report,
}

impl Visitor for LiteralChecker<'_> {
    fn found(&mut self, found: Found<'_>) -> Result<(), Stop> {
        if breaks_profile(found, self.path, self.report)? || self.literals.contains(found, self.value) {
            return Ok(());
        }
        self.literals.report_mismatch(found, self.path, self.report)
    }
}

pub(super) fn check_tagged(
    rules: &Tagged,
    value: &dyn Visit,
    path: &Path<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    // Looks for the tag only, and stops as soon as it is found.
    let mut search = TagSearch { rules, path, report, is_decided: false, case: None };
    let outcome = value.visit(&mut search);
    match search.case {
        Some(case) => visit(case, value, path, report),
        None => outcome,
    }
}

/// Looks for the property with the tag, and reports its issues.
struct TagSearch<'a> {
    rules: &'a Tagged,
    path: &'a Path<'a>,
    report: &'a mut Report,
    is_decided: bool,
    case: Option<&'static Schema>,
}

impl Visitor for TagSearch<'_> {
    fn found(&mut self, found: Found<'_>) -> Result<(), Stop> {
        if matches!(found, Found::Object) {
            return Ok(());
        }
        self.is_decided = true;
        report_wrong_type(&Schema::Tagged(*self.rules), found, self.path, self.report)
    }

    fn property(&mut self, name: &str, value: &dyn Visit) -> Result<(), Stop> {
        if self.is_decided || name != self.rules.tag {
            return Ok(());
        }
        self.is_decided = true;
        let path = &self.path.absent(name);
        value.visit(&mut TagChecker {
            rules: self.rules,
            path,
            report: self.report,
            case: &mut self.case,
        })?;
        if self.case.is_some() { Err(Stop::Enough) } else { Ok(()) }
    }

    fn end(&mut self) -> Result<(), Stop> {
        if self.is_decided { Ok(()) } else { report_missing(&self.path.absent(self.rules.tag), self.report) }
    }
}

struct TagChecker<'a> {
    rules: &'a Tagged,
    path: &'a Path<'a>,
    report: &'a mut Report,
    case: &'a mut Option<&'static Schema>,
}

impl Visitor for TagChecker<'_> {
    fn found(&mut self, found: Found<'_>) -> Result<(), Stop> {
        let Tagged { cases, open, .. } = *self.rules;
        let Found::Text(tag) = found else {
            return report_wrong_type(&Schema::Text(Text::ANY), found, self.path, self.report);
        };
        *self.case = match cases.iter().find(|(name, _)| *name == tag) {
            Some((_, case)) => Some(case),
            None if open => Some(&Schema::Any),
            None => {
                return self.report.add(self.path, found, choices_keyword(cases.len()), || {
                    describe_choices(cases.iter().map(|(name, _)| quote(name)), false)
                });
            }
        };
        Ok(())
    }
}

//! Schemas that must see the whole value before they decide, or see it more
//! than once.

use super::check::{breaks_profile, missing, visit};
use super::literals::Literals;
use super::memory::Role;
use super::place::{Place, Report, Stop};
use super::scalar::{one_of_names, refuse};
use super::shown::rule_of_choices;
use super::visit::{Found, Visit, Visitor};
use super::{Schema, Tagged, Text};

pub(super) fn any_of(
    alternatives: &'static [&'static Schema],
    value: &dyn Visit,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    if let [only] = alternatives {
        return visit(only, value, place, report);
    }
    if let Some(schema) = nullable(alternatives) {
        // What is wrong with a value that is not null says more than "no alternative fits".
        return if accepts(&Schema::Null, value, place, report) {
            Ok(())
        } else {
            visit(schema, value, place, report)
        };
    }
    report.once(Role::AnyOf, alternatives, place, |report| {
        let is_accepted = report
            .repeatedly(|report| alternatives.iter().any(|schema| accepts(schema, value, place, report)));
        if is_accepted {
            return Ok(());
        }
        report.add(place, value, "anyOf", || NO_ALTERNATIVE.to_owned())
    })
}

pub(super) const NO_ALTERNATIVE: &str = "must match one of the alternatives";

fn accepts(schema: &Schema, value: &dyn Visit, place: &Place<'_>, report: &mut Report) -> bool {
    report.accepts(|report| visit(schema, value, place, report))
}

fn nullable<'a>(alternatives: &[&'a Schema]) -> Option<&'a Schema> {
    match alternatives {
        [schema, Schema::Null] | [Schema::Null, schema] => Some(schema),
        _ => None,
    }
}

pub(super) fn one_of(
    alternatives: &'static [&'static Schema],
    value: &dyn Visit,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    report.once(Role::OneOf, alternatives, place, |report| {
        let accepting = report.repeatedly(|report| {
            alternatives.iter().filter(|schema| accepts(schema, value, place, report)).take(2).count()
        });
        if accepting == 1 {
            return Ok(());
        }
        report.add(place, value, "oneOf", || NOT_ONE_ALTERNATIVE.to_owned())
    })
}

pub(super) const NOT_ONE_ALTERNATIVE: &str = "must match exactly one of the alternatives";

pub(super) fn literal(
    literals: &Literals,
    value: &dyn Visit,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    value.visit(&mut LiteralChecker { literals, value, place, report })
}

struct LiteralChecker<'a> {
    literals: &'a Literals,
    value: &'a dyn Visit,
    place: &'a Place<'a>,
    report: &'a mut Report,
}

impl Visitor for LiteralChecker<'_> {
    fn found(&mut self, found: Found<'_>) -> Result<(), Stop> {
        if breaks_profile(found, self.place, self.report)? || self.literals.contain(found, self.value) {
            return Ok(());
        }
        self.literals.refuse(found, self.place, self.report)
    }
}

pub(super) fn tagged(
    rules: &Tagged,
    value: &dyn Visit,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    // Looks for the tag only, and stops as soon as it is found.
    let mut search = TagSearch { rules, place, report, is_decided: false, case: None };
    let outcome = value.visit(&mut search);
    match search.case {
        Some(case) => visit(case, value, place, report),
        None => outcome,
    }
}

/// Looks for the property that holds the tag, and reports what is wrong with it.
struct TagSearch<'a> {
    rules: &'a Tagged,
    place: &'a Place<'a>,
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
        refuse(&Schema::Tagged(*self.rules), found, self.place, self.report)
    }

    fn property(&mut self, name: &str, value: &dyn Visit) -> Result<(), Stop> {
        if self.is_decided || name != self.rules.tag {
            return Ok(());
        }
        self.is_decided = true;
        let place = &self.place.absent(name);
        value.visit(&mut TagChecker {
            rules: self.rules,
            place,
            report: self.report,
            case: &mut self.case,
        })?;
        if self.case.is_some() { Err(Stop::Enough) } else { Ok(()) }
    }

    fn end(&mut self) -> Result<(), Stop> {
        if self.is_decided { Ok(()) } else { missing(&self.place.absent(self.rules.tag), self.report) }
    }
}

struct TagChecker<'a> {
    rules: &'a Tagged,
    place: &'a Place<'a>,
    report: &'a mut Report,
    case: &'a mut Option<&'static Schema>,
}

impl Visitor for TagChecker<'_> {
    fn found(&mut self, found: Found<'_>) -> Result<(), Stop> {
        let Tagged { cases, open, .. } = *self.rules;
        let Found::Text(tag) = found else {
            return refuse(&Schema::Text(Text::ANY), found, self.place, self.report);
        };
        *self.case = match cases.iter().find(|(name, _)| *name == tag) {
            Some((_, case)) => Some(case),
            None if open => Some(&Schema::Any),
            None => {
                return self.report.add(self.place, found, rule_of_choices(cases.len()), || {
                    one_of_names(cases.iter().map(|(name, _)| name))
                });
            }
        };
        Ok(())
    }
}

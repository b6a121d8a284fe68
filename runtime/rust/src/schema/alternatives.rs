//! Schemas that must see the whole value before they decide, or see it more
//! than once.

use serde::Serialize;
use serde_json::Value;

use super::check::{Checker, accepts_at, visit};
use super::literals::{Literals, equal};
use super::place::{Place, Report, Stop, Tag};
use super::scalar::{choice, listed, one_of_names, refuse};
use super::{Schema, Tagged};

pub(super) fn any_of<T: Serialize + ?Sized>(
    alternatives: &[&Schema],
    value: &T,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    if let Some(schema) = nullable(alternatives) {
        // What is wrong with a value that is not null says more than "no alternative fits".
        return if accepts_at(&Schema::Null, value, place) {
            Ok(())
        } else {
            visit(schema, value, place, report)
        };
    }
    if alternatives.iter().any(|schema| accepts_at(schema, value, place)) {
        return Ok(());
    }
    report.add(place, "anyOf", || "must match one of the alternatives".to_owned())
}

fn nullable<'a>(alternatives: &[&'a Schema]) -> Option<&'a Schema> {
    match alternatives {
        [schema, Schema::Null] | [Schema::Null, schema] => Some(schema),
        _ => None,
    }
}

pub(super) fn one_of<T: Serialize + ?Sized>(
    alternatives: &[&Schema],
    value: &T,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    let accepting = alternatives.iter().filter(|schema| accepts_at(schema, value, place));
    if accepting.take(2).count() == 1 {
        return Ok(());
    }
    report.add(place, "oneOf", || "must match exactly one of the alternatives".to_owned())
}

pub(super) fn tagged<T: Serialize + ?Sized>(
    rules: &Tagged,
    value: &T,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    // Looks for the tag only, and stops as soon as it is found.
    let mut search = Report::verdict();
    let schema = Schema::Tagged(*rules);
    let outcome = value.serialize(Checker { schema: &schema, place, report: &mut search });
    if let Err(stop @ Stop::Unwritable(_)) = outcome {
        return Err(stop);
    }
    let tag_place = place.property(rules.tag);
    match search.tag {
        Tag::NoObject => refuse(&schema, place, report),
        Tag::Missing => report.add(&tag_place, "required", || "is required".to_owned()),
        Tag::NoString => report.add(&tag_place, "type", || "must be a string".to_owned()),
        Tag::Text(tag) => match rules.cases.iter().find(|(name, _)| *name == tag) {
            Some((_, case)) => visit(case, value, place, report),
            None if rules.open => visit(&Schema::Any, value, place, report),
            None => report.add(&tag_place, choice(rules.cases.len()), || {
                one_of_names(rules.cases.iter().map(|(name, _)| name))
            }),
        },
    }
}

pub(super) fn literal<T: Serialize + ?Sized>(
    literals: &Literals,
    value: &T,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    let choices = literals.values();
    // The wire profile first: a tree would hold null in place of a NaN.
    if accepts_at(&Schema::Any, value, place)
        && let Ok(tree) = serde_json::to_value(value)
        && choices.iter().any(|choice| equal(choice, &tree))
    {
        return Ok(());
    }
    report.add(place, choice(choices.len()), || {
        listed(&choices.iter().map(Value::to_string).collect::<Vec<_>>())
    })
}

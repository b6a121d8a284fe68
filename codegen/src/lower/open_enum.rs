//! The values that an open enum lists.

use serde_json::Value;

use super::kind_of;
use crate::definition::Keywords;
use crate::diagnostics::{Code, Diagnostic, Location};
use crate::model::{Kinds, Notes, Rules};

/// Takes the values that an open enum lists from its `enum`, or from a `oneOf` or `anyOf` of strings.
pub(super) fn take_values(keywords: &Keywords, rules: &mut Rules) -> Option<Known> {
    if let Some(values) = &keywords.enumeration {
        return Some(distinct(values.iter().map(|value| (value.clone(), None)).collect()));
    }
    let alternatives = [&mut rules.one_of, &mut rules.any_of].into_iter().find(|list| !list.is_empty())?;
    let listed: Option<Vec<_>> = alternatives.iter().map(listed_values).collect();
    let listed = listed?.concat();
    alternatives.clear();
    Some(distinct(listed))
}

type Known = Vec<(Value, Option<Notes>)>;

/// Keeps the first of equal values.
fn distinct(values: Known) -> Known {
    let mut distinct = Known::new();
    for (value, notes) in values {
        if !distinct.iter().any(|(known, _)| *known == value) {
            distinct.push((value, notes));
        }
    }
    distinct
}

/// Returns the values that an alternative lists, if it does nothing else.
fn listed_values(alternative: &Rules) -> Option<Known> {
    let Rules { notes, kinds, values, one_of, any_of, .. } = alternative;
    let inner = if one_of.is_empty() { any_of } else { one_of };
    let only_lists = Rules {
        kinds: *kinds,
        values: values.clone(),
        one_of: one_of.clone(),
        any_of: any_of.clone(),
        ..Rules::default()
    };
    if *alternative != only_lists {
        return None;
    }
    let is_of_kind = |value: &Value| kinds.contains(kind_of(value));
    match values {
        Some(values) if inner.is_empty() && values.iter().all(is_of_kind) => {
            let notes = (values.len() == 1).then(|| notes.clone());
            Some(values.iter().map(|value| (value.clone(), notes.clone())).collect())
        }
        None if inner.is_empty() => (*kinds == Kinds::NULL).then(|| vec![(Value::Null, None)]),
        None if *kinds == Kinds::ANY && (one_of.is_empty() || any_of.is_empty()) => {
            Some(inner.iter().map(listed_values).collect::<Option<Vec<_>>>()?.concat())
        }
        _ => None,
    }
}

/// Reports kinds of values that an open enum cannot have, and keywords that would close it.
pub(super) fn check(
    keywords: &Keywords,
    kinds: Kinds,
    location: &Location,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let given = [
        ("enum", keywords.enumeration.is_some()),
        ("oneOf", keywords.one_of.is_some()),
        ("anyOf", keywords.any_of.is_some()),
        ("const", keywords.constant.is_some()),
    ];
    let mut given = given.into_iter().filter(|(_, is_given)| *is_given).map(|(keyword, _)| keyword);
    let listing = given.next().unwrap_or("enum");
    if !Kinds::STRING.or(Kinds::NULL).contains(kinds) || !kinds.contains(Kinds::STRING) {
        let message = "`x-open` requires an `enum` of strings";
        diagnostics.push(Diagnostic::at(Code::CannotBeOpen, &location.join(listing), message));
    }
    if let Some(other) = given.next() {
        let message = format!("`{other}` closes this enum: `x-open` requires one list of its values");
        diagnostics.push(Diagnostic::at_key(Code::CannotBeOpen, &location.join(other), message));
    }
}

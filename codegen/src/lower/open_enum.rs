//! The values that an open enum lists.

use serde_json::Value;

use super::kind_of;
use crate::definition::Keywords;
use crate::model::{Kinds, Notes, Rules};

/// Takes the values that an open enum lists from its `enum`, or from a `oneOf` or `anyOf` of strings.
pub(super) fn take_values(keywords: &Keywords, rules: &mut Rules) -> Option<Vec<(Value, Option<Notes>)>> {
    if let Some(values) = &keywords.enumeration {
        return Some(values.iter().map(|value| (value.clone(), None)).collect());
    }
    let alternatives = [&mut rules.one_of, &mut rules.any_of].into_iter().find(|list| !list.is_empty())?;
    let known: Option<Vec<_>> = alternatives.iter().map(listed_strings).collect();
    let known = known?.concat();
    alternatives.clear();
    Some(known)
}

/// Returns the strings and `null`s that an alternative lists, if it does nothing else.
fn listed_strings(alternative: &Rules) -> Option<Vec<(Value, Option<Notes>)>> {
    let Rules { notes, kinds, values, .. } = alternative;
    let only_lists = Rules { kinds: *kinds, values: values.clone(), ..Rules::default() };
    let null = [Value::Null];
    let values = match values {
        Some(values) => values.as_slice(),
        None if *kinds == Kinds::NULL => &null,
        None => return None,
    };
    let is_listed = |value: &Value| Kinds::STRING.or(Kinds::NULL).and(*kinds).contains(kind_of(value));
    let is_enum = *alternative == only_lists && values.iter().all(is_listed);
    let notes = (values.len() == 1).then(|| notes.clone());
    is_enum.then(|| values.iter().map(|value| (value.clone(), notes.clone())).collect())
}

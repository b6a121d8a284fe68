//! Small changes of a value that may change its verdict.

use fastrand::Rng;
use serde_json::{Value, json};

use super::values::plain;
use super::{NAMES, literal, name};

/// Returns the value with one change, or rarely more.
pub(super) fn edited(rng: &mut Rng, mut value: Value) -> Value {
    edit(rng, &mut value);
    while rng.usize(..4) == 0 {
        edit(rng, &mut value);
    }
    value
}

fn edit(rng: &mut Rng, value: &mut Value) {
    match value {
        Value::Object(members) if rng.usize(..8) > 0 => {
            let names: Vec<String> = members.keys().cloned().collect();
            let some = names.get(rng.usize(..names.len().max(1)));
            match (rng.usize(..6), some) {
                (0, Some(name)) => _ = members.shift_remove(name),
                (1, Some(name)) => {
                    // Renames a property.
                    let moved = members.shift_remove(name).unwrap_or_default();
                    members.insert(NAMES[rng.usize(..NAMES.len())].to_owned(), moved);
                }
                (2.., Some(name)) => members.get_mut(name).into_iter().for_each(|value| edit(rng, value)),
                (_, None) => _ = members.insert(name(rng).to_owned(), literal(rng)),
            }
            if rng.usize(..5) == 0 {
                members.insert(
                    ["__proto__", "toString", "constructor", "a"][rng.usize(..4)].to_owned(),
                    literal(rng),
                );
            }
        }
        Value::Array(items) if rng.usize(..8) > 0 => edit_items(rng, items),
        Value::Number(number) if rng.usize(..6) > 0 => {
            let number = number.as_f64().unwrap_or_default();
            let steps = [1.0, -1.0, 0.5, 1e-7, -1e-9, number, 0.01];
            let changed = number + steps[rng.usize(..steps.len())];
            *value = plain(if changed.is_finite() { changed } else { 0.0 });
        }
        Value::String(text) if rng.usize(..6) > 0 => match rng.usize(..5) {
            0 => _ = text.pop(),
            1 => text.insert(0, ['a', '1', ' '][rng.usize(..3)]),
            _ => text.push_str(["x", "😀", "e\u{301}", "1", "\n"][rng.usize(..5)]),
        },
        value => *value = other_kind(rng, value),
    }
}

fn edit_items(rng: &mut Rng, items: &mut Vec<Value>) {
    let at = rng.usize(..items.len().max(1));
    match rng.usize(..6) {
        0 => _ = items.pop(),
        1 => items.push(literal(rng)),
        2 if !items.is_empty() => items.push(items[at].clone()),
        3 if items.len() > 1 => items.swap(0, at),
        _ if !items.is_empty() => edit(rng, &mut items[at]),
        _ => items.push(literal(rng)),
    }
}

/// Returns a similar value of another kind.
fn other_kind(rng: &mut Rng, value: &Value) -> Value {
    if rng.bool() {
        return literal(rng);
    }
    match value {
        Value::Null => json!({}),
        Value::Bool(is) => json!(i32::from(*is)),
        Value::Number(number) => json!(number.to_string()),
        Value::String(text) => json!([text]),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, item)| (at.to_string(), item.clone()))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Object(members) => members.values().cloned().collect(),
    }
}

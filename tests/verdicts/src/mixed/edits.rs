//! Small changes of a value that may change its verdict.

use fastrand::Rng;
use serde_json::{Value, json};

use super::values::plain;
use super::{literal, name};

/// The values and the names of properties that a schema contains. A change to one of them often changes the verdict.
#[derive(Default)]
pub(super) struct Words {
    values: Vec<Value>,
    names: Vec<String>,
}

impl Words {
    /// Collects the words of a schema.
    pub(super) fn of(schema: &Value) -> Self {
        let mut words = Self::default();
        words.collect(schema);
        words
    }

    fn collect(&mut self, schema: &Value) {
        match schema {
            Value::Object(members) => {
                for (key, member) in members {
                    match (key.as_str(), member) {
                        ("const", value) => self.values.push(value.clone()),
                        ("enum", Value::Array(values)) => self.values.extend(values.iter().cloned()),
                        ("properties", Value::Object(properties)) => {
                            self.names.extend(properties.keys().cloned());
                            self.collect(member);
                        }
                        _ => self.collect(member),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.collect(item)),
            _ => {}
        }
    }

    fn name(&self, rng: &mut Rng) -> String {
        match self.names.get(rng.usize(..=self.names.len())) {
            Some(name) => name.clone(),
            None => name(rng).to_owned(),
        }
    }

    fn value(&self, rng: &mut Rng) -> Value {
        match self.values.get(rng.usize(..=self.values.len())) {
            Some(value) => value.clone(),
            None => literal(rng),
        }
    }

    /// Returns the value with one change, or rarely more.
    pub(super) fn edited(&self, rng: &mut Rng, mut value: Value) -> Value {
        self.edit(rng, &mut value);
        while rng.usize(..4) == 0 {
            self.edit(rng, &mut value);
        }
        value
    }

    fn edit(&self, rng: &mut Rng, value: &mut Value) {
        match value {
            Value::Object(members) if rng.usize(..8) > 0 => {
                let names: Vec<String> = members.keys().cloned().collect();
                let some = names.get(rng.usize(..names.len().max(1)));
                match (rng.usize(..8), some) {
                    (0, Some(name)) => _ = members.shift_remove(name),
                    (1, Some(name)) => {
                        // Renames a property.
                        let moved = members.shift_remove(name).unwrap_or_default();
                        members.insert(self.name(rng), moved);
                    }
                    (2, Some(name)) => members[name] = self.value(rng),
                    (4.., Some(name)) => {
                        members.get_mut(name).into_iter().for_each(|value| self.edit(rng, value));
                    }
                    _ => _ = members.insert(self.name(rng), self.value(rng)),
                }
                if rng.usize(..5) == 0 {
                    members.insert(
                        ["__proto__", "toString", "constructor", "a"][rng.usize(..4)].to_owned(),
                        literal(rng),
                    );
                }
            }
            Value::Array(items) if rng.usize(..8) > 0 => self.edit_items(rng, items),
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
            value => *value = self.other_kind(rng, value),
        }
    }

    fn edit_items(&self, rng: &mut Rng, items: &mut Vec<Value>) {
        let at = rng.usize(..items.len().max(1));
        match rng.usize(..6) {
            0 => _ = items.pop(),
            1 => items.push(self.value(rng)),
            2 if !items.is_empty() => items.push(items[at].clone()),
            3 if items.len() > 1 => items.swap(0, at),
            _ if !items.is_empty() => self.edit(rng, &mut items[at]),
            _ => items.push(self.value(rng)),
        }
    }

    /// Returns a similar value of another kind.
    fn other_kind(&self, rng: &mut Rng, value: &Value) -> Value {
        if rng.bool() {
            return self.value(rng);
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
}

//! Deep equality: numbers by value, objects in any order.

use serde_json::Value;

use super::MAX_DEPTH;
use super::report::Stop;
use super::visit::{Found, Visit, Visitor};

/// Returns whether two JSON values are equal: numbers by value, objects in any order.
#[must_use]
pub fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, left)| right.get(name).is_some_and(|right| equal(left, right)))
        }
        _ => left == right,
    }
}

/// Encodes a value so that equal values have equal bytes. Returns `None` for a value that is nested deeper than
/// payloads may be.
pub(super) fn canonicalize(value: &dyn Visit) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    value.visit(&mut CanonicalWriter { bytes: &mut bytes, depth: 0, members: None }).ok().map(|()| bytes)
}

/// Encodes a value so that no encoding is a prefix of another.
struct CanonicalWriter<'b> {
    bytes: &'b mut Vec<u8>,
    depth: usize,
    /// The members of an object, until it ends and they can be sorted.
    members: Option<Vec<(String, Vec<u8>)>>,
}

impl CanonicalWriter<'_> {
    fn text(&mut self, text: &str) {
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(&text.len().to_le_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
    }
}

impl Visitor for CanonicalWriter<'_> {
    fn found(&mut self, found: Found<'_>) -> Result<(), Stop> {
        match found {
            Found::Null => self.bytes.push(b'n'),
            Found::Boolean(value) => self.bytes.push(if value { b't' } else { b'f' }),
            Found::Number(number) => {
                self.bytes.push(b'#');
                // Adding zero turns -0 into 0.
                self.bytes.extend_from_slice(&(number + 0.0).to_le_bytes());
            }
            Found::Text(text) => self.text(text),
            Found::Array | Found::Object if self.depth >= MAX_DEPTH => return Err(Stop::Enough),
            Found::Array => self.bytes.push(b'['),
            Found::Object => {
                self.bytes.push(b'{');
                self.members = Some(Vec::new());
            }
        }
        Ok(())
    }

    fn item(&mut self, value: &dyn Visit) -> Result<(), Stop> {
        value.visit(&mut CanonicalWriter { bytes: self.bytes, depth: self.depth + 1, members: None })
    }

    fn property(&mut self, name: &str, value: &dyn Visit) -> Result<(), Stop> {
        let mut bytes = Vec::new();
        value.visit(&mut CanonicalWriter { bytes: &mut bytes, depth: self.depth + 1, members: None })?;
        self.members.get_or_insert_default().push((name.to_owned(), bytes));
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stop> {
        match self.members.take() {
            None => self.bytes.push(b']'),
            Some(mut members) => {
                members.sort();
                for (name, value) in members {
                    self.text(&name);
                    self.bytes.extend_from_slice(&value);
                }
                self.bytes.push(b'}');
            }
        }
        Ok(())
    }
}

//! `enum` and `const` of arbitrary JSON, compared deeply.

use std::fmt;
use std::sync::OnceLock;

use serde_json::Value;

/// A list of JSON values that lives in a `static` as JSON text and is parsed on
/// first use.
///
/// ```
/// use fanfare::schema::{check, Literals, Schema};
///
/// static SIZES: Literals = Literals::new(r#"[1, "large", { "width": 2 }]"#);
/// static SIZE: Schema = Schema::Literals(&SIZES);
/// assert!(check(&SIZE, &1.0).is_ok());
/// assert!(check(&SIZE, "small").is_err());
/// ```
pub struct Literals {
    json: &'static str,
    parsed: OnceLock<Vec<Value>>,
}

impl Literals {
    /// The values of a JSON array.
    #[must_use]
    pub const fn new(json: &'static str) -> Self {
        Self { json, parsed: OnceLock::new() }
    }

    /// The values. Text that is not a JSON array holds none.
    pub(super) fn values(&self) -> &[Value] {
        self.parsed.get_or_init(|| serde_json::from_str(self.json).unwrap_or_default())
    }
}

impl fmt::Debug for Literals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.json)
    }
}

/// Whether two JSON values are equal: numbers by value, objects in any order.
pub(crate) fn equal(left: &Value, right: &Value) -> bool {
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

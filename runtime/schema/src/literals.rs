//! `enum` and `const` of any JSON values, compared deeply.

use std::collections::HashSet;
use std::fmt;
use std::sync::OnceLock;

use serde_json::Value;

use super::display::{choices_keyword, describe_choices, format_json};
use super::equality::canonicalize;
use super::path::Path;
use super::report::{Report, Stop};
use super::visit::{Found, Visit};

/// A list of JSON values that lives in a `static` as JSON text and is parsed on first use. Text that is not a JSON
/// array is an empty list.
///
/// ```
/// use fanfare_schema::{check, Literals, Schema};
///
/// static SIZES: Literals = Literals::new(r#"[1, "large", { "width": 2 }]"#);
/// static SIZE: Schema = Schema::Literals(&SIZES);
/// assert!(check(&SIZE, &1.0).is_ok());
/// assert!(check(&SIZE, "small").is_err());
/// ```
pub struct Literals {
    json: &'static str,
    parsed: OnceLock<Parsed>,
}

impl Literals {
    /// Creates a list from a JSON array.
    #[must_use]
    pub const fn new(json: &'static str) -> Self {
        Self { json, parsed: OnceLock::new() }
    }

    fn parsed(&self) -> &Parsed {
        self.parsed.get_or_init(|| Parsed::new(serde_json::from_str(self.json).unwrap_or_default()))
    }

    /// Returns `true` if the list contains a value.
    pub(super) fn contains(&self, found: Found<'_>, value: &dyn Visit) -> bool {
        let Parsed { values, canonical: nested } = self.parsed();
        match found {
            Found::Null => values.contains(&Value::Null),
            Found::Boolean(found) => values.contains(&Value::Bool(found)),
            Found::Number(found) => values.iter().any(|value| value.as_f64() == Some(found)),
            Found::Text(found) => values.iter().any(|value| value.as_str() == Some(found)),
            Found::Array | Found::Object => {
                !nested.is_empty() && canonicalize(value).is_some_and(|value| nested.contains(&value))
            }
        }
    }

    /// Reports that a value is not in the list.
    pub(super) fn report_mismatch(
        &self,
        found: Found<'_>,
        path: &Path<'_>,
        report: &mut Report,
    ) -> Result<(), Stop> {
        let values = self.values();
        let allows_null = report.allows_null(path) && !values.contains(&Value::Null);
        report.add(path, found, choices_keyword(values.len() + usize::from(allows_null)), || {
            describe_choices(values.iter().map(format_json), allows_null)
        })
    }

    /// Returns the values of the list.
    pub(super) fn values(&self) -> &[Value] {
        &self.parsed().values
    }
}

struct Parsed {
    values: Vec<Value>,
    /// The encoded arrays and objects of the list.
    canonical: HashSet<Vec<u8>>,
}

impl Parsed {
    fn new(values: Vec<Value>) -> Self {
        let nested = values.iter().filter(|value| value.is_array() || value.is_object());
        Self { canonical: nested.filter_map(|value| canonicalize(&value)).collect(), values }
    }
}

impl fmt::Debug for Literals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.json)
    }
}

//! `enum` and `const` of arbitrary JSON, compared deeply.

use std::collections::HashSet;
use std::fmt;
use std::sync::OnceLock;

use serde_json::Value;

use super::equality::canonical;
use super::place::{Place, Report, Stop};
use super::shown::{json, one_of, rule_of_choices};
use super::visit::{Found, Visit};

/// A list of JSON values that lives in a `static` as JSON text and is parsed on
/// first use. Text that is not a JSON array holds none.
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
    parsed: OnceLock<Parsed>,
}

impl Literals {
    /// The values of a JSON array.
    #[must_use]
    pub const fn new(json: &'static str) -> Self {
        Self { json, parsed: OnceLock::new() }
    }

    fn parsed(&self) -> &Parsed {
        self.parsed.get_or_init(|| Parsed::of(serde_json::from_str(self.json).unwrap_or_default()))
    }

    /// Whether a value, of which this was found, is one of these.
    pub(super) fn contain(&self, found: Found<'_>, value: &dyn Visit) -> bool {
        let Parsed { values, canonical: nested } = self.parsed();
        match found {
            Found::Null => values.contains(&Value::Null),
            Found::Boolean(found) => values.contains(&Value::Bool(found)),
            Found::Number(found) => values.iter().any(|value| value.as_f64() == Some(found)),
            Found::Text(found) => values.iter().any(|value| value.as_str() == Some(found)),
            Found::Array | Found::Object => {
                !nested.is_empty() && canonical(value).is_some_and(|value| nested.contains(&value))
            }
        }
    }

    /// Reports that a value is none of these.
    pub(super) fn refuse(
        &self,
        found: Found<'_>,
        place: &Place<'_>,
        report: &mut Report,
    ) -> Result<(), Stop> {
        let values = &self.parsed().values;
        report.add(place, found, rule_of_choices(values.len()), || {
            one_of(&values.iter().map(json).collect::<Vec<_>>())
        })
    }
}

struct Parsed {
    values: Vec<Value>,
    /// The arrays and objects among them, as they are compared.
    canonical: HashSet<Vec<u8>>,
}

impl Parsed {
    fn of(values: Vec<Value>) -> Self {
        let nested = values.iter().filter(|value| value.is_array() || value.is_object());
        Self { canonical: nested.filter_map(|value| canonical(&value)).collect(), values }
    }
}

impl fmt::Debug for Literals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.json)
    }
}

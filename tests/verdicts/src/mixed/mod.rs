//! Random schemas with all keywords of JSON Schema, and random values near their limits.

use fastrand::Rng;
use serde_json::{Map, Value, json};

mod composed;
mod edits;
mod evolutions;
mod keywords;
mod single_keyword;
mod values;
mod written;

pub use evolutions::{EVOLVED, EVOLVED_DEEP, evolutions, evolved};
pub use single_keyword::single_keyword;
pub use values::{Accepts, Values};

/// The default number of random schemas.
const DEFAULT_COUNT: usize = 250;

/// Returns the number of random schemas: `FANFARE_MIXED`, or the default.
#[must_use]
pub fn count() -> usize {
    option_env!("FANFARE_MIXED").and_then(|count| count.parse().ok()).unwrap_or(DEFAULT_COUNT)
}

/// Returns the schemas for a seed. Each depends only on the seed and its index.
#[must_use]
pub fn schemas(seed: u64, count: usize) -> Vec<Value> {
    (0..count as u64).map(|at| schema_at(seed, at)).collect()
}

/// Returns the schema with this index.
#[must_use]
pub fn schema_at(seed: u64, at: u64) -> Value {
    schema(&mut rng(seed, at))
}

/// Returns the generator of random numbers for the schema with this index.
#[must_use]
pub fn rng(seed: u64, at: u64) -> Rng {
    Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ at)
}

/// Returns a schema with the types that it refers to. Half of them combine types. Of the others, half combine all
/// keywords, and half are typical.
fn schema(rng: &mut Rng) -> Value {
    if rng.bool() {
        return composed::document(rng);
    }
    let types = rng.usize(..=KINDS.len());
    let mut definitions = Map::new();
    for (at, kind) in KINDS.into_iter().enumerate().take(types) {
        let scope = Scope { types, inside: Some(at), kind, depth: 2 };
        let definition = if rng.bool() { keywords::schema(rng, scope) } else { written::schema(rng, scope) };
        definitions.insert(format!("D{at}"), definition);
    }
    let scope = Scope { types, inside: None, kind: Kind::of_payload(rng), depth: 3 };
    let schema = if rng.bool() { keywords::schema(rng, scope) } else { written::schema(rng, scope) };
    match schema {
        Value::Object(mut members) if types > 0 => {
            members.insert("$defs".to_owned(), Value::Object(definitions));
            Value::Object(members)
        }
        schema => schema,
    }
}

/// The kinds of the types.
const KINDS: [Kind; 4] = [Kind::Object, Kind::Array, Kind::Object, Kind::Text];

/// The position of a schema in its document.
#[derive(Clone, Copy)]
struct Scope {
    /// The number of types.
    types: usize,
    /// The index of the type that contains this schema, if both apply to the same instance. Such a schema refers only
    /// to later types, so that no cycle of references applies to one instance.
    inside: Option<usize>,
    /// The kind of value that most keywords apply to.
    kind: Kind,
    /// How many levels of subschemas are allowed.
    depth: usize,
}

impl Scope {
    /// Returns the scope of a subschema for the same instance.
    fn in_place(self) -> Self {
        Self { depth: self.depth.saturating_sub(1), ..self }
    }

    /// Returns the scope of a subschema for an item or a property.
    fn below(self, rng: &mut Rng) -> Self {
        let kind = if self.depth > 1 { Kind::of_payload(rng) } else { Kind::of_leaf(rng) };
        Self { inside: None, kind, depth: self.depth.saturating_sub(1), ..self }
    }

    /// Returns a reference to any allowed type, or `None` if there is none.
    fn reference(self, rng: &mut Rng) -> Option<Value> {
        self.reference_where(rng, |_| true)
    }

    /// Returns a reference to a type of the same kind. Another kind would contradict the keywords next to it.
    fn reference_of_kind(self, rng: &mut Rng) -> Option<Value> {
        let any = rng.usize(..8) == 0;
        self.reference_where(rng, |kind| any || kind == self.kind)
    }

    fn reference_where(self, rng: &mut Rng, fits: impl Fn(Kind) -> bool) -> Option<Value> {
        let first = self.inside.map_or(0, |inside| inside + 1);
        let fitting: Vec<usize> = (first..self.types).filter(|at| fits(KINDS[*at])).collect();
        (!fitting.is_empty()).then(|| json!(format!("#/$defs/D{}", fitting[rng.usize(..fitting.len())])))
    }
}

/// The kind of value that most keywords of a schema apply to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    Array,
    Object,
}

impl Kind {
    fn of_leaf(rng: &mut Rng) -> Self {
        [Self::Number, Self::Text][rng.usize(..2)]
    }

    fn of_payload(rng: &mut Rng) -> Self {
        [Self::Object, Self::Object, Self::Object, Self::Array, Self::Array, Self::Number, Self::Text]
            [rng.usize(..7)]
    }
}

/// Only a few names, so that several keywords apply to the same ones.
const NAMES: [&str; 9] = ["a", "b", "ab", "c1", "x-c", "toString", "__proto__", "größe", "a/b~c"];

fn name(rng: &mut Rng) -> &'static str {
    NAMES[rng.usize(..NAMES.len())]
}

/// Patterns with texts that match. The first ones also match names. `.` and `\s` are only in the vectors, as the
/// reference matches other characters than ECMA-262.
const PATTERNS: [(&str, &[&str]); 9] = [
    ("^a", &["a", "ab", "a/b~c"]),
    ("b$", &["b", "ab", "x b"]),
    ("^x-", &["x-c", "x-"]),
    ("[a-z]", &["a", "größe", "__proto__"]),
    (r"^\p{L}+$", &["a", "größe", "ß"]),
    (r"(?:\d|\w\d)+$", &["c1", "12", "x9"]),
    (r"^[^\n]{1,2}$", &["a", "é", "😀", "😀b"]),
    ("^(?!a)", &["b", "größe", ""]),
    ("", &["", "\n"]),
];

fn pattern(rng: &mut Rng) -> &'static str {
    PATTERNS[rng.usize(..PATTERNS.len())].0
}

/// Formats with texts of that format.
const FORMATS: [(&str, &[&str]); 6] = [
    ("uuid", &["2eb8aa08-aa98-11ea-b4aa-73b441d16380"]),
    ("date-time", &["2026-11-22T03:31:00Z", "1998-12-31T23:59:60Z"]),
    ("date", &["2024-02-29", "1999-12-31"]),
    ("ipv4", &["127.0.0.1", "255.255.255.255"]),
    ("email", &["a@b.example"]),
    ("uri", &["https://example.com/a?b#c", "urn:a:b"]),
];

/// Returns a literal of any kind. Some are equal but written differently or in another order.
fn literal(rng: &mut Rng) -> Value {
    let literals = [
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(-1),
        json!(2.5),
        json!(1e-7),
        json!(19.99),
        json!(9_007_199_254_740_991_i64),
        json!(""),
        json!("a"),
        json!("1"),
        json!("😀"),
        json!([]),
        json!([1]),
        json!([[], {}]),
        json!([0, false, null]),
        json!({}),
        json!({ "a": 1 }),
        json!({ "a": 1, "b": [true] }),
        json!({ "__proto__": 1 }),
        json!({ "toString": null }),
    ];
    literals[rng.usize(..literals.len())].clone()
}

/// Returns a literal of a kind, or another one if none is found after a few attempts.
fn literal_of(rng: &mut Rng, kind: Kind) -> Value {
    let is_of_kind = |value: &Value| match kind {
        Kind::Number => value.is_number(),
        Kind::Text => value.is_string(),
        Kind::Array => value.is_array(),
        Kind::Object => value.is_object(),
    };
    let found = (0..8).map(|_| literal(rng)).find(is_of_kind);
    found.unwrap_or_default()
}

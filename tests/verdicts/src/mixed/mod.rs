//! Random schemas of every keyword of JSON Schema, and random values at their edges.

use fastrand::Rng;
use serde_json::{Map, Value, json};

mod edits;
mod keywords;
mod values;
mod written;

pub use values::{Accepts, Values};

/// How many random schemas there are where nothing else is asked for.
const USUAL_COUNT: usize = 250;

/// How many random schemas there are: `FANFARE_MIXED`, or as many as are usual.
#[must_use]
pub fn count() -> usize {
    option_env!("FANFARE_MIXED").and_then(|count| count.parse().ok()).unwrap_or(USUAL_COUNT)
}

/// The schemas of a seed. Each depends on the seed and on its place alone.
#[must_use]
pub fn schemas(seed: u64, count: usize) -> Vec<Value> {
    (0..count as u64).map(|at| schema(&mut rng(seed, at))).collect()
}

/// The random numbers of one place.
#[must_use]
pub fn rng(seed: u64, at: u64) -> Rng {
    Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ at)
}

/// One schema with the types that it refers to: half of them of all keywords, half as people write them.
fn schema(rng: &mut Rng) -> Value {
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

/// What the types are about.
const KINDS: [Kind; 4] = [Kind::Object, Kind::Array, Kind::Object, Kind::Text];

/// Where a schema stands.
#[derive(Clone, Copy)]
struct Scope {
    /// How many types there are to refer to.
    types: usize,
    /// The type in which this schema stands, where its instance is still the type's own. Such a schema refers
    /// only to later types, so that no circle goes on without going down in the instance.
    inside: Option<usize>,
    /// The kind of value that most keywords are about.
    kind: Kind,
    /// How many levels may follow.
    depth: usize,
}

impl Scope {
    /// The place of a subschema for the same instance.
    fn in_place(self) -> Self {
        Self { depth: self.depth.saturating_sub(1), ..self }
    }

    /// The place of a subschema for an item or a property.
    fn below(self, rng: &mut Rng) -> Self {
        let kind = if self.depth > 1 { Kind::of_payload(rng) } else { Kind::of_leaf(rng) };
        Self { inside: None, kind, depth: self.depth.saturating_sub(1), ..self }
    }

    /// A reference to any type that may stand here, where there is one.
    fn reference(self, rng: &mut Rng) -> Option<Value> {
        self.reference_where(rng, |_| true)
    }

    /// A reference to a type of the same kind: another would contradict what stands beside it.
    fn reference_beside(self, rng: &mut Rng) -> Option<Value> {
        let any = rng.usize(..8) == 0;
        self.reference_where(rng, |kind| any || kind == self.kind)
    }

    fn reference_where(self, rng: &mut Rng, fits: impl Fn(Kind) -> bool) -> Option<Value> {
        let first = self.inside.map_or(0, |inside| inside + 1);
        let fitting: Vec<usize> = (first..self.types).filter(|at| fits(KINDS[*at])).collect();
        (!fitting.is_empty()).then(|| json!(format!("#/$defs/D{}", fitting[rng.usize(..fitting.len())])))
    }
}

/// What most keywords of a schema are about.
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

/// Few names, so that keywords speak of the same ones.
const NAMES: [&str; 9] = ["a", "b", "ab", "c1", "x-c", "toString", "__proto__", "größe", "a/b~c"];

fn name(rng: &mut Rng) -> &'static str {
    NAMES[rng.usize(..NAMES.len())]
}

/// Patterns with texts that match; the first ones are also about names. The reference takes `.` and `\s` for
/// other characters than ECMA-262 does, so that they are left to the vectors.
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

/// Values that meet the edges of the others: equal ones in other spellings and orders, and of every kind.
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

/// A literal of a kind, where one is found soon.
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

//! Random schemas. Each is generated from a 16-bit number, which limits the memory that they need.

use std::cell::RefCell;
use std::collections::HashMap;

use fanfare::schema::{Additional, Array, Integer, Number, Object, Pattern, Property, Schema, Text};
use fastrand::Rng;

/// The maximum depth of a schema.
const MAX_DEPTH: usize = 6;

const NAMES: [&str; 5] = ["a", "b", "child", "__proto__", "toString"];

static PATTERNS: [Pattern; 5] = [
    Pattern::new("^[a-z]+$"),
    Pattern::new("^(a|aa)+$"),
    Pattern::new("(x+x+)+y"),
    Pattern::new("^(\\w+\\s?)*$"),
    Pattern::new("\\p{L}{2,3}$"),
];

thread_local! {
    static SCHEMAS: RefCell<HashMap<u16, &'static Schema>> = RefCell::default();
}

/// Returns the schema for a number. It is leaked, as validation needs a `'static` one.
pub(crate) fn schema(number: u16) -> &'static Schema {
    SCHEMAS.with_borrow_mut(|schemas| {
        *schemas.entry(number).or_insert_with(|| {
            let mut rng = Rng::with_seed(number.into());
            generate(&mut rng, MAX_DEPTH, &mut Vec::new())
        })
    })
}

/// Generates a schema. Parts are reused, as alternatives that share a part are the most expensive to validate.
fn generate(rng: &mut Rng, depth: usize, parts: &mut Vec<&'static Schema>) -> &'static Schema {
    if !parts.is_empty() && rng.u8(..) < 80 {
        return parts[rng.usize(..parts.len())];
    }
    let kind = if depth == 0 { rng.u8(..6) } else { rng.u8(..12) };
    let mut part = |rng: &mut Rng| generate(rng, depth - 1, parts);
    let schema = match kind {
        0 => Schema::Boolean,
        1 => Schema::Null,
        2 => Schema::Integer(Integer { minimum: -3, maximum: rng.i64(0..100), multiple_of: None }),
        3 => Schema::Number(Number { maximum: Some(1.5), multiple_of: Some(0.01), ..Number::ANY }),
        4 => {
            let pattern = Some(&PATTERNS[rng.usize(..PATTERNS.len())]);
            Schema::Text(Text { max_length: rng.u32(1..50), pattern, ..Text::ANY })
        }
        5 => Schema::Any,
        6 => Schema::AnyOf(leak((0..2).map(|_| part(rng)).collect())),
        7 => Schema::OneOf(leak((0..2).map(|_| part(rng)).collect())),
        8 => Schema::Array(Array { items: part(rng), min_items: 0, max_items: u32::MAX }),
        9 => Schema::Map(part(rng)),
        10 => Schema::Tuple(leak((0..2).map(|_| part(rng)).collect())),
        _ => {
            let count = rng.usize(1..3);
            let properties = NAMES[rng.usize(..NAMES.len() - count)..][..count].iter();
            let properties = properties.map(|name| {
                let presence = if rng.bool() { Property::Required } else { Property::Optional };
                presence(name, part(rng))
            });
            let properties = leak(properties.collect());
            let additional = if rng.bool() { Additional::Ignored } else { Additional::Refused };
            Schema::Object(Object { properties, additional })
        }
    };
    let schema: &'static Schema = Box::leak(Box::new(schema));
    parts.push(schema);
    schema
}

fn leak<T>(items: Vec<T>) -> &'static [T] {
    Vec::leak(items)
}

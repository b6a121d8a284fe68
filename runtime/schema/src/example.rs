//! Example values for tables.

use serde_json::{Map, Value, json};

use super::{Additional, Number, Object, Schema, Tagged, check};
use rules::rule_candidates;
use scalars::{numbers, texts};
use search::{MAX_CANDIDATES, Search, add, combinations, repeat};

mod rules;
mod scalars;
mod search;

/// How often a table may contain itself in an example. The examples of most recursive tables need no repetition.
const MAX_REPEATS: usize = 2;

/// Builds an example of a schema: a small value that it accepts. Objects have their required properties, arrays and
/// strings their minimum length, and unions the first alternative that has an example.
///
/// Returns `None` if the search finds none within its bounds. That does not mean that there is none.
///
/// ```
/// use fanfare_schema::{Additional, Object, Property, Schema, Text, example};
///
/// static STATUS: Schema = Schema::Object(Object {
///     properties: &[
///         Property::Required("message", &Schema::Text(Text { min_length: 3, ..Text::ANY })),
///         Property::Optional("details", &Schema::Any),
///     ],
///     additional: Additional::Refused,
/// });
/// assert_eq!(example(&STATUS), Some(serde_json::json!({ "message": "aaa" })));
/// ```
#[must_use]
pub fn example(schema: &Schema) -> Option<Value> {
    (0..=MAX_REPEATS).find_map(|repeats| candidates(schema, &mut Search::new(repeats)).into_iter().next())
}

/// Returns values that a schema accepts, the preferred one first.
fn candidates(schema: &Schema, search: &mut Search) -> Vec<Value> {
    let schema = schema.resolve();
    if !search.enter(std::ptr::from_ref(schema).cast()) {
        return Vec::new();
    }
    let mut found = list_candidates(schema, search);
    search.leave();
    found.retain(|value| check::accepts(schema, value));
    found
}

fn list_candidates(schema: &Schema, search: &mut Search) -> Vec<Value> {
    match schema {
        Schema::Any => vec![json!(null), json!({})],
        Schema::Never | Schema::Deferred(_) => Vec::new(),
        Schema::Null => vec![json!(null)],
        Schema::Boolean => vec![json!(false), json!(true)],
        Schema::Integer(limits) => {
            #[expect(clippy::cast_precision_loss, reason = "the limits are safe integers")]
            let (minimum, maximum) = (Some(limits.minimum as f64), Some(limits.maximum as f64));
            numbers(&[Number { minimum, maximum, multiple_of: limits.multiple_of, ..Number::ANY }])
        }
        Schema::Number(limits) => numbers(&[*limits]),
        Schema::Text(limits) => texts(&[*limits], search),
        Schema::Int64 | Schema::Uint64 => vec![json!("0"), json!("1"), json!("2")],
        Schema::Literals(literals) => literals.values().iter().take(MAX_CANDIDATES).cloned().collect(),
        Schema::Enum(names) => names.iter().take(MAX_CANDIDATES).map(|name| json!(name)).collect(),
        Schema::Array(array) => {
            if array.min_items == 0 {
                let mut found = vec![json!([])];
                found.extend(candidates(array.items, search).into_iter().map(|item| json!([item])));
                return found;
            }
            let items = candidates(array.items, search);
            items.iter().filter_map(|item| repeat(item, array.min_items)).collect()
        }
        Schema::Tuple(items) => {
            let items: Vec<Vec<Value>> = items.iter().map(|item| candidates(item, search)).collect();
            combinations(&items, Value::from)
        }
        Schema::Map(_) => vec![json!({})],
        Schema::Object(object) => objects(object, search),
        Schema::AnyOf(alternatives) | Schema::OneOf(alternatives) => {
            let mut found = Vec::new();
            for alternative in *alternatives {
                let candidates = candidates(alternative, search);
                add(&mut found, candidates.into_iter().filter(|value| check::accepts(schema, value)));
            }
            found
        }
        Schema::Tagged(tagged) => tagged_objects(tagged, search),
        Schema::Rules(rules) => rule_candidates(&[rules], search),
    }
}

/// Returns objects with the required properties, and then objects with all properties.
fn objects(object: &Object, search: &mut Search) -> Vec<Value> {
    let required: Vec<_> = object.properties.iter().filter(|property| property.is_required()).collect();
    let name = |values: Vec<Value>, names: &[&str]| -> Value {
        names.iter().map(|name| (*name).to_owned()).zip(values).collect::<Map<String, Value>>().into()
    };
    let mut names: Vec<&str> = required.iter().map(|property| property.name()).collect();
    let mut values: Vec<Vec<Value>> =
        required.iter().map(|property| candidates(property.schema(), search)).collect();
    let mut found = combinations(&values, |values| name(values, &names));
    if found.is_empty() {
        return found;
    }
    for property in object.properties.iter().filter(|property| !property.is_required()) {
        let candidates = candidates(property.schema(), search);
        if !candidates.is_empty() {
            names.push(property.name());
            values.push(candidates);
        }
    }
    if names.len() > required.len() {
        add(&mut found, combinations(&values, |values| name(values, &names)).into_iter());
    }
    if let (Additional::Checked(schema), [first, ..]) = (object.additional, found.as_slice()) {
        let mut with_other = first.clone();
        if let Some(value) = candidates(schema, search).into_iter().next() {
            with_other["other"] = value;
            add(&mut found, std::iter::once(with_other));
        }
    }
    found
}

fn tagged_objects(tagged: &Tagged, search: &mut Search) -> Vec<Value> {
    let mut found = Vec::new();
    for (name, case) in tagged.cases {
        let with_tag = candidates(case, search).into_iter().map(|mut value| {
            if let Value::Object(members) = &mut value {
                members.insert(tagged.tag.to_owned(), json!(name));
            }
            value
        });
        add(&mut found, with_tag.collect::<Vec<_>>().into_iter());
    }
    if tagged.open {
        add(&mut found, std::iter::once(json!({ tagged.tag: "other" })));
    }
    found
}

//! Schemas that apply to one value repeatedly: how often the value is visited.

use std::cell::Cell;

use fanfare_schema::{
    Additional, Condition, Contains, Items, Kinds, Members, Object, Pattern, Property, Rules, Schema, Text,
    accepts, check,
};
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::compile::keep;
use crate::issues_of;

/// A value that counts the visits of itself and its members.
struct Counted<'c> {
    visits: &'c Cell<usize>,
    shape: Shape<'c>,
}

enum Shape<'c> {
    Text(&'static str),
    /// Nested objects with the property `child`, and the innermost value.
    Nested(usize, &'c str),
}

impl Serialize for Counted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.visits.set(self.visits.get() + 1);
        match self.shape {
            Shape::Text(text) => serializer.serialize_str(text),
            Shape::Nested(0, property) => {
                let mut object = serializer.serialize_map(None)?;
                object.serialize_entry(property, "text")?;
                object.end()
            }
            Shape::Nested(levels, property) => {
                let mut object = serializer.serialize_map(None)?;
                let child = Shape::Nested(levels - 1, property);
                object.serialize_entry("child", &Counted { visits: self.visits, shape: child })?;
                object.end()
            }
        }
    }
}

/// Counts the visits of a text.
fn visits_of_text(schema: &Schema, text: &'static str) -> usize {
    let visits = Cell::new(0);
    let value = Counted { visits: &visits, shape: Shape::Text(text) };
    assert_eq!(check(schema, &value).is_ok(), accepts(schema, &value));
    visits.get()
}

/// Counts the visits of valid and invalid values that are nested this deep.
fn visits_of_nested(schema: &Schema, levels: usize) -> usize {
    let visits = Cell::new(0);
    for property in ["heading", "wrong"] {
        let value = Counted { visits: &visits, shape: Shape::Nested(levels, property) };
        assert_eq!(check(schema, &value).is_ok(), accepts(schema, &value));
        assert_eq!(check(schema, &value).is_ok(), property == "heading", "{levels} {property}");
    }
    visits.get()
}

#[track_caller]
fn assert_linear(schema: &Schema) {
    let [few, many] = [40, 120].map(|levels| visits_of_nested(schema, levels));
    // Three times the levels; some visits are made before the first is remembered.
    assert!(many < 5 * few && many < 20_000, "{few} visits, then {many}");
}

const TEXT: Schema = Schema::Text(Text::ANY);

#[test]
fn alternatives_of_one_schema_are_evaluated_once_at_any_depth() {
    for alternatives in [Schema::AnyOf, Schema::OneOf] {
        let nested = (0..40).fold(TEXT, |inner, _| {
            let inner = keep(inner);
            alternatives(keep([inner, inner]))
        });
        let visits = visits_of_text(&nested, "text");
        assert!(visits < 2_000, "{visits} visits");
    }
}

#[test]
fn rules_that_are_referenced_twice_are_evaluated_once_at_any_depth() {
    type Outer = fn(&'static Rules) -> Rules;
    let outer: [Outer; 5] = [
        |inner| Rules { any_of: keep([inner, inner]), ..Rules::ANY },
        |inner| Rules { all_of: keep([inner, inner]), ..Rules::ANY },
        |inner| Rules { one_of: keep([inner, inner, inner]), all_of: keep([inner]), ..Rules::ANY },
        |inner| Rules { not: Some(inner), any_of: keep([inner, &Rules::ANY]), ..Rules::ANY },
        |inner| Rules {
            condition: Some(keep(Condition { test: inner, then: inner, otherwise: inner })),
            ..Rules::ANY
        },
    ];
    for outer in outer {
        let text = Rules { kinds: Kinds::STRING, ..Rules::ANY };
        let nested = (0..40).fold(text, |inner, _| outer(keep(inner)));
        let visits = visits_of_text(&Schema::Rules(keep(nested)), "text");
        // Each level that reports an issue visits its alternatives again for a reason.
        assert!(visits < 3 * 40 * 50, "{visits} visits");
    }
}

const STRING: Rules = Rules { kinds: Kinds::STRING, ..Rules::ANY };

/// An object with the properties `child` and `heading`.
macro_rules! node {
    ($child:expr) => {
        Rules {
            kinds: Kinds::OBJECT,
            object: Some(&Members {
                properties: &[("child", $child), ("heading", &STRING)],
                others: Some(&Rules::NEVER),
                ..Members::ANY
            }),
            ..Rules::ANY
        }
    };
}

static ALTERNATIVES: Rules = Rules { any_of: &[&node!(&ALTERNATIVES), &node!(&ALTERNATIVES)], ..Rules::ANY };
static ALL: Rules = Rules { all_of: &[&node!(&ALL), &node!(&ALL)], ..Rules::ANY };

/// Only accepting alternatives evaluate members, so their members must be remembered, too.
static CLOSED: Rules = Rules {
    kinds: Kinds::OBJECT,
    any_of: &[
        &Rules { object: Some(&Members { properties: &[("child", &CLOSED)], ..Members::ANY }), ..Rules::ANY },
        &Rules {
            object: Some(&Members {
                properties: &[("child", &CLOSED), ("heading", &STRING)],
                ..Members::ANY
            }),
            ..Rules::ANY
        },
    ],
    unevaluated_properties: Some(&Rules::NEVER),
    ..Rules::ANY
};

static CONDITION: Rules = Rules {
    condition: Some(&Condition {
        test: &node!(&CONDITION),
        then: &node!(&CONDITION),
        otherwise: &node!(&CONDITION),
    }),
    ..Rules::ANY
};

static PATTERNS: Rules = Rules {
    object: Some(&Members {
        properties: &[("child", &PATTERNS), ("heading", &STRING)],
        patterns: &[(&CHILD, &PATTERNS)],
        others: Some(&Rules::NEVER),
        ..Members::ANY
    }),
    any_of: &[&Rules::ANY, &PATTERNS_AGAIN],
    ..Rules::ANY
};
static PATTERNS_AGAIN: Rules =
    Rules { object: Some(&Members { properties: &[("child", &PATTERNS)], ..Members::ANY }), ..Rules::ANY };
static CHILD: Pattern = Pattern::new("^child$");

#[test]
fn visits_of_nested_alternatives_are_linear_in_the_size_of_the_value() {
    for schema in [&ALTERNATIVES, &ALL, &CLOSED, &CONDITION, &PATTERNS] {
        assert_linear(&Schema::Rules(schema));
    }
}

/// Members that only `not` has visited stay unevaluated, and are visited again.
static LEFT: Rules = Rules {
    not: Some(&Rules {
        object: Some(&Members { properties: &[("child", &LEFT)], required: &["missing"], ..Members::ANY }),
        kinds: Kinds::OBJECT,
        ..Rules::ANY
    }),
    unevaluated_properties: Some(&LEFT),
    ..Rules::ANY
};

#[test]
fn visits_of_unevaluated_parts_are_linear_in_the_size_of_the_value() {
    let visits = |levels| {
        let visits = Cell::new(0);
        let value = Counted { visits: &visits, shape: Shape::Nested(levels, "heading") };
        assert!(check(&Schema::Rules(&LEFT), &value).is_ok());
        assert!(accepts(&Schema::Rules(&LEFT), &value));
        visits.get()
    };
    let (few, many) = (visits(40), visits(120));
    assert!(many < 5 * few && many < 20_000, "{few} visits, then {many}");
}

/// The first alternative never accepts, and visits everything that it ignores for the wire profile.
static IGNORING: Schema = Schema::AnyOf(&[
    &Schema::Object(Object {
        properties: &[Property::Required("size", &TEXT)],
        additional: Additional::Ignored,
    }),
    &Schema::Object(Object {
        properties: &[Property::Optional("child", &IGNORING), Property::Optional("heading", &TEXT)],
        additional: Additional::Refused,
    }),
]);

#[test]
fn visits_of_ignored_parts_are_linear_in_the_size_of_the_value() {
    assert_linear(&IGNORING);
}

/// Nested lists, each of which must contain a list that is also an item.
static LISTS: Rules = Rules {
    kinds: Kinds::ARRAY,
    array: Some(&Items {
        rest: Some(&LISTS),
        contains: Some(Contains { rules: &LISTS, min: 0, max: u32::MAX }),
        ..Items::ANY
    }),
    ..Rules::ANY
};

#[test]
fn items_and_contains_together_take_no_exponential_time() {
    let lists = |innermost| (0..120).fold(innermost, |inner, _| serde_json::json!([inner]));
    assert_eq!(issues_of(&LISTS, &lists(serde_json::json!([]))), [""; 0]);
    let issues = issues_of(&LISTS, &lists(serde_json::json!(1)));
    assert_eq!(issues, [format!("{} type: must be an array, got 1", "/0".repeat(120))]);
}

/// Serializes a property twice, which a JSON value cannot represent.
struct Twice(usize);

impl Serialize for Twice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(2))?;
        if self.0 == 0 {
            object.serialize_entry("child", &serde_json::json!({}))?;
            object.serialize_entry("child", &serde_json::json!({ "wrong": 1 }))?;
        } else {
            object.serialize_entry("child", &Self(self.0 - 1))?;
        }
        object.end()
    }
}

/// A map. The interpreter does not look for duplicate properties in it.
static MAPS: Schema = Schema::AnyOf(&[&Schema::Map(&MAPS), &Schema::Map(&MAPS)]);

#[test]
fn a_duplicate_property_is_evaluated_twice() {
    for levels in [0, 3, 60] {
        assert!(!accepts(&MAPS, &Twice(levels)), "{levels}");
        assert!(check(&MAPS, &Twice(levels)).is_err(), "{levels}");
    }
}

/// Equal alternatives may have one address, and yet have different meanings.
static ANY_OF_BOTH: Schema = Schema::AnyOf(&[&NESTED_ONE, &NESTED_ANY]);
static NESTED_ONE: Schema = Schema::OneOf(&[&TEXT_AGAIN, &TEXT_AGAIN]);
static NESTED_ANY: Schema = Schema::AnyOf(&[&TEXT_AGAIN, &TEXT_AGAIN]);
static TEXT_AGAIN: Schema = TEXT;

#[test]
fn one_of_and_any_of_the_same_alternatives_are_distinguished() {
    let nested = (0..20).fold(keep(ANY_OF_BOTH), |inner, _| keep(Schema::AnyOf(keep([inner, inner]))));
    assert!(accepts(nested, "text"));
    assert!(check(nested, "text").is_ok());
}

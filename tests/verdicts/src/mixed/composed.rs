//! Random documents that combine types: references to references, unions, tags and conditions. They use few names and
//! values, so that the parts often contradict or repeat each other.

use fastrand::Rng;
use serde_json::{Map, Value, json};

/// How many types each document has.
const TYPES: usize = 5;

const NAMES: [&str; 4] = ["kind", "a", "b", "x-c"];
const TAGS: [&str; 3] = ["one", "two", "three"];

/// The position of a schema in its document.
#[derive(Clone, Copy)]
struct Place {
    /// The first type that the schema may refer to, so that no cycle of references applies to one instance.
    next: usize,
    /// How many levels of subschemas are allowed.
    depth: usize,
}

impl Place {
    /// Returns the place of a subschema for the same instance.
    fn in_place(self) -> Self {
        Self { depth: self.depth.saturating_sub(1), ..self }
    }

    /// Returns the place of a subschema for an item or a property, which may refer to all types.
    fn below(self) -> Self {
        Self { next: 0, depth: self.depth.saturating_sub(1) }
    }

    fn reference(self, rng: &mut Rng) -> Option<Value> {
        // Mostly the next type, so that references form long chains.
        let is_next = self.next > 0 && rng.usize(..3) > 0;
        let last = if is_next { TYPES.min(self.next + 1) } else { TYPES };
        (self.next < last).then(|| json!(format!("#/$defs/D{}", rng.usize(self.next..last))))
    }
}

/// Returns a schema with the types that it refers to.
pub(super) fn document(rng: &mut Rng) -> Value {
    let definitions: Map<String, Value> =
        (0..TYPES).map(|at| (format!("D{at}"), definition(rng, Place { next: at + 1, depth: 2 }))).collect();
    let mut document = members(rng, Place { next: 0, depth: 3 });
    document.insert("$defs".to_owned(), Value::Object(definitions));
    Value::Object(document)
}

/// Returns a type. Some only refer to another, and some have rules that no type expresses.
fn definition(rng: &mut Rng, place: Place) -> Value {
    match rng.usize(..4) {
        0 if place.next < TYPES => json!({ "$ref": format!("#/$defs/D{}", place.next) }),
        1 => counted(rng, place),
        _ => object(rng, place),
    }
}

/// Returns a schema for an object with a rule next to its properties.
fn counted(rng: &mut Rng, place: Place) -> Value {
    let mut members = Map::from_iter([("type".to_owned(), json!("object"))]);
    add_properties(rng, place, &mut members);
    if rng.bool() {
        members.insert("minProperties".to_owned(), json!(rng.usize(1..3)));
    } else {
        add_object_rule(rng, place, &mut members);
    }
    Value::Object(members)
}

/// Returns a schema for an object, or rarely for another kind of value.
fn object(rng: &mut Rng, place: Place) -> Value {
    if rng.usize(..12) == 0 {
        return leaf(rng, Place { depth: 0, ..place });
    }
    Value::Object(members(rng, place))
}

fn members(rng: &mut Rng, place: Place) -> Map<String, Value> {
    let mut members = Map::new();
    if rng.usize(..3) == 0 {
        members.insert("type".to_owned(), json!("object"));
    }
    for _ in 0..rng.usize(1..place.depth + 3) {
        match rng.usize(..if place.depth == 0 { 9 } else { 17 }) {
            0..4 => add_properties(rng, place, &mut members),
            4 => _ = members.insert("required".to_owned(), json!(names(rng))),
            5 | 6 => add_object_rule(rng, place, &mut members),
            7..10 => {
                members.extend(place.reference(rng).map(|target| ("$ref".to_owned(), target)));
                if rng.bool() {
                    add_properties(rng, place, &mut members);
                }
            }
            10 | 11 => {
                let key = pick(rng, &["anyOf", "oneOf", "oneOf"]);
                members.insert(key.to_owned(), json!(parts(rng, place, 2..4)));
            }
            12 => _ = members.insert("oneOf".to_owned(), tagged(rng, place)),
            13 => _ = members.insert("allOf".to_owned(), json!(parts(rng, place, 1..3))),
            14 => add_condition(rng, place, &mut members),
            15 => {
                let excluded = test(rng, place);
                members.insert("not".to_owned(), excluded);
            }
            _ => {
                let dependent = object(rng, place.in_place());
                members.insert("dependentSchemas".to_owned(), json!({ name(rng): dependent }));
            }
        }
    }
    members
}

fn parts(rng: &mut Rng, place: Place, count: std::ops::Range<usize>) -> Vec<Value> {
    let part = |rng: &mut Rng| match rng.usize(..5) {
        0 => conditional(rng, place.in_place()),
        _ => object(rng, place.in_place()),
    };
    (0..rng.usize(count)).map(|_| part(rng)).collect()
}

fn add_properties(rng: &mut Rng, place: Place, members: &mut Map<String, Value>) {
    let mut properties = Map::new();
    for name in names(rng) {
        let property = if name == "kind" && rng.usize(..3) > 0 { tag(rng) } else { leaf(rng, place.below()) };
        properties.insert(name.to_owned(), property);
    }
    if rng.bool() {
        let required: Vec<&String> = properties.keys().filter(|_| rng.bool()).collect();
        members.insert("required".to_owned(), json!(required));
    }
    members.insert("properties".to_owned(), Value::Object(properties));
}

fn add_object_rule(rng: &mut Rng, place: Place, members: &mut Map<String, Value>) {
    let (key, value) = match rng.usize(..9) {
        0 | 1 => ("additionalProperties", json!(false)),
        2 => ("additionalProperties", leaf(rng, place.below())),
        3 => {
            let pattern = pick(rng, &["^x-", "^a", "b$"]);
            ("patternProperties", json!({ pattern: leaf(rng, place.below()) }))
        }
        4 => {
            let rules =
                [json!({ "pattern": "^[a-z]" }), json!({ "enum": NAMES[..3] }), json!({ "maxLength": 1 })];
            ("propertyNames", pick(rng, &rules))
        }
        5 => ("minProperties", json!(rng.usize(1..3))),
        6 => ("maxProperties", json!(rng.usize(1..4))),
        7 => ("unevaluatedProperties", if rng.bool() { json!(false) } else { leaf(rng, place.below()) }),
        _ => ("dependentRequired", json!({ name(rng): names(rng) })),
    };
    members.insert(key.to_owned(), value);
}

/// Returns alternatives with a tag each. Two of them may have the same tag, and one may lack it.
fn tagged(rng: &mut Rng, place: Place) -> Value {
    let cases: Vec<Value> = (0..rng.usize(2..4))
        .map(|at| {
            let mut case = members(rng, place.in_place());
            let tag = if rng.usize(..6) == 0 { tag(rng) } else { json!({ "const": TAGS[at] }) };
            let properties = case.entry("properties").or_insert_with(|| json!({}));
            properties["kind"] = tag;
            if rng.usize(..6) > 0 {
                case.insert("required".to_owned(), json!(["kind"]));
            }
            Value::Object(case)
        })
        .collect();
    json!(cases)
}

fn add_condition(rng: &mut Rng, place: Place, members: &mut Map<String, Value>) {
    members.insert("if".to_owned(), test(rng, place));
    for key in ["then", "else"] {
        if rng.usize(..4) > 0 {
            members.insert(key.to_owned(), object(rng, place.in_place()));
        }
    }
}

/// Returns a condition without a tag. Often only one of its branches accepts objects.
fn conditional(rng: &mut Rng, place: Place) -> Value {
    let mut branches =
        [counted(rng, place), pick(rng, &[json!(false), json!({ "type": "string" }), json!({})])];
    if rng.bool() {
        branches[1] = counted(rng, place);
    }
    rng.shuffle(&mut branches);
    let [then, otherwise] = branches;
    json!({ "if": test(rng, place), "then": then, "else": otherwise })
}

/// Returns a schema that some objects satisfy and some do not.
fn test(rng: &mut Rng, place: Place) -> Value {
    match rng.usize(..7) {
        0 => json!({ "properties": { "kind": { "const": pick(rng, &TAGS) } } }),
        1 => json!({ "properties": { "kind": tag(rng) }, "required": ["kind"] }),
        2 => json!({ "required": names(rng) }),
        3 => json!({ "type": "object" }),
        4 => json!({ "properties": { name(rng): leaf(rng, place.below()) } }),
        5 => json!({ "const": {} }),
        _ => object(rng, place.in_place()),
    }
}

fn tag(rng: &mut Rng) -> Value {
    match rng.usize(..5) {
        0 => json!({ "enum": TAGS }),
        1 => json!({ "enum": TAGS[..2] }),
        2 => json!({ "enum": ["one", null] }),
        at => json!({ "const": TAGS[at - 2] }),
    }
}

/// Returns a schema for a property or an item.
fn leaf(rng: &mut Rng, place: Place) -> Value {
    match rng.usize(..if place.depth == 0 { 9 } else { 16 }) {
        0 => json!({ "type": "string", "maxLength": rng.usize(..3) }),
        1 => json!({ "type": "string", "pattern": pick(rng, &["^a", "b$"]) }),
        2 => integer(rng),
        3 => json!({ "type": "number", "multipleOf": pick(rng, &[0.5, 2.0]) }),
        4 => tag(rng),
        5 => listed(rng),
        6 => json!({ "type": pick(rng, &["null", "boolean", "string"]) }),
        7 => {
            let any = [json!({}), json!(true), json!({ "not": listed(rng) }), json!({ "type": "object" })];
            pick(rng, &any)
        }
        8 => numbers(rng),
        9 | 10 => place.reference(rng).map_or(json!({}), |target| json!({ "$ref": target })),
        11 => nullable(rng, place),
        12 => {
            let key = pick(rng, &["anyOf", "oneOf"]);
            let alternatives: Vec<Value> = (0..rng.usize(2..4)).map(|_| scalar(rng)).collect();
            json!({ key: alternatives })
        }
        13 | 14 => array(rng, place),
        _ => object(rng, place),
    }
}

fn scalar(rng: &mut Rng) -> Value {
    match rng.usize(..5) {
        0 => integer(rng),
        1 => listed(rng),
        2 => json!({ "const": pick(rng, &[1, 2, 3, 7]) }),
        _ => leaf(rng, Place { next: TYPES, depth: 0 }),
    }
}

fn integer(rng: &mut Rng) -> Value {
    let mut schema = json!({ "type": pick(rng, &["integer", "number"]) });
    if rng.bool() {
        schema["multipleOf"] = json!(pick(rng, &[2, 4]));
    }
    match rng.usize(..5) {
        0 => schema["minimum"] = json!(rng.i32(..3)),
        1 => schema["exclusiveMaximum"] = json!(rng.i32(3..9)),
        _ => {}
    }
    schema
}

/// Returns a union of listed numbers with others.
fn numbers(rng: &mut Rng) -> Value {
    let listed = pick(rng, &[json!([1, 2]), json!([3]), json!([2, 7])]);
    json!({ pick(rng, &["anyOf", "oneOf"]): [{ "enum": listed }, integer(rng)] })
}

fn listed(rng: &mut Rng) -> Value {
    match rng.usize(..7) {
        0 => json!({ "enum": [1, 2, 3] }),
        1 => json!({ "enum": [3, 7, "one"] }),
        2 => json!({ "enum": ["one", "a", null] }),
        3 => json!({ "enum": [{}, { "a": 1 }, []] }),
        4 => json!({ "const": { "kind": "one" } }),
        _ => json!({ "const": pick(rng, &[json!(1), json!("one"), json!(null), json!(true)]) }),
    }
}

/// Returns a schema that also accepts `null`, in one of the ways to write it.
fn nullable(rng: &mut Rng, place: Place) -> Value {
    let inner = leaf(rng, place.below());
    match rng.usize(..5) {
        0 => json!({ "anyOf": [inner, { "type": "null" }] }),
        1 => json!({ "oneOf": [{ "type": "null" }, inner] }),
        2 => json!({ "type": [pick(rng, &["string", "integer", "object"]), "null"] }),
        3 => json!({ "enum": [null, "one", 2] }),
        _ => {
            let mut inner = inner;
            if let Value::Object(members) = &mut inner {
                members.insert("nullable".to_owned(), json!(true));
            }
            inner
        }
    }
}

fn array(rng: &mut Rng, place: Place) -> Value {
    let mut schema = json!({});
    if rng.usize(..4) > 0 {
        schema["type"] = json!("array");
    }
    let length = rng.usize(..3);
    if length > 0 {
        let prefix: Vec<Value> = (0..length).map(|_| leaf(rng, place.below())).collect();
        schema["prefixItems"] = json!(prefix);
    }
    match rng.usize(..4) {
        0 => schema["items"] = json!(false),
        1 | 2 => schema["items"] = leaf(rng, place.below()),
        _ => {}
    }
    for (key, value) in [
        ("minItems", json!(length)),
        ("maxItems", json!(length + rng.usize(..2))),
        ("contains", leaf(rng, place.below())),
        ("uniqueItems", json!(true)),
        ("unevaluatedItems", json!(false)),
    ] {
        if rng.usize(..5) == 0 {
            schema[key] = value;
        }
    }
    schema
}

fn name(rng: &mut Rng) -> &'static str {
    pick(rng, &NAMES)
}

fn pick<T: Clone>(rng: &mut Rng, choices: &[T]) -> T {
    choices[rng.usize(..choices.len())].clone()
}

/// Returns one to three distinct names.
fn names(rng: &mut Rng) -> Vec<&'static str> {
    let mut names = NAMES.to_vec();
    rng.shuffle(&mut names);
    names.truncate(rng.usize(1..4));
    names
}

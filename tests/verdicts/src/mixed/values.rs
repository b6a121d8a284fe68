//! Values for a schema: built along it, and then changed at its edges.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::edits::edited;
use super::{FORMATS, NAMES, PATTERNS, literal, name};

/// Tells whether a schema accepts a value; by the reference.
pub type Accepts<'a> = &'a dyn Fn(&Value) -> bool;

/// How deep values become: few schemas go further.
const DEEPEST: usize = 4;

/// How often a value of the wanted verdict is looked for.
const TRIES: usize = 24;

/// Values of one schema.
pub struct Values<'a> {
    builder: Builder<'a>,
    schema: &'a Value,
    accepts: Accepts<'a>,
    /// How often no value was found that is refused, and none that is accepted.
    barren: [usize; 2],
}

impl<'a> Values<'a> {
    /// Values of a schema, by what a reference accepts.
    #[must_use]
    pub fn new(schema: &'a Value, accepts: Accepts<'a>) -> Self {
        Self { builder: Builder { root: schema }, schema, accepts, barren: [0, 0] }
    }

    /// A value that is valid about as often as not, and often lies close to where the verdict turns: it is
    /// built along the schema and then changed in a few places.
    pub fn next(&mut self, rng: &mut Rng) -> Value {
        // A few schemas are satisfied by nothing, so that the others make up for them.
        let wanted = rng.usize(..5) < 3;
        // What was not found a few times is not there.
        let tries = if self.barren[usize::from(wanted)] < 6 { TRIES } else { 3 };
        let mut value = self.builder.build(rng, &[self.schema], 0);
        for attempt in 0..tries {
            // A value that is built anew may be of another alternative; one that is changed stays close.
            if attempt % 4 == 3 {
                value = self.builder.build(rng, &[self.schema], 0);
            }
            let changed = edited(rng, value.clone());
            for candidate in if rng.usize(..4) > 0 { [&changed, &value] } else { [&value, &changed] } {
                if (self.accepts)(candidate) == wanted {
                    return candidate.clone();
                }
            }
            value = changed;
        }
        self.barren[usize::from(wanted)] += 1;
        value
    }
}

/// Builds values that likely satisfy schemas.
struct Builder<'a> {
    /// What references lead into.
    root: &'a Value,
}

impl<'a> Builder<'a> {
    /// A value that likely satisfies all of these at once.
    fn build(&self, rng: &mut Rng, schemas: &[&'a Value], depth: usize) -> Value {
        let mut rules = Vec::new();
        for schema in schemas {
            self.collect(rng, schema, &mut rules, 0);
        }
        let choices = rules.iter().flat_map(|rules| {
            let listed = rules.get("enum").and_then(Value::as_array).into_iter().flatten();
            rules.get("const").into_iter().chain(listed)
        });
        let choices: Vec<&Value> = choices.collect();
        if !choices.is_empty() && rng.usize(..8) > 0 {
            return choices[rng.usize(..choices.len())].clone();
        }
        match kind(rng, &rules) {
            "null" => Value::Null,
            "boolean" => json!(rng.bool()),
            "number" => number(rng, &rules),
            "string" => text(rng, &rules),
            // A circle ends, with any value.
            _ if depth > DEEPEST => literal(rng),
            "array" => self.array(rng, &rules, depth),
            "object" => self.object(rng, &rules, depth),
            _ => literal(rng),
        }
    }

    /// The rules for one instance: a schema's own, and those of the subschemas that it likely meets in place.
    fn collect(
        &self,
        rng: &mut Rng,
        schema: &'a Value,
        rules: &mut Vec<&'a Map<String, Value>>,
        depth: usize,
    ) {
        let Some(members) = schema.as_object().filter(|_| depth < 8) else { return };
        rules.push(members);
        let mut follow = |rng: &mut Rng, schema: &'a Value| self.collect(rng, schema, rules, depth + 1);
        if let Some(reference) = members.get("$ref").and_then(Value::as_str)
            && let Some(target) = self.root.pointer(reference.trim_start_matches('#'))
        {
            follow(rng, target);
        }
        for part in list(members, "allOf") {
            follow(rng, part);
        }
        for key in ["anyOf", "oneOf"] {
            let alternatives = list(members, key);
            if !alternatives.is_empty() {
                let at = rng.usize(..alternatives.len());
                follow(rng, &alternatives[at]);
            }
        }
        if let Some(test) = members.get("if") {
            let taken =
                if rng.bool() { [Some(test), members.get("then")] } else { [members.get("else"), None] };
            taken.into_iter().flatten().for_each(|schema| follow(rng, schema));
        }
        for (_, dependent) in map(members, "dependentSchemas") {
            if rng.bool() {
                follow(rng, dependent);
            }
        }
    }

    fn array(&self, rng: &mut Rng, rules: &[&'a Map<String, Value>], depth: usize) -> Value {
        let prefix = rules.iter().map(|rules| list(rules, "prefixItems").len()).max().unwrap_or_default();
        let least = rules.iter().filter_map(|rules| whole(rules, "minItems")).max().unwrap_or_default();
        let most = rules.iter().filter_map(|rules| whole(rules, "maxItems")).min();
        // What goes deep stays narrow, or values would be huge.
        let most = most.unwrap_or(if depth < 2 { prefix + 3 } else { prefix.max(1) });
        let length = rng.usize(least..=most.max(least)).max(if rng.bool() { prefix.min(most) } else { 0 });
        let mut items: Vec<Value> = (0..length)
            .map(|at| {
                let schemas: Vec<&Value> = rules
                    .iter()
                    .filter_map(|rules| {
                        let prefix = list(rules, "prefixItems");
                        prefix.get(at).or_else(|| rules.get("items"))
                    })
                    .collect();
                self.build(rng, &schemas, depth + 1)
            })
            .collect();
        for rules in rules {
            let Some(contained) = rules.get("contains") else { continue };
            for _ in 0..whole(rules, "minContains").unwrap_or(1) {
                let item = self.build(rng, &[contained], depth + 1);
                if items.len() < most || items.is_empty() {
                    items.push(item);
                } else {
                    let at = rng.usize(..items.len());
                    items[at] = item;
                }
            }
        }
        Value::Array(items)
    }

    fn object(&self, rng: &mut Rng, rules: &[&'a Map<String, Value>], depth: usize) -> Value {
        let mut names: Vec<&str> = Vec::new();
        for rules in rules {
            let required = list(rules, "required").iter().filter_map(Value::as_str);
            let declared = map(rules, "properties").map(|(name, _)| name.as_str());
            let declared: Vec<&str> = declared.filter(|_| depth < 3 && rng.usize(..3) > 0).collect();
            names.extend(required.chain(declared));
        }
        let least = rules.iter().filter_map(|rules| whole(rules, "minProperties")).max().unwrap_or_default();
        while names.len() < least || rng.usize(..5) == 0 {
            names.push(name(rng));
        }
        for rules in rules {
            for (name, dependent) in map(rules, "dependentRequired") {
                if names.contains(&name.as_str()) {
                    names.extend(dependent.as_array().into_iter().flatten().filter_map(Value::as_str));
                }
            }
        }
        let names = names.into_iter().map(|name| (name.to_owned(), self.property(rng, rules, name, depth)));
        Value::Object(names.collect())
    }

    /// The value of a property, by all that is said about its name.
    fn property(&self, rng: &mut Rng, rules: &[&'a Map<String, Value>], name: &str, depth: usize) -> Value {
        let mut schemas: Vec<&Value> = Vec::new();
        for rules in rules {
            let declared = rules.get("properties").and_then(|properties| properties.get(name));
            let matching = map(rules, "patternProperties").filter(|(pattern, _)| may_match(pattern, name));
            let before = schemas.len();
            schemas.extend(declared.into_iter().chain(matching.map(|(_, schema)| schema)));
            if schemas.len() == before {
                schemas.extend(rules.get("additionalProperties"));
            }
        }
        if schemas.is_empty() {
            schemas.extend(rules.iter().filter_map(|rules| rules.get("unevaluatedProperties")));
        }
        self.build(rng, &schemas, depth + 1)
    }
}

/// The kind of value that all rules allow, as far as they say; otherwise one that some rule is about.
fn kind(rng: &mut Rng, rules: &[&Map<String, Value>]) -> &'static str {
    let allowed = |kind: &&str| {
        rules.iter().all(|rules| match rules.get("type") {
            Some(Value::Array(kinds)) => kinds.iter().any(|named| is_kind(named, kind)),
            Some(named) => is_kind(named, kind),
            None => true,
        })
    };
    let about = |kind: &&str| rules.iter().any(|rules| rules.keys().any(|key| kind_of(key) == Some(*kind)));
    let kinds = ["null", "boolean", "number", "string", "array", "object"];
    let possible: Vec<&str> = kinds.into_iter().filter(allowed).collect();
    let fitting: Vec<&str> = possible.iter().copied().filter(about).collect();
    let choice = if fitting.is_empty() || rng.usize(..10) == 0 { possible } else { fitting };
    if choice.is_empty() { "any" } else { choice[rng.usize(..choice.len())] }
}

fn is_kind(named: &Value, kind: &str) -> bool {
    named == kind || (kind == "number" && named == "integer")
}

/// The kind of value that a keyword is about.
fn kind_of(keyword: &str) -> Option<&'static str> {
    Some(match keyword {
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => "number",
        "minLength" | "maxLength" | "pattern" | "format" => "string",
        "items" | "prefixItems" | "contains" | "minItems" | "maxItems" | "uniqueItems"
        | "unevaluatedItems" => "array",
        "properties"
        | "patternProperties"
        | "additionalProperties"
        | "propertyNames"
        | "required"
        | "minProperties"
        | "maxProperties"
        | "dependentRequired"
        | "dependentSchemas"
        | "unevaluatedProperties" => "object",
        _ => return None,
    })
}

/// Numbers at the limits, multiples, and numbers that runtimes are known to differ at.
fn number(rng: &mut Rng, rules: &[&Map<String, Value>]) -> Value {
    let values = |keys: &[&str]| -> Vec<f64> {
        let found = rules.iter().flat_map(|rules| keys.iter().filter_map(|key| rules.get(*key)?.as_f64()));
        found.collect()
    };
    let limits = values(&["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]);
    let divisors = values(&["multipleOf"]);
    let edges =
        [0.0, 1.0, -1.0, 2.5, 19.99, 1.1, 3.3, 1e-7, 0.1, 12.0, 7.0, 9_007_199_254_740_991.0, 1e21, 1e300];
    let number = match rng.usize(..4) {
        0 if !limits.is_empty() => limits[rng.usize(..limits.len())] + [-1.0, 0.0, 0.5, 1.0][rng.usize(..4)],
        1..3 if !divisors.is_empty() => f64::from(rng.i32(-3..60)) * divisors[rng.usize(..divisors.len())],
        1..3 => f64::from(rng.i32(-3..20)),
        _ => edges[rng.usize(..edges.len())],
    };
    plain(number)
}

/// A whole number is written as one.
pub(super) fn plain(number: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "it was found to be whole and small")]
    if number.fract() == 0.0 && number.abs() < 1e15 { json!(number as i64) } else { json!(number) }
}

fn text(rng: &mut Rng, rules: &[&Map<String, Value>]) -> Value {
    let known = |texts: &[(&str, &'static [&'static str])], key: &str| -> Vec<&'static str> {
        let named = rules.iter().filter_map(|rules| rules.get(key)?.as_str());
        named
            .flat_map(|named| texts.iter().filter(move |(text, _)| *text == named))
            .flat_map(|(_, texts)| *texts)
            .copied()
            .collect()
    };
    let fitting = [known(&PATTERNS, "pattern"), known(&FORMATS, "format")].concat();
    if !fitting.is_empty() && rng.usize(..6) > 0 {
        return json!(fitting[rng.usize(..fitting.len())]);
    }
    if rng.usize(..4) == 0 {
        return json!(NAMES[rng.usize(..NAMES.len())]);
    }
    let least = rules.iter().filter_map(|rules| whole(rules, "minLength")).max().unwrap_or_default();
    let most = rules.iter().filter_map(|rules| whole(rules, "maxLength")).min().unwrap_or(least + 4);
    let pieces = ["a", "b", "é", "😀", "\u{301}", "1", "\"", "\\", "\n", "\u{2028}"];
    let length = rng.usize(least..=most.max(least));
    json!((0..length).map(|_| pieces[rng.usize(..pieces.len())]).collect::<String>())
}

/// Whether a name matches a pattern, where that is known; a guess is enough.
fn may_match(pattern: &str, name: &str) -> bool {
    PATTERNS.iter().any(|(known, texts)| *known == pattern && (texts.contains(&name) || known.is_empty()))
}

fn list<'a>(members: &'a Map<String, Value>, key: &str) -> &'a [Value] {
    members.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn map<'a>(members: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    members.get(key).and_then(Value::as_object).into_iter().flatten()
}

fn whole(members: &Map<String, Value>, key: &str) -> Option<usize> {
    members.get(key)?.as_u64().and_then(|number| usize::try_from(number).ok())
}

//! Values for a schema, built from the schema and then changed in a few places.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::edits::Words;
use super::{FORMATS, NAMES, PATTERNS, literal, name};

/// Returns whether a schema accepts a value.
pub type Accepts<'a> = &'a dyn Fn(&Value) -> bool;

/// The maximum depth of values. Few schemas are deeper.
const MAX_DEPTH: usize = 4;

/// How often to look for a value with the expected verdict.
const MAX_ATTEMPTS: usize = 24;

/// Generates values for one schema.
pub struct Values<'a> {
    builder: Builder<'a>,
    schema: &'a Value,
    words: Words,
    accepts: Accepts<'a>,
    /// How often no refused value was found, and how often no accepted one.
    misses: [usize; 2],
}

impl<'a> Values<'a> {
    /// Creates a generator for a schema. `accepts` decides which values are valid.
    #[must_use]
    pub fn new(schema: &'a Value, accepts: Accepts<'a>) -> Self {
        Self { builder: Builder { root: schema }, schema, words: Words::of(schema), accepts, misses: [0, 0] }
    }

    /// Returns a value. About half of them are valid, and a small change often changes the verdict. Each value is built
    /// from the schema and then changed in a few places.
    pub fn next(&mut self, rng: &mut Rng) -> Value {
        // More than half, as no value satisfies a few of the schemas.
        let expected = rng.usize(..5) < 3;
        // After a few misses, such values probably do not exist.
        let attempts = if self.misses[usize::from(expected)] < 6 { MAX_ATTEMPTS } else { 3 };
        let mut value = self.builder.build(rng, &[self.schema], 0);
        for attempt in 0..attempts {
            // A new value may match another alternative. A changed value stays similar.
            if attempt % 4 == 3 {
                value = self.builder.build(rng, &[self.schema], 0);
            }
            let changed = self.words.edited(rng, value.clone());
            for candidate in if rng.usize(..4) > 0 { [&changed, &value] } else { [&value, &changed] } {
                if (self.accepts)(candidate) == expected {
                    return candidate.clone();
                }
            }
            value = changed;
        }
        self.misses[usize::from(expected)] += 1;
        value
    }
}

/// Builds values that probably satisfy schemas.
struct Builder<'a> {
    /// The document that references are resolved in.
    root: &'a Value,
}

impl<'a> Builder<'a> {
    /// Returns a value that probably satisfies all of these schemas.
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
            // Ends a cycle of references with any value.
            _ if depth > MAX_DEPTH => literal(rng),
            "array" => self.array(rng, &rules, depth),
            "object" => self.object(rng, &rules, depth),
            _ => literal(rng),
        }
    }

    /// Collects the rules for one instance: those of a schema, and of the subschemas that probably apply to it.
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
        // Deep arrays are short, so that values do not become huge.
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

    /// Returns the value of a property that follows all rules for its name.
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

/// Returns a kind of value that all rules allow, or else one that some rule applies to.
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

/// Returns the kind of value that a keyword applies to.
pub(super) fn kind_of(keyword: &str) -> Option<&'static str> {
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

/// Returns a number at a limit, a multiple, or a number that languages often treat differently.
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

/// Returns a number as JSON. Whole numbers are written without a fraction.
pub(super) fn plain(number: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "the number is whole and small")]
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

/// Returns whether a name probably matches a pattern. A guess is enough.
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

//! Tables as JSON Schema documents: the reference accepts the same values with a document as its table does.

use std::collections::HashMap;

use fanfare::schema::{accepts, describe, example};
use fanfare::{Registry, Schema};
use fanfare_verdicts::catalogue::SuiteGroup;
use fanfare_verdicts::mixed::Values;
use fanfare_verdicts::{catalogue, channels, random, vectors};
use serde_json::Value;

use crate::comparison::Failures;
use crate::reference::Reference;
use crate::report;
use crate::score::instances;
use crate::validators::{normal, parse};

/// How many random values are validated per table.
const VALUES: usize = 12;
/// The minimum percentage of random values that are valid, and also of those that are invalid.
const MIN_OF_EACH_VERDICT: usize = 25;
/// The minimum percentage of tables of random schemas that have an example. No value satisfies some of them.
const MIN_EXAMPLES: usize = 85;

#[test]
fn golden_tables_have_documents_with_the_same_verdicts() {
    let mut verdicts = Verdicts::default();
    for (case, registry) in fanfare_golden_check::REGISTRIES {
        for (name, table) in tables(registry) {
            let name = format!("{case}: {name}");
            verdicts.add_random(&name, &Described::new(table));
            assert!(
                example(table).is_some_and(|example| accepts(table, &example)),
                "{name} has no valid example"
            );
        }
    }
    verdicts.finish("golden tables");
}

#[test]
fn most_tables_that_accept_a_value_have_a_valid_example() {
    let (mut found, mut missing) = (0, 0);
    for (name, table) in tables(&channels::REGISTRY) {
        match example(table) {
            Some(example) => {
                assert!(accepts(table, &example), "{name} does not accept {example}");
                found += 1;
            }
            None => missing += 1,
        }
    }
    report(&format!("{found} tables of random and official schemas have examples, and {missing} have none"));
    let share = 100 * found / (found + missing);
    assert!(share >= MIN_EXAMPLES, "only {share} % of the tables have an example");
}

#[test]
fn tables_of_random_and_official_schemas_have_documents_with_the_same_verdicts() {
    let mut verdicts = Verdicts::default();
    let described: HashMap<String, Described> =
        tables(&channels::REGISTRY).map(|(name, table)| (name, Described::new(table))).collect();
    // The reference needs exponential time for some of the deep schemas.
    let is_deep =
        |name: &str| name.starts_with(['d', 'v']) && name[1..].starts_with(|c: char| c.is_ascii_digit());
    for (name, described) in described.iter().filter(|(name, _)| !is_deep(name)) {
        verdicts.add_random(name, described);
    }
    let catalogue = catalogue();
    let groups: Vec<SuiteGroup> =
        catalogue.example.into_iter().chain(catalogue.official).chain(catalogue.serde).collect();
    for (entry, instance) in instances(&groups) {
        let name = format!("{} t", entry.compiled.channel);
        verdicts.add(&name, &described[&name], &instance.data);
    }
    for (at, trap) in vectors::read().iter().enumerate().filter(|(_, trap)| trap.refused.is_none()) {
        let name = format!("vectors t{at}");
        let values = trap.texts().into_iter().filter_map(|(text, _)| parse(&text).ok());
        values.for_each(|value| verdicts.add(&name, &described[&name], &value));
    }
    verdicts.finish("random and official schemas");
}

/// Returns the tables of all payloads and results, each with its name.
pub(crate) fn tables(registry: &'static Registry) -> impl Iterator<Item = (String, &'static Schema)> {
    registry.channels.iter().flat_map(|channel| {
        let topics = channel.topics.iter().filter_map(|topic| Some((topic.name, topic.schema()?)));
        let signals = channel.signals.iter().map(|signal| (signal.name, signal.schema));
        let params = channel.params.iter().map(|param| (param.name, param.schema));
        let result = channel.result.map(|schema| ("result", schema));
        topics
            .chain(signals)
            .chain(params)
            .chain(result)
            .map(|(name, table)| (format!("{} {name}", channel.name), table))
    })
}

/// Returns `true` if a value has a number beyond those that doubles represent exactly.
fn has_large_number(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64().is_some_and(|number| number.abs() > 9_007_199_254_740_992.0),
        Value::Array(items) => items.iter().any(has_large_number),
        Value::Object(members) => members.values().any(has_large_number),
        _ => false,
    }
}

/// A table and its document.
struct Described {
    table: &'static Schema,
    document: Value,
    reference: Reference,
}

impl Described {
    fn new(table: &'static Schema) -> Self {
        let document = describe(table);
        Self { table, reference: Reference::of_document(&document), document }
    }
}

/// Compares verdicts.
#[derive(Default)]
struct Verdicts {
    failures: Failures,
    tables: usize,
    random: usize,
    valid: usize,
    others: usize,
}

impl Verdicts {
    fn add_random(&mut self, name: &str, described: &Described) {
        let accepted = |value: &Value| accepts(described.table, &normal(value));
        let mut values = Values::new(&described.document, &accepted);
        let mut rng = fastrand::Rng::with_seed(random::seed());
        for _ in 0..VALUES {
            let value = values.next(&mut rng);
            self.valid += usize::from(self.compare(name, described, &value));
        }
        self.tables += 1;
        self.random += VALUES;
    }

    fn add(&mut self, name: &str, described: &Described, value: &Value) {
        self.others += 1;
        self.compare(name, described, value);
    }

    /// Returns the verdict of the table.
    fn compare(&mut self, name: &str, described: &Described, value: &Value) -> bool {
        let value = normal(value);
        let expected = accepts(described.table, &value);
        let document = &described.document;
        // The reference divides doubles, while the documents say that `multipleOf` takes decimals.
        let is_divided = has_large_number(&value) && document.to_string().contains("multipleOf");
        if described.reference.accepts_value(&value) != expected && !is_divided {
            self.failures
                .add(|| format!("{name}: {document}\n  on {value}\n  the table accepts it: {expected}"));
        }
        expected
    }

    fn finish(self, what: &str) {
        let Self { failures, tables, random, valid, others } = self;
        report(&format!(
            "{tables} documents of {what}: {random} random values, {} % valid, and {others} others, {} disagreements",
            100 * valid / random.max(1),
            failures.count
        ));
        failures.fail_if_any("documents that differ from their table");
        let rarer = 100 * valid.min(random - valid) / random.max(1);
        assert!(rarer >= MIN_OF_EACH_VERDICT, "only {rarer} % of the values have the rarer verdict");
    }
}

//! The tables that the compiler builds in memory are those of generated Rust: the same definitions, documents, verdicts
//! and issues.

use std::collections::{BTreeMap, HashSet};

use fanfare::schema::{accepts, check, describe, example};
use fanfare::{AddressPart, Carries, ChangedPart, ChannelDefinition, Registry, Retain, Schema};
use fanfare_codegen::{ChannelTables, Generator, Schemas};
use fanfare_verdicts::catalogue::SuiteGroup;
use fanfare_verdicts::mixed::Values;
use fanfare_verdicts::{catalogue, channels, random, schemas, vectors};
use serde_json::Value;

use crate::comparison::Failures;
use crate::described::tables;
use crate::report;
use crate::score::instances;
use crate::validators::{normal, parse};

/// How many random values are checked per table.
const GOLDEN_VALUES: usize = 24;
const RANDOM_VALUES: usize = 4;

#[test]
fn golden_definitions_have_the_tables_of_their_generated_rust() {
    let mut compared = Compared::default();
    for (case, registry) in fanfare_golden_check::REGISTRIES {
        let folder = format!("../compiler/golden/{case}");
        let schemas = Schemas::new(format!("{folder}/schemas")).allow_refs_to(format!("{folder}/elsewhere"));
        for (name, tables) in compared.add(case, registry, &schemas) {
            compared.check_random(&format!("{case}: {name}"), tables, GOLDEN_VALUES);
        }
    }
    compared.finish("golden definitions");
}

#[test]
fn random_and_official_schemas_have_the_tables_of_their_generated_rust() {
    let mut compared = Compared::default();
    let all = compared.add("verdicts", &channels::REGISTRY, &Schemas::new(schemas()));
    for (name, tables) in &all {
        compared.check_random(name, *tables, RANDOM_VALUES);
    }
    let by_name: BTreeMap<String, Pair> = all.into_iter().collect();
    let catalogue = catalogue();
    let groups: Vec<SuiteGroup> =
        catalogue.example.into_iter().chain(catalogue.official).chain(catalogue.serde).collect();
    for (entry, instance) in instances(&groups) {
        let name = format!("{} t", entry.compiled.channel);
        compared.check(&name, by_name[&name], &instance.data);
    }
    for (at, trap) in vectors::read().iter().enumerate().filter(|(_, trap)| trap.refused.is_none()) {
        let name = format!("vectors t{at}");
        for value in trap.texts().into_iter().filter_map(|(text, _)| parse(&text).ok()) {
            compared.check(&name, by_name[&name], &value);
        }
    }
    compared.finish("random and official schemas");
}

/// A table of generated Rust, and the one in memory.
type Pair = (&'static Schema, &'static Schema);

/// Compares generated tables with those in memory.
#[derive(Default)]
struct Compared {
    failures: Failures,
    tables: usize,
    values: usize,
    invalid: usize,
}

impl Compared {
    /// Compares the definitions of channels, and returns the tables of payloads, params and results.
    fn add(&mut self, case: &str, registry: &'static Registry, schemas: &Schemas) -> Vec<(String, Pair)> {
        let interpreted =
            Generator::default().tables(schemas).unwrap_or_else(|error| panic!("{case}: {error}"));
        let expected: Vec<&str> = registry.channels.iter().map(|channel| channel.name).collect();
        let found: Vec<&str> = interpreted.iter().map(|channel| channel.name).collect();
        assert_eq!(found, expected, "{case}");
        for (generated, interpreted) in registry.channels.iter().zip(&interpreted) {
            assert_same_definition(case, generated, interpreted);
        }
        let interpreted = interpreted.iter().flat_map(tables_of);
        let pairs: Vec<(String, Pair)> =
            tables(registry).zip(interpreted).map(|((name, table), other)| (name, (table, other))).collect();
        for (name, (table, other)) in &pairs {
            self.tables += 1;
            let (expected, found) = (describe(table), describe(other));
            if !Documents::new(&expected, &found).are_same() {
                self.failures.add(|| format!("{case}: {name}\n  {expected}\n  {found}"));
            }
            // They may differ, as the search visits each `static` a limited number of times.
            let examples = [example(table), example(other)];
            if examples.iter().flatten().any(|example| !accepts(table, example) || !accepts(other, example)) {
                self.failures.add(|| format!("{case}: {name} has an example that is not valid"));
            }
        }
        pairs
    }

    fn check_random(&mut self, name: &str, tables: Pair, count: usize) {
        let document = describe(tables.0);
        let accepted = |value: &Value| accepts(tables.0, &normal(value));
        let mut values = Values::new(&document, &accepted);
        let mut rng = fastrand::Rng::with_seed(random::seed());
        for _ in 0..count {
            let value = values.next(&mut rng);
            self.check(name, tables, &value);
        }
    }

    fn check(&mut self, name: &str, (generated, interpreted): Pair, value: &Value) {
        let value = normal(value);
        let (expected, found) = (check(generated, &value), check(interpreted, &value));
        self.values += 1;
        self.invalid += usize::from(expected.is_err());
        if expected != found {
            self.failures
                .add(|| format!("{name} on {value}\n  generated: {expected:?}\n  in memory: {found:?}"));
        }
    }

    fn finish(self, what: &str) {
        let Self { failures, tables, values, invalid } = self;
        report(&format!(
            "{tables} tables in memory of {what}: {values} values, {invalid} of them not valid, {} differences",
            failures.count
        ));
        failures.fail_if_any("tables in memory that differ from generated ones");
        assert!(invalid > values / 10 && invalid < values, "{invalid} of {values} values are not valid");
    }
}

/// Returns the tables of a channel in memory, in the order in which [`tables`] returns those of generated Rust.
fn tables_of(channel: &ChannelTables) -> impl Iterator<Item = &'static Schema> {
    let topics = channel.topics.iter().filter_map(|topic| topic.table);
    let signals = channel.signals.iter().map(|signal| signal.table);
    topics.chain(signals).chain(channel.params.iter().map(|param| param.table)).chain(channel.result)
}

fn assert_same_definition(case: &str, generated: &ChannelDefinition, interpreted: &ChannelTables) {
    let name = format!("{case}: {}", generated.name);
    assert_eq!(interpreted.name, generated.name, "{name}");
    assert_eq!(interpreted.description, generated.description, "{name}");
    assert_eq!(interpreted.fingerprint, generated.fingerprint, "{name}");
    assert_eq!(interpreted.history_messages, generated.history.messages, "{name}");
    assert_eq!(interpreted.history_seconds, generated.history.age.as_secs(), "{name}");
    assert_eq!(interpreted.result.is_some(), generated.result.is_some(), "{name}");
    let address = interpreted.address.iter().map(|part| match part {
        fanfare_codegen::AddressPart::Literal(text) => AddressPart::Literal(text),
        fanfare_codegen::AddressPart::Param(index) => AddressPart::Param(*index),
    });
    assert_eq!(address.collect::<Vec<_>>(), generated.address, "{name}");
    let params: Vec<&str> = interpreted.params.iter().map(|param| param.name).collect();
    assert_eq!(params, generated.params.iter().map(|param| param.name).collect::<Vec<_>>(), "{name}");
    let topics = interpreted.topics.iter().map(|topic| {
        (
            topic.name,
            topic.description,
            topic.table.is_some(),
            topic.retain,
            topic.aliases,
            topic.renamed_from,
        )
    });
    let expected = generated.topics.iter().map(|topic| {
        let retain = match topic.retain {
            Retain::None => 0,
            Retain::Last => 1,
            Retain::LastN(count) => count,
        };
        let is_payload = matches!(topic.carries, Carries::Payload(_));
        (topic.name, topic.description, is_payload, retain, topic.aliases, topic.renamed_from)
    });
    assert_eq!(topics.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{name}");
    let signals = interpreted
        .signals
        .iter()
        .map(|signal| (signal.name, signal.description, signal.aliases, signal.renamed_from));
    let expected = generated
        .signals
        .iter()
        .map(|signal| (signal.name, signal.description, signal.aliases, signal.renamed_from));
    assert_eq!(signals.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{name}");
    let releases = interpreted.releases.iter().map(|release| {
        let changes = release.changes.iter().map(|change| {
            let part = match change.part {
                fanfare_codegen::ChangedPart::Channel => ChangedPart::Channel,
                fanfare_codegen::ChangedPart::Topic(name) => ChangedPart::Topic(name),
                fanfare_codegen::ChangedPart::Signal(name) => ChangedPart::Signal(name),
                fanfare_codegen::ChangedPart::Result => ChangedPart::Result,
            };
            (part, change.message)
        });
        (release.fingerprint, changes.collect::<Vec<_>>())
    });
    let expected = generated.releases.iter().map(|release| {
        let changes = release.changes.iter().map(|change| (change.part, change.message));
        (release.fingerprint, changes.collect::<Vec<_>>())
    });
    assert_eq!(releases.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{name}");
}

/// Two JSON Schema documents. They may refer to different parts as `$defs`: the Rust compiler can use one `static` for
/// several equal parts.
struct Documents<'d> {
    one: &'d Value,
    other: &'d Value,
    /// The pairs of parts that are compared already, by address.
    compared: HashSet<(*const Value, *const Value)>,
}

impl<'d> Documents<'d> {
    fn new(one: &'d Value, other: &'d Value) -> Self {
        Self { one, other, compared: HashSet::new() }
    }

    fn are_same(&mut self) -> bool {
        self.are_same_parts(self.one, self.other)
    }

    fn are_same_parts(&mut self, one: &'d Value, other: &'d Value) -> bool {
        let (one, other) = (resolve(self.one, one), resolve(self.other, other));
        if !self.compared.insert((std::ptr::from_ref(one), std::ptr::from_ref(other))) {
            return true;
        }
        match (one, other) {
            (Value::Array(one), Value::Array(other)) => {
                one.len() == other.len()
                    && one.iter().zip(other).all(|(one, other)| self.are_same_parts(one, other))
            }
            (Value::Object(one), Value::Object(other)) => {
                // Members have an order, too.
                let mut ones = one.iter().filter(|(name, _)| *name != "$defs");
                let mut others = other.iter().filter(|(name, _)| *name != "$defs");
                loop {
                    match (ones.next(), others.next()) {
                        (None, None) => return true,
                        (Some((name, one)), Some((other_name, other))) if name == other_name => {
                            if !self.are_same_parts(one, other) {
                                return false;
                            }
                        }
                        _ => return false,
                    }
                }
            }
            (one, other) => one == other,
        }
    }
}

/// Follows references to other parts of a document. An object in a constant may look like one.
fn resolve<'d>(document: &'d Value, part: &'d Value) -> &'d Value {
    let reference =
        part.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
    let target = reference.and_then(|path| document.pointer(path));
    target.map_or(part, |target| resolve(document, target))
}

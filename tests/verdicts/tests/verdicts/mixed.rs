//! Random schemas with all keywords: all validators agree on random values.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use fanfare_verdicts::catalogue::Mixed;
use fanfare_verdicts::mixed::Values;
use fanfare_verdicts::{catalogue, mixed, random};
use serde_json::{Value, json};

use crate::comparison::{Comparison, Failures};
use crate::issues::issues_agree;
use crate::reference::Reference;
use crate::validators::{Case, Library};
use crate::{report, scratch};

/// How many values are validated per schema.
const VALUES: usize = 40;

/// The minimum percentage of schemas that are accepted. The compiler refuses some because no value satisfies them.
const MIN_ACCEPTED: usize = 70;
/// The minimum percentage of values that are valid, and also of those that are invalid.
const MIN_OF_EACH_VERDICT: usize = 35;

#[test]
fn values_of_every_keyword_get_the_same_verdict_from_rust_zod_and_the_reference() {
    let catalogue = catalogue();
    let seed = catalogue.seed;
    let mut cases = Vec::new();
    let mut references = Vec::new();
    let accepted: Vec<&Mixed> =
        catalogue.mixed.iter().filter(|mixed| mixed.compiled.refusal.is_none()).collect();
    for (at, mixed) in accepted.iter().enumerate() {
        let channel = &mixed.compiled.channel;
        add_cases(&mixed.schema, channel, mixed::rng(!seed, at as u64), &mut cases, &mut references);
    }
    let comparison = Comparison::run(&cases, "mixed");
    let mut failures = Failures::default();
    for (at, reference) in references.iter().enumerate() {
        let rust = &comparison.rust()[at];
        let agree = comparison.others().iter().all(|validator| rust.agrees(&validator.verdicts[at]));
        if rust.accepts() != Some(*reference) || !agree {
            failures.add(|| {
                let schema = &accepted[at / VALUES].schema;
                format!(
                    "{schema}\n  on {}\n{}\n  reference: {reference}",
                    cases[at].text,
                    comparison.describe(at)
                )
            });
        }
    }
    let valid = references.iter().filter(|valid| **valid).count();
    report(&format!(
        "seed {seed}: {} pairs of {} schemas of every keyword ({}), {} % valid, {} disagreements",
        cases.len(),
        catalogue.mixed.len(),
        refusals(&catalogue.mixed),
        100 * valid / cases.len().max(1),
        failures.count
    ));
    failures.fail_if_any(&format!("disagreements (FANFARE_SEED={seed})"));
    issues_agree(&comparison, &cases, "mixed");
    let share = 100 * accepted.len() / catalogue.mixed.len();
    assert!(share >= MIN_ACCEPTED, "only {share} % of the schemas are accepted");
    let rarer = 100 * valid.min(cases.len() - valid) / cases.len();
    assert!(rarer >= MIN_OF_EACH_VERDICT, "only {rarer} % of the values have the rarer verdict");
}

/// Compiles schemas to TypeScript only, which takes a small part of the time that Rust takes. `FANFARE_ZOD_SEED` and
/// `FANFARE_ZOD` select other schemas and their number when the test runs.
#[test]
fn values_of_more_schemas_get_the_same_verdict_from_zod_and_the_reference() {
    let option = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed: u64 = option("FANFARE_ZOD_SEED").unwrap_or(1001);
    let count: u64 = option("FANFARE_ZOD").unwrap_or(100);
    let generated = scratch("mixed-typescript");
    let (mut cases, mut references, mut accepted) = (Vec::new(), Vec::new(), Vec::new());
    for (at, schema) in (0..count).zip(mixed::schemas(seed, usize::try_from(count).unwrap_or(usize::MAX))) {
        let channel = format!("m{at:04}");
        if write_typescript(&channel, &schema, &generated) {
            add_cases(&schema, &channel, mixed::rng(!seed, at), &mut cases, &mut references);
            accepted.push(schema);
        }
    }
    let verdicts = Library::Zod.verdicts_of(&generated, &cases, "mixed-typescript");
    let mut failures = Failures::default();
    for (at, (verdict, reference)) in verdicts.iter().zip(&references).enumerate() {
        if verdict.accepts() != Some(*reference) {
            failures.add(|| {
                format!(
                    "{}\n  on {}\n  zod: {verdict}\n  reference: {reference}",
                    accepted[at / VALUES],
                    cases[at].text
                )
            });
        }
    }
    let (pairs, wrong) = (cases.len(), failures.count);
    report(&format!(
        "seed {seed}: {pairs} pairs of {} of {count} schemas in TypeScript, {wrong} disagreements",
        accepted.len()
    ));
    failures.fail_if_any(&format!("disagreements (FANFARE_ZOD_SEED={seed})"));
}

/// Adds random values of a schema, with the verdicts of the reference.
fn add_cases(
    schema: &Value,
    channel: &str,
    mut rng: fastrand::Rng,
    cases: &mut Vec<Case>,
    references: &mut Vec<bool>,
) {
    let reference = Reference::of_resource(schema);
    let accepts = |value: &Value| reference.accepts_value(value);
    let mut values = Values::new(schema, &accepts);
    for _ in 0..VALUES {
        let value = values.next(&mut rng);
        let text = random::text(&mut rng, &value);
        references.push(reference.accepts(&text));
        cases.push(Case { channel: channel.to_owned(), topic: "t".to_owned(), text });
    }
}

/// Writes the TypeScript of a schema. Returns `false` if the compiler refuses the schema.
fn write_typescript(channel: &str, schema: &Value, folder: &Path) -> bool {
    let definition = json!({
        "version": 1,
        "channels": { channel: { "address": channel, "topics": { "t": { "payload": schema } } } },
    });
    let file = scratch("mixed-definition").join(format!("{channel}.json"));
    fs::write(&file, definition.to_string()).expect("write the definition");
    let generate = || fanfare_codegen::generate(file.parent().unwrap_or(folder));
    let compiled = catch_unwind(AssertUnwindSafe(generate));
    let Ok(files) = compiled.unwrap_or_else(|_| panic!("the compiler panicked on {schema}")) else {
        return false;
    };
    for (path, text) in files.iter().filter(|(path, _)| path.contains(channel)) {
        if let Some(name) = path.strip_prefix("typescript/") {
            fs::write(folder.join(name), text).expect("write the generated TypeScript");
        }
    }
    true
}

/// Describes how many schemas were refused, by code.
fn refusals(mixed: &[Mixed]) -> String {
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for refusal in mixed.iter().filter_map(|mixed| mixed.compiled.refusal.as_ref()) {
        *codes.entry(&refusal.code).or_default() += 1;
    }
    let codes: Vec<String> = codes.iter().map(|(code, count)| format!("{count} × {code}")).collect();
    if codes.is_empty() { "none refused".to_owned() } else { format!("refused: {}", codes.join(", ")) }
}

//! Random schemas with all keywords: all validators agree on random values.

use std::collections::BTreeMap;

use fanfare_verdicts::catalogue::Mixed;
use fanfare_verdicts::mixed::Values;
use fanfare_verdicts::{catalogue, mixed, random};
use serde_json::Value;

use crate::comparison::{Comparison, Failures};
use crate::issues::issues_agree;
use crate::reference::Reference;
use crate::report;
use crate::validators::Case;

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
        let reference = Reference::of_resource(&mixed.schema);
        let mut rng = mixed::rng(!seed, at as u64);
        let accepts = |value: &Value| reference.accepts_value(value);
        let mut values = Values::new(&mixed.schema, &accepts);
        for _ in 0..VALUES {
            let value = values.next(&mut rng);
            let text = random::text(&mut rng, &value);
            references.push(reference.accepts(&text));
            cases.push(Case { channel: mixed.compiled.channel.clone(), topic: "t".to_owned(), text });
        }
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

/// Describes how many schemas were refused, by code.
fn refusals(mixed: &[Mixed]) -> String {
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for refusal in mixed.iter().filter_map(|mixed| mixed.compiled.refusal.as_ref()) {
        *codes.entry(&refusal.code).or_default() += 1;
    }
    let codes: Vec<String> = codes.iter().map(|(code, count)| format!("{count} × {code}")).collect();
    if codes.is_empty() { "none refused".to_owned() } else { format!("refused: {}", codes.join(", ")) }
}

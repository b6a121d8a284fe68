//! Random schemas that become plain types: all validators agree on random values.

use fanfare_verdicts::random;
use serde_json::Value;

use crate::comparison::{Comparison, Failures, unpublishable};
use crate::issues::issues_agree;
use crate::reference::Reference;
use crate::report;
use crate::validators::Case;

/// How many values are validated per schema.
const VALUES: usize = 40;

#[test]
fn random_values_get_the_same_verdict_from_rust_zod_and_the_reference() {
    let seed = random::seed();
    let schemas = random::schemas(seed);
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut cases = Vec::new();
    let mut references = Vec::new();
    for (at, schema) in schemas.payloads.iter().enumerate() {
        let reference = Reference::new(schema, &Value::Object(schemas.definitions.clone()));
        for _ in 0..VALUES {
            let value = random::value(&mut rng, &schemas, schema);
            let text = random::text(&mut rng, &value);
            references.push(reference.accepts(&text));
            cases.push(Case { channel: "random".to_owned(), topic: format!("t{at}"), text });
        }
    }
    let comparison = Comparison::run(&cases, "random");
    let mut failures = Failures::default();
    for (at, reference) in references.iter().enumerate() {
        let rust = &comparison.rust()[at];
        let differs = rust.accepts() != Some(*reference)
            || comparison.others().iter().any(|validator| !rust.agrees(&validator.verdicts[at]));
        let unpublishable = unpublishable(&cases[at], rust);
        if differs || unpublishable.is_some() {
            failures.add(|| {
                let schema = &schemas.payloads[at / VALUES];
                let unpublishable = unpublishable.unwrap_or_default();
                let text = &cases[at].text;
                format!(
                    "{schema}\n  on {text}\n{}\n  reference: {reference}\n{unpublishable}",
                    comparison.describe(at)
                )
            });
        }
    }
    let (pairs, valid) = (cases.len(), references.iter().filter(|valid| **valid).count());
    report(&format!(
        "seed {seed}: {pairs} pairs of {} simple schemas, {} % valid, {} disagreements",
        random::SCHEMAS,
        100 * valid / pairs,
        failures.count
    ));
    assert!(pairs >= 10_000, "expected at least 10,000 pairs, got {pairs}");
    failures.fail_if_any(&format!("disagreements (FANFARE_SEED={seed})"));
    issues_agree(&comparison, &cases, "random");
}

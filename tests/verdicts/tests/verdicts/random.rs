//! Random schemas of what is generated as plain types: all voices agree on random values.

use fanfare_verdicts::random;
use serde_json::Value;

use crate::issues::issues_agree;
use crate::panel::{Panel, Wrongs, against_publishing};
use crate::reference::Reference;
use crate::report;
use crate::voices::Case;

/// How many values are tried for each schema.
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
    let panel = Panel::judge(&cases, "random");
    let mut wrongs = Wrongs::default();
    for (at, reference) in references.iter().enumerate() {
        let rust = &panel.rust()[at];
        let differs = rust.accepts() != Some(*reference)
            || panel.others().iter().any(|voice| !rust.agrees(&voice.verdicts[at]));
        let unpublishable = against_publishing(&cases[at], rust);
        if differs || unpublishable.is_some() {
            wrongs.add(|| {
                let schema = &schemas.payloads[at / VALUES];
                let unpublishable = unpublishable.unwrap_or_default();
                let text = &cases[at].text;
                format!(
                    "{schema}\n  on {text}\n{}\n  reference: {reference}\n{unpublishable}",
                    panel.told(at)
                )
            });
        }
    }
    let (pairs, valid) = (cases.len(), references.iter().filter(|valid| **valid).count());
    report(&format!(
        "seed {seed}: {pairs} pairs of {} simple schemas, {} % valid, {} disagreements",
        random::SCHEMAS,
        100 * valid / pairs,
        wrongs.count
    ));
    assert!(pairs >= 10_000, "too few pairs");
    wrongs.fail_if_any(&format!("disagreements (FANFARE_SEED={seed})"));
    issues_agree(&panel, &cases, "random");
}

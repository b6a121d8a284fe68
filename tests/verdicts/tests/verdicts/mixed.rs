//! Random schemas of every keyword: all voices agree on random values.

use std::collections::BTreeMap;

use fanfare_verdicts::catalogue::Mixed;
use fanfare_verdicts::mixed::Values;
use fanfare_verdicts::{catalogue, mixed, random};
use serde_json::Value;

use crate::issues::issues_agree;
use crate::panel::{Panel, Wrongs};
use crate::reference::Reference;
use crate::report;
use crate::voices::Case;

/// How many values are tried for each schema.
const VALUES: usize = 40;

/// The share of the schemas that must be accepted, in percent. No value satisfies some of them, which is a
/// reason to refuse them.
const LEAST_ACCEPTED: usize = 70;
/// The share of the values that must be valid, and the share that must not be.
const LEAST_OF_EACH_VERDICT: usize = 35;

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
    let panel = Panel::judge(&cases, "mixed");
    let mut wrongs = Wrongs::default();
    for (at, reference) in references.iter().enumerate() {
        let rust = &panel.rust()[at];
        let agree = panel.others().iter().all(|voice| rust.agrees(&voice.verdicts[at]));
        if rust.accepts() != Some(*reference) || !agree {
            wrongs.add(|| {
                let schema = &accepted[at / VALUES].schema;
                format!("{schema}\n  on {}\n{}\n  reference: {reference}", cases[at].text, panel.told(at))
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
        wrongs.count
    ));
    wrongs.fail_if_any(&format!("disagreements (FANFARE_SEED={seed})"));
    issues_agree(&panel, &cases, "mixed");
    let share = 100 * accepted.len() / catalogue.mixed.len();
    assert!(share >= LEAST_ACCEPTED, "only {share} % of the schemas are accepted");
    let rarer = 100 * valid.min(cases.len() - valid) / cases.len();
    assert!(rarer >= LEAST_OF_EACH_VERDICT, "only {rarer} % of the values have one of the verdicts");
}

/// How many schemas were refused, by code.
fn refusals(mixed: &[Mixed]) -> String {
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for refusal in mixed.iter().filter_map(|mixed| mixed.compiled.refusal.as_ref()) {
        *codes.entry(&refusal.code).or_default() += 1;
    }
    let codes: Vec<String> = codes.iter().map(|(code, count)| format!("{count} × {code}")).collect();
    if codes.is_empty() { "none refused".to_owned() } else { format!("refused: {}", codes.join(", ")) }
}

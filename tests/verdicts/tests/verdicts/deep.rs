//! Random schemas that validate one value several times: all validators agree on deep values, in reasonable time.

use std::time::{Duration, Instant};

use fanfare_verdicts::catalogue::Mixed;
use fanfare_verdicts::{catalogue, deep, random};

use crate::comparison::{Comparison, Failures};
use crate::issues::issues_agree;
use crate::reference::Reference;
use crate::report;
use crate::validators::Case;

/// How many values are validated per schema.
const VALUES: usize = 24;
/// Values with fewer levels are also validated by the reference, whose time doubles with each level.
const SHALLOW: usize = 4;
/// The maximum number of levels. With the lists, it is close to the limit of the wire profile.
const DEEP: usize = 100;
/// How long all validators may take. Without memoization, one value of that depth would take years.
const MAX_TIME: Duration = Duration::from_secs(120);

#[test]
fn deep_values_get_the_same_verdict_from_rust_and_zod_in_reasonable_time() {
    let catalogue = catalogue();
    let seed = catalogue.seed;
    let accepted: Vec<&Mixed> =
        catalogue.deep.iter().filter(|deep| deep.compiled.refusal.is_none()).collect();
    let mut cases = Vec::new();
    let mut references = Vec::new();
    for (at, deep) in accepted.iter().enumerate() {
        let reference = Reference::of_resource(&deep.schema);
        let mut rng = deep::rng(!seed, at as u64);
        for number in 0..VALUES {
            let levels = if number % 3 == 0 { rng.usize(..SHALLOW) } else { rng.usize(SHALLOW..DEEP) };
            let value = deep::value(&mut rng, levels);
            let text = random::text(&mut rng, &value);
            references.push((levels < SHALLOW).then(|| reference.accepts(&text)));
            cases.push(Case { channel: deep.compiled.channel.clone(), topic: "t".to_owned(), text });
        }
    }
    let start = Instant::now();
    let comparison = Comparison::run(&cases, "deep");
    let elapsed = start.elapsed();
    let mut failures = Failures::default();
    for (at, reference) in references.iter().enumerate() {
        let rust = &comparison.rust()[at];
        let agree = comparison.others().iter().all(|validator| rust.agrees(&validator.verdicts[at]));
        if !agree || reference.is_some_and(|reference| rust.accepts() != Some(reference)) {
            failures.add(|| {
                let schema = &accepted[at / VALUES].schema;
                format!(
                    "{schema}\n  on {}\n{}\n  reference: {reference:?}",
                    cases[at].text,
                    comparison.describe(at)
                )
            });
        }
    }
    let valid = comparison.rust().iter().filter(|verdict| verdict.accepts() == Some(true)).count();
    report(&format!(
        "seed {seed}: {} pairs of {} schemas and deep values, {} % valid, {} disagreements",
        cases.len(),
        accepted.len(),
        100 * valid / cases.len(),
        failures.count
    ));
    failures.fail_if_any(&format!("disagreements (FANFARE_SEED={seed})"));
    issues_agree(&comparison, &cases, "deep");
    assert!(2 * accepted.len() > catalogue.deep.len(), "only {} schemas are accepted", accepted.len());
    assert!(valid * 10 > cases.len(), "only {valid} values are valid");
    assert!(elapsed < MAX_TIME, "took {elapsed:?}, expected less than {MAX_TIME:?}");
}

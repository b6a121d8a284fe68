//! Random schemas that look at one value again and again: all voices agree on deep values, and soon.

use std::time::{Duration, Instant};

use fanfare_verdicts::catalogue::Mixed;
use fanfare_verdicts::{catalogue, deep, random};

use crate::issues::issues_agree;
use crate::panel::{Panel, Wrongs};
use crate::reference::Reference;
use crate::report;
use crate::voices::Case;

/// How many values are tried for each schema.
const VALUES: usize = 24;
/// The reference takes time that doubles with every level.
const SHALLOW: usize = 4;
/// As many levels as the wire profile allows, with the lists.
const DEEP: usize = 100;
/// Without a memory, one value of that depth would take years.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn deep_values_get_the_same_verdict_from_rust_and_zod_and_soon() {
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
    let panel = Panel::judge(&cases, "deep");
    let taken = start.elapsed();
    let mut wrongs = Wrongs::default();
    for (at, reference) in references.iter().enumerate() {
        let rust = &panel.rust()[at];
        let agree = panel.others().iter().all(|voice| rust.agrees(&voice.verdicts[at]));
        if !agree || reference.is_some_and(|reference| rust.accepts() != Some(reference)) {
            wrongs.add(|| {
                let schema = &accepted[at / VALUES].schema;
                format!("{schema}\n  on {}\n{}\n  reference: {reference:?}", cases[at].text, panel.told(at))
            });
        }
    }
    let valid = panel.rust().iter().filter(|verdict| verdict.accepts() == Some(true)).count();
    report(&format!(
        "seed {seed}: {} pairs of {} schemas and deep values, {} % valid, {} disagreements",
        cases.len(),
        accepted.len(),
        100 * valid / cases.len(),
        wrongs.count
    ));
    wrongs.fail_if_any(&format!("disagreements (FANFARE_SEED={seed})"));
    issues_agree(&panel, &cases, "deep");
    assert!(2 * accepted.len() > catalogue.deep.len(), "only {} schemas are accepted", accepted.len());
    assert!(valid * 10 > cases.len(), "only {valid} values are valid");
    assert!(taken < PATIENCE, "{taken:?}");
}

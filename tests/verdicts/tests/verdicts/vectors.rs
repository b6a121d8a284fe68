//! Vectors that people wrote: every decision about a trap is kept by both languages.

use fanfare_verdicts::vectors;
use serde_json::json;

use crate::issues::issues_agree;
use crate::panel::{Panel, Wrongs, against_publishing};
use crate::reference::Reference;
use crate::voices::{Case, normal, parse};
use crate::{report, scratch};

#[test]
fn both_languages_keep_every_decision_about_a_trap() {
    let traps = vectors::read();
    let mut cases = Vec::new();
    let mut wanted = Vec::new();
    for (at, trap) in traps.iter().enumerate().filter(|(_, trap)| trap.refused.is_none()) {
        // A schema that names its draft is a document of its own.
        let reference = match trap.schema.get("$schema") {
            Some(_) => Reference::of_resource(&trap.schema),
            None => Reference::new(&trap.schema, &vectors::definitions()),
        };
        for (text, value) in trap.texts() {
            let differs = reference.accepts(&text) != value.is_some();
            assert!(
                !differs || trap.profile.is_some(),
                "{}: the reference judges {text} otherwise, and no rule of the profile explains it",
                trap.trap
            );
            wanted.push((trap.trap.clone(), value));
            cases.push(Case { channel: "vectors".to_owned(), topic: format!("t{at}"), text });
        }
    }
    let panel = Panel::judge(&cases, "vectors");
    let mut wrongs = Wrongs::default();
    for (at, (case, (trap, wanted))) in cases.iter().zip(&wanted).enumerate() {
        let wanted = wanted.as_deref().map(|text| normal(&parse(text).expect("an expected value is JSON")));
        for voice in &panel.voices {
            let verdict = &voice.verdicts[at];
            if verdict.accepts() != Some(wanted.is_some()) || verdict.value() != wanted.as_ref() {
                wrongs.add(|| {
                    let text = shortened(&case.text);
                    format!("{trap}: {} on {text}: {verdict}, wanted {wanted:?}", voice.name)
                });
            }
        }
        if let Some(reasons) = against_publishing(case, &panel.rust()[at]) {
            wrongs.add(|| format!("{trap}: {}: {reasons}", case.text));
        }
    }
    report(&format!("{} traps, {} texts", traps.len(), cases.len()));
    wrongs.fail_if_any("wrong verdicts");
    issues_agree(&panel, &cases, "vectors");
}

#[test]
fn what_cannot_be_kept_exactly_is_refused() {
    let folder = scratch("refused");
    for trap in vectors::read() {
        let Some(code) = &trap.refused else { continue };
        let definition = json!({
            "version": 1,
            "channels": { "c": { "address": "c", "topics": { "t": { "payload": trap.schema } } } },
        });
        std::fs::write(folder.join("definition.json"), definition.to_string())
            .expect("the scratch folder can be written");
        let error = fanfare_codegen::generate(&folder).expect_err(&trap.trap).to_string();
        assert!(error.contains(&format!("error[{code}]")), "{}: {error}", trap.trap);
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

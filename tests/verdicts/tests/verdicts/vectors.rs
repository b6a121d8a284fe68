//! Vectors written by hand: both languages give the expected verdict on all of them.

use fanfare_verdicts::vectors;
use serde_json::json;

use crate::comparison::{Comparison, Failures, unpublishable};
use crate::issues::issues_agree;
use crate::reference::Reference;
use crate::validators::{Case, normal, parse};
use crate::{report, scratch};

#[test]
fn both_languages_give_the_expected_verdicts() {
    let traps = vectors::read();
    let mut cases = Vec::new();
    let mut expected = Vec::new();
    for (at, trap) in traps.iter().enumerate().filter(|(_, trap)| trap.refused.is_none()) {
        // A schema that names its dialect is a whole document.
        let reference = match trap.schema.get("$schema") {
            Some(_) => Reference::of_resource(&trap.schema),
            None => Reference::new(&trap.schema, &vectors::definitions()),
        };
        for (text, value) in trap.texts() {
            let differs = reference.accepts(&text) != value.is_some();
            assert!(
                !differs || trap.profile.is_some(),
                "{}: the reference gives another verdict on {text}, and no rule of the profile explains it",
                trap.trap
            );
            expected.push((trap.trap.clone(), value));
            cases.push(Case { channel: "vectors".to_owned(), topic: format!("t{at}"), text });
        }
    }
    let comparison = Comparison::run(&cases, "vectors");
    let mut failures = Failures::default();
    for (at, (case, (trap, expected))) in cases.iter().zip(&expected).enumerate() {
        let expected =
            expected.as_deref().map(|text| normal(&parse(text).expect("an expected value is JSON")));
        for validator in &comparison.validators {
            let verdict = &validator.verdicts[at];
            if verdict.accepts() != Some(expected.is_some()) || verdict.value() != expected.as_ref() {
                failures.add(|| {
                    let text = shortened(&case.text);
                    format!("{trap}: {} on {text}: expected {expected:?}, got {verdict}", validator.name)
                });
            }
        }
        if let Some(reasons) = unpublishable(case, &comparison.rust()[at]) {
            failures.add(|| format!("{trap}: {}: {reasons}", case.text));
        }
    }
    report(&format!("{} traps, {} texts", traps.len(), cases.len()));
    failures.fail_if_any("wrong verdicts");
    issues_agree(&comparison, &cases, "vectors");
}

#[test]
fn schemas_that_cannot_be_validated_exactly_are_refused() {
    let folder = scratch("refused");
    for trap in vectors::read() {
        let Some(code) = &trap.refused else { continue };
        let definition = json!({
            "version": 1,
            "channels": { "c": { "address": "c", "topics": { "t": { "payload": trap.schema } } } },
        });
        std::fs::write(folder.join("definition.json"), definition.to_string()).expect("write the definition");
        let error = fanfare_codegen::generate(&folder).expect_err(&trap.trap).to_string();
        assert!(error.contains(&format!("error[{code}]")), "{}: {error}", trap.trap);
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

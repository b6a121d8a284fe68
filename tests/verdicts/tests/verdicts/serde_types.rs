//! Types of an application that derives serde and schemars: the generated code accepts their JSON, and reads and writes
//! the same JSON.

use fanfare_verdicts::catalogue::SuiteGroup;
use fanfare_verdicts::serde_types::samples;
use fanfare_verdicts::{catalogue, read};
use serde_json::Value;

use crate::comparison::{Comparison, Failures};
use crate::score::{cases, instances};
use crate::validators::{Verdict, normal};

#[test]
fn json_of_serde_types_is_read_and_written_unchanged() {
    let groups = catalogue().serde;
    let instances = instances(&groups);
    let comparison = Comparison::run(&cases(&instances), "serde");
    let mut failures = Failures::default();
    for (at, (entry, instance)) in instances.iter().enumerate() {
        let expected = instance.valid.then(|| normal(&instance.data));
        let verdicts = comparison.validators.iter().map(|validator| &validator.verdicts[at]);
        let is_same = |verdict: &Verdict| {
            verdict.accepts() == Some(instance.valid) && verdict.value() == expected.as_ref()
        };
        if !verdicts.into_iter().all(is_same) || instance.valid && !returns(entry, &instance.data) {
            failures.add(|| {
                format!("{}: {}\n{}", entry.group.description, instance.data, comparison.describe(at))
            });
        }
    }
    let refused: Vec<_> = groups.iter().filter_map(|entry| entry.compiled.refusal.as_ref()).collect();
    assert!(refused.is_empty(), "refused schemas: {refused:#?}");
    failures.fail_if_any("values that change");
}

/// Returns whether the JSON of the generated type can be read as the type that derives serde, with the same value.
fn returns(entry: &SuiteGroup, json: &Value) -> bool {
    let sample = samples().into_iter().find(|sample| sample.group.schema == entry.group.schema);
    let written = read(&entry.compiled.channel, "t", &json.to_string());
    let again = sample.zip(written).and_then(|(sample, written)| (sample.round_trip)(written).ok());
    again.is_some_and(|again| normal(&again) == normal(json))
}

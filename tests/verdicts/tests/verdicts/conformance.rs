//! The official test suite, and a small example suite in the same format.

use std::fs;
use std::path::{Path, PathBuf};

use fanfare_verdicts::catalogue;

use crate::comparison::{Comparison, Validator};
use crate::score::{Score, cases, instances, score};
use crate::table::table;
use crate::validators::{Case, Library, Verdict, generated};
use crate::{report, scratch};

/// The minimum percentage of complete schemas that are accepted.
const MIN_ACCEPTED: usize = 95;
/// Whether a test fails if lists of issues differ between the languages. Otherwise they are only counted.
const ISSUES_MUST_AGREE: bool = true;
/// The page with the table.
const DOCUMENT: &str = "docs/conformance.md";
/// The group of the example suite with an integer from 3 to 300.
const LIMITS: &str = "an integer within limits";
const TABLE_START: &str = "<!-- The table is written by `cargo xtask conformance --update`. -->\n";
const TABLE_END: &str = "<!-- End of the table. -->\n";

#[test]
fn the_official_suite_gets_the_verdicts_it_expects() {
    let groups = catalogue().official;
    if groups.is_empty() {
        report("skipped: cannot find the official JSON-Schema-Test-Suite (set FANFARE_SUITE to its folder)");
        return;
    }
    let comparison = Comparison::run(&cases(&instances(&groups)), "official");
    let score = score(&groups, &comparison);
    report(&format!("\n{}", table(&score)));
    let shown = std::env::var_os("FANFARE_SUITE").is_none().then(|| documented(&table(&score)));
    score.failures.fail_if_any("wrong verdicts");
    assert_issues_agree(&score);
    let (accepted, complete) = (score.accepted(), score.complete.len());
    assert!(
        accepted * 100 >= complete * MIN_ACCEPTED,
        "{accepted} of {complete} schemas are accepted, expected at least {MIN_ACCEPTED} %"
    );
    assert!(
        shown != Some(false),
        "the table in {DOCUMENT} is out of date: run `cargo xtask conformance --update`"
    );
}

#[test]
fn the_example_suite_gets_the_verdicts_it_expects() {
    let groups = catalogue().example;
    let comparison = Comparison::run(&cases(&instances(&groups)), "example");
    let score = score(&groups, &comparison);
    score.failures.fail_if_any("wrong verdicts");
    assert_issues_agree(&score);
    let explained: usize = score.tallies[0].1.explained.values().sum();
    assert_eq!(explained, 1, "the wire profile explains one verdict");
}

#[test]
fn a_broken_validator_is_detected() {
    let groups = catalogue().example;
    let cases = cases(&instances(&groups));
    let limits = groups.iter().find(|entry| entry.group.description == LIMITS).expect("the group exists");
    let broken = copy_with_other_minimum(&limits.compiled.channel, "self-test-other-minimum");
    let mut comparison = Comparison::run(&cases, "self-test");
    comparison.validators[1].verdicts = Library::Plain.verdicts_of(&broken, &cases, "self-test-broken");
    let score = score(&groups, &comparison);
    let [(_, rust), (_, plain), ..] = score.tallies.as_slice() else {
        panic!("expected results of Rust and TypeScript")
    };
    assert_eq!((rust.false_accepts, rust.false_rejects), (0, 0), "Rust is correct");
    assert_eq!(
        (plain.false_accepts, plain.false_rejects),
        (0, 1),
        "the broken validator refuses 3, which is valid"
    );
    assert_eq!(plain.disagreements, 1, "Rust accepts it");
    assert!(score.failures.count > 0);
}

#[test]
fn a_wrong_verdict_is_detected() {
    let mut groups = catalogue().example;
    let comparison = Comparison::run(&cases(&instances(&groups)), "turned");
    let limits = groups.iter().position(|entry| entry.group.description == LIMITS).expect("the group exists");
    groups[limits].group.tests[1].valid = true;
    let turned = score(&groups, &comparison);
    assert_eq!(turned.tallies[0].1.false_rejects, 1, "no rule explains the refusal");

    groups[limits].group.tests[0].valid = false;
    assert_eq!(score(&groups, &comparison).tallies[0].1.false_accepts, 1);
}

#[test]
fn a_failed_validation_is_a_wrong_verdict() {
    let groups = catalogue().example;
    let cases = cases(&instances(&groups));
    let failed = |_: &Case| Verdict::Failed("on purpose".to_owned());
    let comparison = Comparison {
        validators: vec![Validator { name: "Rust", verdicts: cases.iter().map(failed).collect() }],
    };
    let score = score(&groups, &comparison);
    assert_eq!(score.failures.count, cases.len());
    let complete: usize = score.complete.iter().map(|entry| entry.group.tests.len()).sum();
    assert_eq!(score.tallies[0].1.broken, complete);
}

fn assert_issues_agree(score: &Score<'_>) {
    for (validator, tally) in score.tallies.iter().filter(|_| ISSUES_MUST_AGREE) {
        tally.issues.fail_if_any(&format!("lists of issues differ between Rust and {validator}"));
    }
}

/// Copies the generated TypeScript, with a minimum that is one higher than in the definition.
fn copy_with_other_minimum(channel: &str, name: &str) -> PathBuf {
    let folder = scratch(name);
    let changed = copy_with(&generated().join("typescript"), &folder, channel);
    assert_eq!(changed, 1, "expected to change the minimum in one file");
    folder
}

/// Copies a folder. Returns the number of changed files.
fn copy_with(from: &Path, folder: &Path, channel: &str) -> usize {
    let mut changed = 0;
    for entry in fs::read_dir(from).expect("list the generated TypeScript") {
        let path = entry.expect("list the generated TypeScript").path();
        let to = folder.join(path.file_name().expect("a file has a name"));
        if path.is_dir() {
            fs::create_dir(&to).expect("create a folder");
            changed += copy_with(&path, &to, channel);
            continue;
        }
        let text = fs::read_to_string(&path).expect("read a generated file");
        let is_plain = path.to_string_lossy().ends_with(&format!("{channel}.validators.js"));
        let other = if is_plain { text.replace("minimum: 3", "minimum: 4") } else { text.clone() };
        changed += usize::from(other != text);
        fs::write(to, other).expect("write the changed file");
    }
    changed
}

/// Returns whether the documentation has this table. With `UPDATE=1`, writes it there.
fn documented(table: &str) -> bool {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(DOCUMENT);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{DOCUMENT}: {error}"));
    let parts = text
        .split_once(TABLE_START)
        .and_then(|(before, rest)| rest.split_once(TABLE_END).map(|(shown, after)| (before, shown, after)));
    let (before, shown, after) = parts.unwrap_or_else(|| panic!("{DOCUMENT} lacks the markers of the table"));
    let expected = format!("\n{table}\n");
    if shown != expected && std::env::var_os("UPDATE").is_some() {
        fs::write(&path, format!("{before}{TABLE_START}{expected}{TABLE_END}{after}"))
            .unwrap_or_else(|error| panic!("{DOCUMENT}: {error}"));
        return true;
    }
    shown == expected
}

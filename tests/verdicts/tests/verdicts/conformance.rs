//! The official test suite, and a small one of the same shape that comes with the tests.

use std::fs;
use std::path::{Path, PathBuf};

use fanfare_verdicts::catalogue;

use crate::panel::{Panel, Voice};
use crate::score::{Score, cases, questions, score};
use crate::table::table;
use crate::voices::{Case, Library, Verdict, generated};
use crate::{report, scratch};

/// The share of the complete schemas that must be accepted, in percent.
const LEAST_ACCEPTED: usize = 95;
/// Whether lists of issues that differ between the languages fail a test, or are only counted.
const ISSUES_MUST_AGREE: bool = true;
/// Where the documentation shows the table.
const DOCUMENT: &str = "docs/conformance.md";
/// The example of an integer from 3 to 300, with instances at both limits.
const LIMITS: &str = "an integer within limits";
const TABLE_START: &str = "<!-- The table is written by `cargo xtask conformance --update`. -->\n";
const TABLE_END: &str = "<!-- End of the table. -->\n";

#[test]
fn the_official_suite_gets_the_verdicts_it_expects() {
    let groups = catalogue().official;
    if groups.is_empty() {
        report(
            "skipped: the official JSON-Schema-Test-Suite is not beside the project, and FANFARE_SUITE names none",
        );
        return;
    }
    let panel = Panel::judge(&cases(&questions(&groups)), "official");
    let score = score(&groups, &panel);
    report(&format!("\n{}", table(&score)));
    let shown = std::env::var_os("FANFARE_SUITE").is_none().then(|| documented(&table(&score)));
    score.wrongs.fail_if_any("wrong verdicts");
    hold_issues(&score);
    let (accepted, complete) = (score.accepted(), score.complete.len());
    assert!(
        accepted * 100 >= complete * LEAST_ACCEPTED,
        "{accepted} of {complete} schemas are accepted, fewer than {LEAST_ACCEPTED} %"
    );
    assert!(
        shown != Some(false),
        "{DOCUMENT} shows another table; `cargo xtask conformance --update` writes it"
    );
}

#[test]
fn the_example_suite_gets_the_verdicts_it_expects() {
    let groups = catalogue().example;
    let panel = Panel::judge(&cases(&questions(&groups)), "example");
    let score = score(&groups, &panel);
    score.wrongs.fail_if_any("wrong verdicts");
    hold_issues(&score);
    let explained: usize = score.tallies[0].1.explained.values().sum();
    assert_eq!(explained, 1, "the profile explains the format");
}

/// A harness that cannot fail shows nothing.
#[test]
fn a_validator_that_is_broken_on_purpose_is_found_out() {
    let groups = catalogue().example;
    let cases = cases(&questions(&groups));
    let limits = groups.iter().find(|judged| judged.group.description == LIMITS).expect("it is there");
    let broken = copy_with_other_minimum(&limits.compiled.channel, "self-test-validators");
    let mut panel = Panel::judge(&cases, "self-test");
    panel.voices[1].verdicts = Library::Zod.verdicts_of(&broken, &cases, "self-test-broken");
    let score = score(&groups, &panel);
    let [(_, rust), (_, zod), ..] = score.tallies.as_slice() else { panic!("Rust and zod are judged") };
    assert_eq!((rust.false_accepts, rust.false_rejects), (0, 0), "Rust is not broken");
    assert_eq!(
        (zod.false_accepts, zod.false_rejects),
        (0, 1),
        "3 is valid, and the broken validator refuses it"
    );
    assert_eq!(zod.disagreements, 1, "Rust accepts it");
    assert!(score.wrongs.count > 0);
}

#[test]
fn an_expectation_that_is_turned_round_is_found_out() {
    let mut groups = catalogue().example;
    let panel = Panel::judge(&cases(&questions(&groups)), "turned");
    let limits = groups.iter().position(|judged| judged.group.description == LIMITS).expect("it is there");
    groups[limits].group.tests[1].valid = true;
    let turned = score(&groups, &panel);
    assert_eq!(turned.tallies[0].1.false_rejects, 1, "no rule explains why Rust refuses it");

    groups[limits].group.tests[0].valid = false;
    assert_eq!(score(&groups, &panel).tallies[0].1.false_accepts, 1);
}

#[test]
fn what_breaks_is_a_wrong_verdict() {
    let groups = catalogue().example;
    let cases = cases(&questions(&groups));
    let failed = |_: &Case| Verdict::Failed("on purpose".to_owned());
    let panel = Panel { voices: vec![Voice { name: "Rust", verdicts: cases.iter().map(failed).collect() }] };
    let score = score(&groups, &panel);
    assert_eq!(score.wrongs.count, cases.len());
    assert_eq!(score.tallies[0].1.broken, cases.len());
}

fn hold_issues(score: &Score<'_>) {
    for (voice, tally) in score.tallies.iter().filter(|_| ISSUES_MUST_AGREE) {
        tally.issues.fail_if_any(&format!("lists of issues differ between Rust and {voice}"));
    }
}

/// The generated TypeScript, with a minimum that is one more than the definition says.
fn copy_with_other_minimum(channel: &str, name: &str) -> PathBuf {
    let folder = scratch(name);
    let mut changed = 0;
    for entry in fs::read_dir(generated().join("typescript")).expect("the TypeScript was generated") {
        let path = entry.expect("the folder can be read").path();
        let text = fs::read_to_string(&path).expect("generated files can be read");
        let is_zod = path.to_string_lossy().ends_with(&format!("{channel}.zod.ts"));
        let other = if is_zod { text.replace("minimum: 3", "minimum: 4") } else { text.clone() };
        changed += usize::from(other != text);
        fs::write(folder.join(path.file_name().expect("a file has a name")), other)
            .expect("the scratch folder can be written");
    }
    assert_eq!(changed, 1, "the validator states its minimum");
    folder
}

/// Whether the documentation shows this table. With `UPDATE=1` it does from now on.
fn documented(table: &str) -> bool {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(DOCUMENT);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{DOCUMENT}: {error}"));
    let parts = text
        .split_once(TABLE_START)
        .and_then(|(before, rest)| rest.split_once(TABLE_END).map(|(shown, after)| (before, shown, after)));
    let (before, shown, after) = parts.unwrap_or_else(|| panic!("{DOCUMENT} has no place for the table"));
    let wanted = format!("\n{table}\n");
    if shown != wanted && std::env::var_os("UPDATE").is_some() {
        fs::write(&path, format!("{before}{TABLE_START}{wanted}{TABLE_END}{after}"))
            .unwrap_or_else(|error| panic!("{DOCUMENT}: {error}"));
        return true;
    }
    shown == wanted
}

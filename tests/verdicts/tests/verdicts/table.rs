//! The table of results for the documentation.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fanfare_verdicts::catalogue::SuiteGroup;

use crate::score::{Score, Tally};

/// The names of all validators.
const VALIDATORS: [&str; 3] = ["Rust", "TypeScript", "zod"];

pub(crate) fn table(score: &Score<'_>) -> String {
    let mut text = String::from("| | Rust | TypeScript | zod |\n|---|---:|---:|---:|\n");
    let accepted = format!("{} of {}", score.accepted(), score.complete.len());
    row(&mut text, score, "schemas accepted", |_| accepted.clone());
    row(&mut text, score, "instances judged", |tally| tally.instances.to_string());
    row(&mut text, score, "verdicts as the suite expects", |tally| tally.agreeing.to_string());
    row(&mut text, score, "false accepts", |tally| tally.false_accepts.to_string());
    row(&mut text, score, "false rejects", |tally| tally.false_rejects.to_string());
    row(&mut text, score, "no verdict", |tally| tally.broken.to_string());
    let rules = score.tallies.iter().flat_map(|(_, tally)| tally.explained.keys().copied());
    for rule in rules.collect::<std::collections::BTreeSet<_>>() {
        let title = format!("explained by the wire profile: {rule}");
        row(&mut text, score, &title, |tally| {
            tally.explained.get(&rule).copied().unwrap_or_default().to_string()
        });
    }
    row(&mut text, score, "verdicts or values that differ from Rust's", |tally| {
        tally.disagreements.to_string()
    });
    row(&mut text, score, "lists of issues that differ from Rust's", |tally| tally.issues.count.to_string());
    refusals(&mut text, &score.complete);
    remote(&mut text, &score.remote);
    text
}

fn row(text: &mut String, score: &Score<'_>, title: &str, cell: impl Fn(&Tally) -> String) {
    let _ = write!(text, "| {title} |");
    for validator in VALIDATORS {
        let tally = score.tallies.iter().find(|(name, _)| *name == validator);
        let _ = write!(text, " {} |", tally.map_or_else(|| "–".to_owned(), |(_, tally)| cell(tally)));
    }
    text.push('\n');
}

fn refusals(text: &mut String, groups: &[&SuiteGroup]) {
    let mut codes: BTreeMap<&str, Vec<&SuiteGroup>> = BTreeMap::new();
    for entry in groups {
        if let Some(refusal) = &entry.compiled.refusal {
            codes.entry(&refusal.code).or_default().push(entry);
        }
    }
    if codes.is_empty() {
        text.push_str("\nNo schema is refused.\n");
        return;
    }
    text.push_str("\n| refused with | schemas | in |\n|---|---:|---|\n");
    for (code, groups) in codes {
        let _ = writeln!(text, "| {code} | {} | {} |", groups.len(), files(&groups));
    }
}

/// Lists the files of groups, each with its number of groups.
fn files(groups: &[&SuiteGroup]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in groups {
        *counts.entry(entry.group.file.trim_end_matches(".json")).or_default() += 1;
    }
    let files = counts.iter().map(|(file, count)| match count {
        1 => (*file).to_owned(),
        count => format!("{file} ({count})"),
    });
    files.collect::<Vec<_>>().join(", ")
}

fn remote(text: &mut String, groups: &[&SuiteGroup]) {
    if groups.is_empty() {
        return;
    }
    let accepted = groups.iter().filter(|entry| entry.compiled.refusal.is_none()).count();
    let _ = writeln!(
        text,
        "\n{} more schemas need a remote document, and {accepted} of them are accepted: {}.",
        groups.len(),
        files(groups)
    );
}

//! Comparisons of two versions of a schema: no value contradicts what a comparison says.

use std::collections::BTreeMap;
use std::path::Path;

use fanfare_codegen::{Example, Finding, Levels, Rule, compare};
use fanfare_verdicts::catalogue::{Catalogue, Mixed};
use fanfare_verdicts::{catalogue, mixed, random};
use serde_json::{Value, json};

use crate::comparison::Failures;
use crate::validators::{Case, Library, Verdict, normal, rust, schema};
use crate::{report, scratch};

/// The default number of values, of all pairs together.
const VALUES: usize = 1_500;
/// zod validates every so many values, and all values of findings.
const OF_ZOD: usize = 8;
/// How many pairs of schemas that differ in one keyword are compared.
const SINGLE_KEYWORDS: u64 = 300;
/// The maximum percentage of these that may remain undecided, and of the others.
const MAX_UNDECIDED: [usize; 2] = [5, 10];

/// Two schemas, with the channels that they are compiled in.
struct Pair<'c> {
    old: &'c Mixed,
    new: &'c Mixed,
}

impl Pair<'_> {
    fn name(&self) -> String {
        format!("{}{}", self.old.compiled.channel, self.new.compiled.channel)
    }
}

/// Returns each schema with an edit of it, and with an unrelated schema.
fn pairs(catalogue: &Catalogue) -> Vec<Pair<'_>> {
    let Catalogue { mixed, deep, evolved, .. } = catalogue;
    let originals = mixed.iter().take(mixed::EVOLVED).chain(deep.iter().take(mixed::EVOLVED_DEEP));
    let edits = originals.zip(evolved).map(|(old, new)| Pair { old, new });
    let unrelated = [mixed, deep]
        .into_iter()
        .flat_map(|schemas| schemas.chunks_exact(2).map(|two| Pair { old: &two[0], new: &two[1] }));
    let is_compiled = |mixed: &Mixed| mixed.compiled.refusal.is_none();
    edits.chain(unrelated).filter(|pair| is_compiled(pair.old) && is_compiled(pair.new)).collect()
}

/// The result of a comparison of two schemas, in one direction.
enum Claim<'f> {
    /// All are valid.
    Compatible,
    /// All without undeclared properties are valid.
    DeclaredAreCompatible,
    /// This one is not.
    Refused(&'f Value),
    Undecided(&'static str),
}

/// Whether the values of one schema are valid under another.
struct Question<'p> {
    inner: &'p Mixed,
    outer: &'p Mixed,
    claim: Claim<'p>,
}

/// Returns the questions of a pair, in both directions.
fn questions<'p>(pair: &'p Pair<'_>, findings: &[&'p Finding]) -> Vec<Question<'p>> {
    let find = |rule: Rule| findings.iter().find(|finding| finding.rule == rule);
    let mut questions = Vec::new();
    for (rule, inner, outer) in [
        (Rule::MessageRefusedByNewPages, pair.old, pair.new),
        (Rule::MessageRefusedByOldPages, pair.new, pair.old),
    ] {
        let undeclared = findings.iter().find(|finding| {
            finding.rule == Rule::UndeclaredPropertyRefused
                && match &finding.example {
                    Some(Example::Value { value, .. }) => accepts(inner, value) && !accepts(outer, value),
                    // The finding does not say which side refuses a value.
                    _ => true,
                }
        });
        let claim = match find(rule).map(|finding| finding.example.as_ref()) {
            Some(Some(Example::Value { value, .. })) => Claim::Refused(value),
            Some(Some(Example::Undecided(reason))) => Claim::Undecided(reason),
            Some(example) => panic!("{rule:?} without an example: {example:?}"),
            None if undeclared.is_some() => Claim::DeclaredAreCompatible,
            None => Claim::Compatible,
        };
        questions.push(Question { inner, outer, claim });
    }
    questions
}

#[test]
fn no_value_contradicts_a_comparison() {
    let catalogue = catalogue();
    let pairs = pairs(&catalogue);
    let folder = scratch("evolutions");
    let old = write(&folder.join("old"), pairs.iter().map(|pair| (pair.name(), &pair.old.schema)));
    let new = write(&folder.join("new"), pairs.iter().map(|pair| (pair.name(), &pair.new.schema)));
    let comparison =
        compare(&*new, &old.to_string_lossy(), &Levels::default()).unwrap_or_else(|error| panic!("{error}"));
    let mut by_pair: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in comparison.findings() {
        if let Some((channel, _)) = finding.subject.split_once('/') {
            by_pair.entry(channel).or_default().push(finding);
        }
    }
    let values = option("FANFARE_EVOLUTION_VALUES").unwrap_or(VALUES);
    let seed = option("FANFARE_EVOLUTION_SEED").unwrap_or(1);
    let per_question = values.div_ceil(2 * pairs.len().max(1));
    let mut checks = Checks::default();
    let none = Vec::new();
    for (at, pair) in pairs.iter().enumerate() {
        let mut rng = mixed::rng(seed as u64, at as u64);
        for question in questions(pair, by_pair.get(pair.name().as_str()).unwrap_or(&none)) {
            checks.ask(&question, per_question, &mut rng);
        }
    }
    checks.run_zod();
    let Checks { asked, checked, reasons, failures, .. } = checks;
    let undecided: usize = reasons.values().sum();
    report(&format!(
        "{checked} values of {} pairs of schemas, {undecided} of {asked} questions undecided: {}",
        pairs.len(),
        describe(&reasons)
    ));
    failures.fail_if_any("contradictions");
    assert!(undecided * 100 <= asked * MAX_UNDECIDED[1], "{undecided} of {asked} questions are undecided");
}

/// The checks of all questions.
#[derive(Default)]
struct Checks {
    asked: usize,
    checked: usize,
    reasons: BTreeMap<&'static str, usize>,
    failures: Failures,
    /// Cases for zod, with the verdict of Rust.
    zod: Vec<(Case, bool)>,
}

impl Checks {
    fn ask(&mut self, question: &Question<'_>, values: usize, rng: &mut fastrand::Rng) {
        let Question { inner, outer, claim } = question;
        self.asked += 1;
        match claim {
            Claim::Undecided(reason) => *self.reasons.entry(reason).or_default() += 1,
            Claim::Refused(value) => {
                self.checked += 1;
                let (sent, received) = (accepts(inner, value), accepts(outer, value));
                self.zod.extend([(case(inner, value), true), (case(outer, value), false)]);
                if !sent || received {
                    self.fail(question, value, "which does not contradict compatibility");
                }
            }
            Claim::Compatible | Claim::DeclaredAreCompatible => {
                let only_declared = matches!(claim, Claim::DeclaredAreCompatible);
                let schemas = [inner, outer].map(|mixed| schema(&case(mixed, &Value::Null)));
                let accepted =
                    schemas.map(|schema| move |value: &Value| fanfare::schema::accepts(schema, value));
                let mut own = mixed::Values::new(&inner.schema, &accepted[0]);
                let mut others = mixed::Values::new(&outer.schema, &accepted[1]);
                for number in 0..values {
                    let value = if number % 2 == 0 { own.next(rng) } else { others.next(rng) };
                    self.checked += 1;
                    let Verdict::Accepted(read) = rust(&case(inner, &value)) else { continue };
                    // A type holds declared properties only. Without the others, a value may be invalid.
                    let value = if only_declared { read } else { normal(&value) };
                    if only_declared && !accepts(inner, &value) {
                        continue;
                    }
                    if !accepts(outer, &value) {
                        self.fail(question, &value, "which a compatible schema refuses");
                        break;
                    }
                    if self.checked.is_multiple_of(OF_ZOD) {
                        self.zod.extend([inner, outer].map(|mixed| (case(mixed, &value), true)));
                    }
                }
            }
        }
    }

    fn fail(&mut self, question: &Question<'_>, value: &Value, problem: &str) {
        let (inner, outer) = (&question.inner.schema, &question.outer.schema);
        self.failures.add(|| format!("{inner}\n{outer}\n  on {value}, {problem}"));
    }

    /// Checks that zod gives the verdicts of Rust.
    fn run_zod(&mut self) {
        let (cases, expected): (Vec<Case>, Vec<bool>) = std::mem::take(&mut self.zod).into_iter().unzip();
        let verdicts = Library::Zod.verdicts(&cases, "evolutions");
        for ((case, expected), verdict) in cases.iter().zip(expected).zip(verdicts) {
            if verdict.accepts() != Some(expected) {
                self.failures.add(|| format!("{} on {}\n  zod: {verdict}", case.channel, case.text));
            }
        }
    }
}

#[test]
fn pairs_that_differ_in_one_keyword_are_decided() {
    let folder = scratch("single-keywords");
    let (mut asked, mut reasons) = (0, BTreeMap::new());
    let mut examples = Failures::default();
    for at in 0..SINGLE_KEYWORDS {
        let (keyword, old, new) = mixed::single_keyword(&mut mixed::rng(random::seed(), at));
        let sides = [("old", &old), ("new", &new)]
            .map(|(side, schema)| write(&folder.join(side), [("c".to_owned(), schema)].into_iter()));
        // The compiler refuses schemas without a value.
        let Ok(comparison) = compare(&*sides[1], &sides[0].to_string_lossy(), &Levels::default()) else {
            continue;
        };
        asked += 2;
        for finding in
            comparison.findings().iter().filter(|finding| finding.rule != Rule::StoredMessageRefused)
        {
            if let Some(Example::Undecided(_)) = finding.example {
                *reasons.entry(keyword).or_default() += 1;
                examples.add(|| format!("{old} → {new}"));
            }
        }
    }
    let undecided: usize = reasons.values().sum();
    report(&format!("{undecided} of {asked} questions about one keyword undecided: {}", describe(&reasons)));
    assert!(
        undecided * 100 <= asked * MAX_UNDECIDED[0],
        "{undecided} of {asked} questions are undecided, such as\n{}",
        examples.describe()
    );
}

/// Writes a definition file with one topic per schema.
fn write<'s>(folder: &Path, schemas: impl Iterator<Item = (String, &'s Value)>) -> std::path::PathBuf {
    std::fs::create_dir_all(folder).expect("create a folder");
    for (channel, schema) in schemas {
        let definition = json!({
            "version": 1,
            "channels": { &channel: { "address": channel, "topics": { "t": { "payload": schema } } } },
        });
        let file = folder.join(format!("{channel}.json"));
        std::fs::write(file, definition.to_string()).expect("write a definition");
    }
    folder.to_owned()
}

fn case(mixed: &Mixed, value: &Value) -> Case {
    Case { channel: mixed.compiled.channel.clone(), topic: "t".to_owned(), text: value.to_string() }
}

fn accepts(mixed: &Mixed, value: &Value) -> bool {
    fanfare::schema::accepts(schema(&case(mixed, value)), value)
}

/// Returns the ten most common reasons.
fn describe(reasons: &BTreeMap<&'static str, usize>) -> String {
    let mut sorted: Vec<_> = reasons.iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let named: Vec<String> =
        sorted.into_iter().take(10).map(|(reason, count)| format!("{count} × {reason}")).collect();
    if named.is_empty() { "none".to_owned() } else { named.join(", ") }
}

fn option(name: &str) -> Option<usize> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

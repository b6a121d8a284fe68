//! Compares the verdicts of all validators with the expected verdicts of a suite.

use std::collections::{BTreeMap, BTreeSet};

use fanfare_verdicts::catalogue::SuiteGroup;
use fanfare_verdicts::suite::Instance;

use crate::comparison::{Comparison, Failures};
use crate::explained::{Rule, explanation};
use crate::issues;
use crate::reference::needs_remote_document;
use crate::validators::{Case, Verdict};

/// The results for a suite.
pub(crate) struct Score<'a> {
    /// The groups whose schemas are complete.
    pub(crate) complete: Vec<&'a SuiteGroup>,
    /// The groups that need a remote document. If such a schema is accepted, its verdicts must be correct as well.
    pub(crate) remote: Vec<&'a SuiteGroup>,
    /// The results of each validator for the complete groups. The first is Rust.
    pub(crate) tallies: Vec<(&'static str, Tally)>,
    /// All wrong verdicts that no rule explains, and all disagreements between languages.
    pub(crate) failures: Failures,
}

/// Counts of the verdicts of one validator.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) instances: usize,
    pub(crate) agreeing: usize,
    pub(crate) false_accepts: usize,
    pub(crate) false_rejects: usize,
    /// Instances without a verdict, because validation failed.
    pub(crate) broken: usize,
    /// Differences that a rule of the wire profile explains.
    pub(crate) explained: BTreeMap<Rule, usize>,
    /// Verdicts or values that differ from Rust's.
    pub(crate) disagreements: usize,
    /// Lists of issues that differ from Rust's.
    pub(crate) issues: Failures,
}

/// Returns all instances whose schema is accepted, each with its group.
pub(crate) fn instances(groups: &[SuiteGroup]) -> Vec<(&SuiteGroup, &Instance)> {
    let accepted = groups.iter().filter(|entry| entry.compiled.refusal.is_none());
    accepted.flat_map(|entry| entry.group.tests.iter().map(move |instance| (entry, instance))).collect()
}

/// Returns the cases for all instances.
pub(crate) fn cases(instances: &[(&SuiteGroup, &Instance)]) -> Vec<Case> {
    let case = |(entry, instance): &(&SuiteGroup, &Instance)| Case {
        channel: entry.compiled.channel.clone(),
        topic: "t".to_owned(),
        text: instance.data.to_string(),
    };
    instances.iter().map(case).collect()
}

/// Compares verdicts with those that the suite expects.
pub(crate) fn score<'a>(groups: &'a [SuiteGroup], comparison: &Comparison) -> Score<'a> {
    let (remote, complete): (Vec<&SuiteGroup>, Vec<&SuiteGroup>) =
        groups.iter().partition(|entry| needs_remote_document(&entry.group.schema));
    let apart: BTreeSet<&str> = remote.iter().map(|entry| entry.compiled.channel.as_str()).collect();
    let instances = instances(groups);
    let mut failures = Failures::default();
    let mut tallies = Vec::new();
    for validator in &comparison.validators {
        let (mut tally, mut tally_apart) = (Tally::default(), Tally::default());
        for (at, (entry, instance)) in instances.iter().enumerate() {
            let verdict = &validator.verdicts[at];
            let is_apart = apart.contains(entry.compiled.channel.as_str());
            let tally = if is_apart { &mut tally_apart } else { &mut tally };
            let is_wrong = !tally.count(entry, instance, verdict);
            let differs = !verdict.agrees(&comparison.rust()[at]);
            tally.disagreements += usize::from(differs);
            if is_wrong || differs {
                failures.add(|| describe(validator.name, entry, instance, comparison, at));
            }
        }
        let other = |at: usize| describe(validator.name, instances[at].0, instances[at].1, comparison, at);
        tally.issues = issues::compare(comparison.rust(), &validator.verdicts, other).differing;
        tallies.push((validator.name, tally));
    }
    Score { complete, remote, tallies, failures }
}

impl Tally {
    /// Counts a verdict. Returns whether it is correct or explained.
    fn count(&mut self, entry: &SuiteGroup, instance: &Instance, verdict: &Verdict) -> bool {
        self.instances += 1;
        match verdict.accepts() {
            Some(accepts) if accepts == instance.valid => self.agreeing += 1,
            None => self.broken += 1,
            Some(accepts) => {
                if let Some(rule) = explanation(&entry.group, instance, verdict) {
                    *self.explained.entry(rule).or_default() += 1;
                } else if accepts {
                    self.false_accepts += 1;
                    return false;
                } else {
                    self.false_rejects += 1;
                    return false;
                }
            }
        }
        verdict.accepts().is_some()
    }
}

impl Score<'_> {
    /// Returns how many of the complete schemas are accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.complete.iter().filter(|entry| entry.compiled.refusal.is_none()).count()
    }
}

fn describe(
    validator: &str,
    entry: &SuiteGroup,
    instance: &Instance,
    comparison: &Comparison,
    at: usize,
) -> String {
    let group = &entry.group;
    let expected = if instance.valid { "valid" } else { "invalid" };
    format!(
        "{validator}, {}, {}, {} ({}): {} is {expected}\n  {}\n{}",
        group.file,
        group.description,
        instance.description,
        entry.compiled.channel,
        instance.data,
        group.schema,
        comparison.describe(at)
    )
}

//! Holds the voices' verdicts against a suite.

use std::collections::{BTreeMap, BTreeSet};

use fanfare_verdicts::catalogue::Judged;
use fanfare_verdicts::suite::Instance;

use crate::explained::{Rule, explanation};
use crate::issues;
use crate::panel::{Panel, Wrongs};
use crate::reference::needs_remote_document;
use crate::voices::{Case, Verdict};

/// How a suite was answered.
pub(crate) struct Score<'a> {
    /// The groups whose schemas are complete.
    pub(crate) complete: Vec<&'a Judged>,
    /// The groups that need a remote document. A wrong verdict on one that is accepted is as wrong as any.
    pub(crate) remote: Vec<&'a Judged>,
    /// Each voice's tally of the complete ones, Rust's first.
    pub(crate) tallies: Vec<(&'static str, Tally)>,
    /// Every wrong verdict that no rule explains, and every disagreement between languages.
    pub(crate) wrongs: Wrongs,
}

/// One voice's verdicts, counted.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) judged: usize,
    pub(crate) agreeing: usize,
    pub(crate) false_accepts: usize,
    pub(crate) false_rejects: usize,
    /// Where something broke instead of giving a verdict.
    pub(crate) broken: usize,
    /// Differences that a rule of the wire profile explains.
    pub(crate) explained: BTreeMap<Rule, usize>,
    /// Verdicts or values that differ from Rust's.
    pub(crate) disagreements: usize,
    /// Lists of issues that differ from Rust's.
    pub(crate) issues: Wrongs,
}

/// Every instance of a suite under an accepted schema, with its group.
pub(crate) fn questions(groups: &[Judged]) -> Vec<(&Judged, &Instance)> {
    let accepted = groups.iter().filter(|judged| judged.compiled.refusal.is_none());
    accepted.flat_map(|judged| judged.group.tests.iter().map(move |instance| (judged, instance))).collect()
}

/// The questions as the voices are asked.
pub(crate) fn cases(questions: &[(&Judged, &Instance)]) -> Vec<Case> {
    let case = |(judged, instance): &(&Judged, &Instance)| Case {
        channel: judged.compiled.channel.clone(),
        topic: "t".to_owned(),
        text: instance.data.to_string(),
    };
    questions.iter().map(case).collect()
}

/// Holds the voices' answers against what the suite expects.
pub(crate) fn score<'a>(groups: &'a [Judged], panel: &Panel) -> Score<'a> {
    let (remote, complete): (Vec<&Judged>, Vec<&Judged>) =
        groups.iter().partition(|judged| needs_remote_document(&judged.group.schema));
    let apart: BTreeSet<&str> = remote.iter().map(|judged| judged.compiled.channel.as_str()).collect();
    let questions = questions(groups);
    let mut wrongs = Wrongs::default();
    let mut tallies = Vec::new();
    for voice in &panel.voices {
        let (mut tally, mut tally_apart) = (Tally::default(), Tally::default());
        for (at, (judged, instance)) in questions.iter().enumerate() {
            let verdict = &voice.verdicts[at];
            let is_apart = apart.contains(judged.compiled.channel.as_str());
            let tally = if is_apart { &mut tally_apart } else { &mut tally };
            let is_wrong = !tally.count(judged, instance, verdict);
            let differs = !verdict.agrees(&panel.rust()[at]);
            tally.disagreements += usize::from(differs);
            if is_wrong || differs {
                wrongs.add(|| told(voice.name, judged, instance, panel, at));
            }
        }
        let other = |at: usize| told(voice.name, questions[at].0, questions[at].1, panel, at);
        tally.issues = issues::compare(panel.rust(), &voice.verdicts, other).differing;
        tallies.push((voice.name, tally));
    }
    Score { complete, remote, tallies, wrongs }
}

impl Tally {
    /// Counts a verdict, and tells whether it is right or explained.
    fn count(&mut self, judged: &Judged, instance: &Instance, verdict: &Verdict) -> bool {
        self.judged += 1;
        match verdict.accepts() {
            Some(accepts) if accepts == instance.valid => self.agreeing += 1,
            None => self.broken += 1,
            Some(accepts) => {
                if let Some(rule) = explanation(&judged.group, instance, verdict) {
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
    /// How many of the complete schemas are accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.complete.iter().filter(|judged| judged.compiled.refusal.is_none()).count()
    }
}

fn told(voice: &str, judged: &Judged, instance: &Instance, panel: &Panel, at: usize) -> String {
    let group = &judged.group;
    let wanted = if instance.valid { "valid" } else { "invalid" };
    format!(
        "{voice}, {}, {}, {} ({}): {} is {wanted}\n  {}\n{}",
        group.file,
        group.description,
        instance.description,
        judged.compiled.channel,
        instance.data,
        group.schema,
        panel.told(at)
    )
}

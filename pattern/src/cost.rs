//! Limits the time that a match can take.

use std::collections::HashSet;

use crate::alphabet::Alphabet;
use crate::program::{Program, Step};
use crate::{Error, Matcher, Regex};

/// The length of the text that the limit is for, in characters.
const TEXT: u64 = 1_000_000;

/// The maximum number of steps visited per character of a long text. A release build
/// needs about 2 ns for each.
const MAX_ACTIVE: u64 = 256;

/// Rejects patterns that could take longer than about a second for a text of a
/// million characters.
pub(crate) fn check(regex: &Regex) -> Result<(), Error> {
    let mut total = 0;
    for Matcher { program, table } in &regex.matchers {
        total += match table {
            Some(_) => TEXT,
            None => steps(program, &regex.alphabet).ok_or(Error::TooSlow)?,
        };
    }
    if total > MAX_ACTIVE * TEXT { Err(Error::TooSlow) } else { Ok(()) }
}

/// Returns `true` if a match reads a bounded number of characters.
pub(crate) fn is_bounded(regex: &Regex) -> bool {
    let [Matcher { program, .. }] = regex.matchers.as_slice() else { return false };
    program.is_anchored() && !has_loop(program)
}

/// The maximum number of steps that a program visits in a text; `None` if it is too high.
fn steps(program: &Program, alphabet: &Alphabet) -> Option<u64> {
    let count = program.steps.len() as u64;
    if program.is_anchored() && !has_loop(program) {
        // It reads at most `count` characters.
        return Some(TEXT + count * count);
    }
    Pairs::new(program, alphabet).most_active().map(|active| active * TEXT)
}

/// Returns `true` if the program contains a loop, which only unlimited repetitions create.
fn has_loop(program: &Program) -> bool {
    let leads_back = |(at, step): (usize, &Step)| match step {
        Step::Split(to) | Step::Jump(to) => *to as usize <= at,
        _ => false,
    };
    program.steps.iter().enumerate().any(leads_back)
}

/// Finds which steps can be visited at the same position of some text.
struct Pairs<'p> {
    program: &'p Program,
    alphabet: &'p Alphabet,
    /// The steps that can be active together with each step.
    partners: Vec<HashSet<u32>>,
    open: Vec<(u32, u32)>,
    /// Steps that end the scan.
    is_final: Vec<bool>,
}

impl<'p> Pairs<'p> {
    fn new(program: &'p Program, alphabet: &'p Alphabet) -> Self {
        let steps = program.steps.len();
        Self {
            program,
            alphabet,
            partners: vec![HashSet::new(); steps],
            open: Vec::new(),
            is_final: finals(program),
        }
    }

    /// The maximum number of steps visited at one position; `None` above the limit.
    fn most_active(mut self) -> Option<u64> {
        let first = self.program.reach(0, true);
        let mut most = first.len() as u64;
        for (index, one) in first.iter().enumerate() {
            for other in &first[index..] {
                self.read(*one, *other);
            }
        }
        self.add(0, 0);
        while let Some((one, other)) = self.open.pop() {
            most =
                most.max(self.partners[one as usize].len().max(self.partners[other as usize].len()) as u64);
            if most > MAX_ACTIVE {
                return None;
            }
            if self.is_final[one as usize] || self.is_final[other as usize] {
                continue;
            }
            for (from, stays) in [(one, other), (other, one)] {
                let (next, condition) = self.program.successors(from);
                // `^` and `$` do not match inside a text.
                if condition.is_none_or(|(bit, wanted)| bit > 1 || !wanted) {
                    next.into_iter().flatten().for_each(|to| self.add(to, stays));
                }
            }
            self.read(one, other);
        }
        Some(most)
    }

    fn read(&mut self, one: u32, other: u32) {
        if let (Step::Read(set), Step::Read(other_set)) =
            (self.program.steps[one as usize], self.program.steps[other as usize])
            && !self.alphabet.are_disjoint(set, other_set)
        {
            self.add(one + 1, other + 1);
            // The program restarts at each position.
            self.add(one + 1, 0);
            self.add(other + 1, 0);
        }
    }

    fn add(&mut self, one: u32, other: u32) {
        if self.partners[one as usize].insert(other) {
            self.partners[other as usize].insert(one);
            self.open.push((one, other));
        }
    }
}

/// The steps that accept without reading or checking.
fn finals(program: &Program) -> Vec<bool> {
    let mut finals = vec![false; program.steps.len()];
    if !program.stops {
        return finals;
    }
    let mut changed = true;
    while changed {
        changed = false;
        for at in (0..program.steps.len()).rev() {
            let is_final = match program.steps[at] {
                Step::Accept => true,
                Step::Split(to) => finals[at + 1] || finals[to as usize],
                Step::Jump(to) => finals[to as usize],
                Step::Read(_) | Step::Check { .. } => false,
            };
            changed |= is_final != finals[at];
            finals[at] = is_final;
        }
    }
    finals
}

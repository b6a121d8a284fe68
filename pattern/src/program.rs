//! Compiles patterns to programs: Thompson's automaton as a sequence of steps.

use std::collections::HashMap;

use crate::Error;
use crate::alphabet::Alphabet;
use crate::code_points::CodePoints;
use crate::tree::Tree;

/// A step of a program. Execution continues with the next step unless stated otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Reads one character of a set.
    Read(u16),
    /// Continues both with the next step and with this one.
    Split(u32),
    Jump(u32),
    /// Continues if a bit of the context has the wanted value.
    Check {
        bit: u8,
        wanted: bool,
    },
    Accept,
}

/// The bits of a position's context. A backward program starts at the end of the text.
pub(crate) const AT_START: u8 = 0;
pub(crate) const AT_END: u8 = 1;
pub(crate) const AT_BOUNDARY: u8 = 2;
/// The first lookaround; the others follow.
pub(crate) const LOOKAROUNDS: u8 = 3;

/// An automaton that restarts at each position.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) steps: Vec<Step>,
    /// `true` if it reads the text from the end to the start.
    pub(crate) backward: bool,
    /// `true` if the scan ends once it accepts, as for the pattern itself.
    pub(crate) stops: bool,
}

impl Program {
    /// The successors of a step without reading, and the condition to reach them.
    pub(crate) fn successors(&self, at: u32) -> ([Option<u32>; 2], Option<(u8, bool)>) {
        match self.steps[at as usize] {
            Step::Read(_) | Step::Accept => ([None, None], None),
            Step::Split(to) => ([Some(at + 1), Some(to)], None),
            Step::Jump(to) => ([Some(to), None], None),
            Step::Check { bit, wanted } => ([Some(at + 1), None], Some((bit, wanted))),
        }
    }

    /// The bits of the context that the program checks.
    pub(crate) fn bits(&self) -> u32 {
        self.steps.iter().fold(0, |bits, step| match step {
            Step::Check { bit, .. } => bits | 1 << bit,
            _ => bits,
        })
    }

    /// All steps reachable from one without reading, at the start of a text or after it.
    pub(crate) fn reach(&self, from: u32, at_start: bool) -> Vec<u32> {
        let mut seen = vec![false; self.steps.len()];
        let mut open = vec![from];
        let mut reached = Vec::new();
        while let Some(at) = open.pop() {
            if std::mem::replace(&mut seen[at as usize], true) {
                continue;
            }
            reached.push(at);
            let (next, condition) = self.successors(at);
            let may_pass = match condition {
                Some((AT_START, wanted)) => wanted == at_start,
                _ => true,
            };
            if may_pass {
                open.extend(next.into_iter().flatten());
            }
        }
        reached
    }

    /// Returns `true` if it can only match at the start of the text.
    pub(crate) fn is_anchored(&self) -> bool {
        self.reach(0, false)
            .iter()
            .all(|at| !matches!(self.steps[*at as usize], Step::Read(_) | Step::Accept))
    }
}

/// Compiles a pattern and its lookarounds to programs, the pattern itself last.
pub(crate) fn compile(tree: &Tree) -> Result<(Alphabet, Vec<Program>), Error> {
    let mut compiler = Compiler::default();
    let mut asks_for_words = false;
    tree.visit(&mut |part| asks_for_words |= matches!(part, Tree::WordBoundary { .. }));
    let word = asks_for_words.then(|| compiler.set(&CodePoints::word()));
    compiler.program(tree, false, true)?;
    Ok((Alphabet::new(&compiler.sets, word)?, compiler.programs))
}

#[derive(Default)]
struct Compiler<'t> {
    sets: Vec<CodePoints>,
    numbers: HashMap<CodePoints, u16>,
    programs: Vec<Program>,
    /// The parts of lookarounds, with their direction and the number of their program.
    lookarounds: Vec<(&'t Tree, bool, u8)>,
}

impl<'t> Compiler<'t> {
    fn set(&mut self, set: &CodePoints) -> u16 {
        if let Some(number) = self.numbers.get(set) {
            return *number;
        }
        // There are fewer sets than states, so the number fits.
        let number = u16::try_from(self.sets.len()).unwrap_or(u16::MAX);
        self.sets.push(set.clone());
        self.numbers.insert(set.clone(), number);
        number
    }

    /// Adds a program, after those of its lookarounds.
    fn program(&mut self, tree: &'t Tree, backward: bool, is_whole: bool) -> Result<u8, Error> {
        let mut steps = Vec::new();
        self.write(tree, backward, &mut steps)?;
        steps.push(Step::Accept);
        self.programs.push(Program { steps, backward, stops: is_whole });
        u8::try_from(self.programs.len() - 1).map_err(|_| Error::TooManyLookarounds)
    }

    fn write(&mut self, tree: &'t Tree, backward: bool, steps: &mut Vec<Step>) -> Result<(), Error> {
        let check = |bit, wanted| Step::Check { bit, wanted };
        match tree {
            Tree::Empty => {}
            Tree::Set(set) => {
                let number = self.set(set);
                steps.push(Step::Read(number));
            }
            Tree::Sequence(parts) if backward => {
                for part in parts.iter().rev() {
                    self.write(part, backward, steps)?;
                }
            }
            Tree::Sequence(parts) => {
                for part in parts {
                    self.write(part, backward, steps)?;
                }
            }
            Tree::Alternatives(parts) => self.write_alternatives(parts, backward, steps)?,
            Tree::Repeat { part, least, most } => self.write_repeat(part, *least, *most, backward, steps)?,
            Tree::Start => steps.push(check(if backward { AT_END } else { AT_START }, true)),
            Tree::End => steps.push(check(if backward { AT_START } else { AT_END }, true)),
            Tree::WordBoundary { negated } => steps.push(check(AT_BOUNDARY, !negated)),
            Tree::Look { ahead, negated, part } => {
                let known =
                    self.lookarounds.iter().find(|(tree, is_ahead, _)| *tree == &**part && is_ahead == ahead);
                let number = match known {
                    Some((.., number)) => *number,
                    None => {
                        // A lookahead is matched backward, towards the position it asserts.
                        let number = self.program(part, *ahead, false)?;
                        self.lookarounds.push((part, *ahead, number));
                        number
                    }
                };
                steps.push(check(LOOKAROUNDS + number, !negated));
            }
        }
        Ok(())
    }

    fn write_alternatives(
        &mut self,
        parts: &'t [Tree],
        backward: bool,
        steps: &mut Vec<Step>,
    ) -> Result<(), Error> {
        let mut jumps = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            let is_last = at + 1 == parts.len();
            let split = steps.len();
            if !is_last {
                steps.push(Step::Split(0));
            }
            self.write(part, backward, steps)?;
            if !is_last {
                jumps.push(steps.len());
                steps.push(Step::Jump(0));
                steps[split] = Step::Split(position(steps));
            }
        }
        let end = position(steps);
        for jump in jumps {
            steps[jump] = Step::Jump(end);
        }
        Ok(())
    }

    fn write_repeat(
        &mut self,
        part: &'t Tree,
        least: u32,
        most: Option<u32>,
        backward: bool,
        steps: &mut Vec<Step>,
    ) -> Result<(), Error> {
        let mut copy = steps.len();
        for _ in 0..least {
            copy = steps.len();
            self.write(part, backward, steps)?;
        }
        let Some(most) = most else {
            let skip = (least == 0).then(|| {
                steps.push(Step::Split(0));
                steps.len() - 1
            });
            if skip.is_some() {
                copy = steps.len();
                self.write(part, backward, steps)?;
            }
            steps.push(Step::Split(u32::try_from(copy).unwrap_or(u32::MAX)));
            if let Some(skip) = skip {
                steps[skip] = Step::Split(position(steps));
            }
            return Ok(());
        };
        let mut skips = Vec::new();
        for _ in least..most {
            skips.push(steps.len());
            steps.push(Step::Split(0));
            self.write(part, backward, steps)?;
        }
        let end = position(steps);
        for skip in skips {
            steps[skip] = Step::Split(end);
        }
        Ok(())
    }
}

fn position(steps: &[Step]) -> u32 {
    u32::try_from(steps.len()).unwrap_or(u32::MAX)
}

//! Runs programs on texts.

use crate::Matcher;
use crate::alphabet::Alphabet;
use crate::program::{AT_BOUNDARY, AT_END, AT_START, LOOKAROUNDS, Program, Step};
use crate::table::Table;

/// Returns `true` if the last matcher accepts somewhere. The others are its lookarounds.
pub(crate) fn is_match(alphabet: &Alphabet, matchers: &[Matcher], text: &str, steps: &mut u64) -> bool {
    let Some((pattern, lookarounds)) = matchers.split_last() else { return false };
    if lookarounds.is_empty() {
        let classes = text.chars().map(|character| alphabet.class(character));
        return run(alphabet, pattern, classes, |_| 0, |_| (), steps);
    }
    let classes: Vec<u16> = text.chars().map(|character| alphabet.class(character)).collect();
    let last = classes.len();
    // For each position, one bit per lookaround that matches there.
    let mut holding = vec![0_u32; last + 1];
    for (number, matcher) in lookarounds.iter().enumerate() {
        let mut found = Vec::new();
        let forward = classes.iter().copied();
        if matcher.program.backward {
            run(alphabet, matcher, forward.rev(), |at| holding[last - at], |at| found.push(last - at), steps);
        } else {
            run(alphabet, matcher, forward, |at| holding[at], |at| found.push(at), steps);
        }
        for at in found {
            holding[at] |= 1 << number;
        }
    }
    run(alphabet, pattern, classes.iter().copied(), |at| holding[at], |_| (), steps)
}

/// Runs one program. `holding` returns the lookarounds that match at a position, and
/// `accepted` is called for each position where the program accepts. Positions count
/// from where the program starts to read.
fn run(
    alphabet: &Alphabet,
    matcher: &Matcher,
    classes: impl Iterator<Item = u16>,
    holding: impl Fn(usize) -> u32,
    accepted: impl FnMut(usize),
    steps: &mut u64,
) -> bool {
    match &matcher.table {
        Some(table) => run_table(table, &matcher.program, classes, holding, accepted, steps),
        None => run_sets(alphabet, &matcher.program, classes, holding, accepted, steps),
    }
}

fn run_table(
    table: &Table,
    program: &Program,
    classes: impl Iterator<Item = u16>,
    holding: impl Fn(usize) -> u32,
    mut accepted: impl FnMut(usize),
    steps: &mut u64,
) -> bool {
    let mut state = 0;
    let mut position = 0;
    for class in classes {
        let (next, accepts) = table.next(state, class, holding(position));
        if accepts {
            accepted(position);
            if program.stops {
                *steps += position as u64 + 1;
                return true;
            }
        }
        state = next;
        position += 1;
        if table.is_dead(state) {
            break;
        }
    }
    *steps += position as u64 + 1;
    let (_, accepts) = table.at_end(state, holding(position));
    if accepts {
        accepted(position);
    }
    accepts
}

fn run_sets(
    alphabet: &Alphabet,
    program: &Program,
    classes: impl Iterator<Item = u16>,
    holding: impl Fn(usize) -> u32,
    mut accepted: impl FnMut(usize),
    steps: &mut u64,
) -> bool {
    let is_anchored = program.is_anchored();
    let mut walk = Walk::new(program);
    let (mut current, mut next) = (Vec::new(), Vec::new());
    let mut was_word = false;
    for (position, class) in classes.map(Some).chain([None]).enumerate() {
        let is_word = class.is_some_and(|class| alphabet.is_word(class));
        let at = Context { is_start: position == 0, was_word, is_word, holding: holding(position) };
        let accepts = walk.step(alphabet, &current, at.bits(class), class, &mut next);
        if accepts {
            accepted(position);
        }
        if class.is_none() || accepts && program.stops || is_anchored && next.is_empty() {
            *steps += walk.visited;
            return accepts;
        }
        std::mem::swap(&mut current, &mut next);
        was_word = is_word;
    }
    false
}

/// The context of a position.
pub(crate) struct Context {
    pub(crate) is_start: bool,
    pub(crate) was_word: bool,
    pub(crate) is_word: bool,
    pub(crate) holding: u32,
}

impl Context {
    pub(crate) fn bits(&self, class: Option<u16>) -> u32 {
        u32::from(self.is_start) << AT_START
            | u32::from(class.is_none()) << AT_END
            | u32::from(self.was_word != self.is_word) << AT_BOUNDARY
            | self.holding << LOOKAROUNDS
    }
}

/// Follows all paths through a program simultaneously.
pub(crate) struct Walk<'p> {
    program: &'p Program,
    /// The number of the position at which each step was last visited.
    seen: Vec<u64>,
    number: u64,
    open: Vec<u32>,
    /// The number of steps visited so far.
    pub(crate) visited: u64,
}

impl<'p> Walk<'p> {
    pub(crate) fn new(program: &'p Program) -> Self {
        Self { program, seen: vec![0; program.steps.len()], number: 0, open: Vec::new(), visited: 0 }
    }

    /// Advances from the given steps, and from the first one, at a position with this
    /// context. Fills `next` with the steps after the next character, and returns `true`
    /// if the program accepts here.
    pub(crate) fn step(
        &mut self,
        alphabet: &Alphabet,
        current: &[u32],
        context: u32,
        class: Option<u16>,
        next: &mut Vec<u32>,
    ) -> bool {
        next.clear();
        self.number += 1;
        let containing = class.map(|class| alphabet.containing(class)).unwrap_or_default();
        let mut accepts = false;
        for from in current.iter().copied().chain([0]) {
            let mut way = Some(from);
            while let Some(at) = way {
                // Most steps have one successor, which needs no stack entry.
                way = self.visit(at, context, containing, next, &mut accepts).or_else(|| self.open.pop());
            }
        }
        accepts
    }

    #[inline]
    fn visit(
        &mut self,
        at: u32,
        context: u32,
        containing: &[bool],
        next: &mut Vec<u32>,
        accepts: &mut bool,
    ) -> Option<u32> {
        let seen = &mut self.seen[at as usize];
        if *seen == self.number {
            return None;
        }
        *seen = self.number;
        self.visited += 1;
        match self.program.steps[at as usize] {
            Step::Read(set) => {
                if containing.get(usize::from(set)) == Some(&true) {
                    next.push(at + 1);
                }
                None
            }
            Step::Split(to) => {
                self.open.push(to);
                Some(at + 1)
            }
            Step::Jump(to) => Some(to),
            Step::Check { bit, wanted } => ((context >> bit & 1 == 1) == wanted).then_some(at + 1),
            Step::Accept => {
                *accepts = true;
                None
            }
        }
    }
}

//! Programs as tables of states, if the tables are small: one lookup per character.

use std::collections::HashMap;

use crate::alphabet::Alphabet;
use crate::program::{AT_BOUNDARY, LOOKAROUNDS, Program};
use crate::scan::{Context, Walk};

/// The maximum number of entries of a table.
const MAX_ENTRIES: usize = 8_192;

/// The maximum number of steps visited to build a table.
const MAX_VISITED: u64 = 2_000_000;

/// The next state for each state and class of characters.
#[derive(Debug)]
pub(crate) struct Table {
    /// The number of the next state, doubled, plus one if the program accepts before it reads.
    entries: Vec<u16>,
    /// The number of entries per state: one for each class and for the end of the text,
    /// times the combinations of lookarounds that can match.
    width: usize,
    /// The lookarounds that the program checks.
    lookarounds: Vec<u8>,
    /// The state from which the program can no longer accept.
    dead: Option<usize>,
}

/// The active steps, `true` at the start of the text, and `true` after a word character.
type State = (Vec<u32>, bool, bool);

impl Table {
    /// Builds the table; `None` if it would be too large.
    pub(crate) fn of(program: &Program, alphabet: &Alphabet) -> Option<Self> {
        let bits = program.bits();
        let asks_for_words = bits >> AT_BOUNDARY & 1 == 1;
        let lookarounds: Vec<u8> =
            (0..29 - LOOKAROUNDS).filter(|number| bits >> (number + LOOKAROUNDS) & 1 == 1).collect();
        let combinations = 1_usize << lookarounds.len();
        let width = (alphabet.len() + 1) * combinations;

        let mut walk = Walk::new(program);
        let mut next = Vec::new();
        let start: State = (Vec::new(), true, false);
        let mut numbers = HashMap::from([(start.clone(), 0)]);
        let mut states = vec![start];
        let mut entries = Vec::new();
        let mut at = 0;
        while at < states.len() {
            if states.len() * width > MAX_ENTRIES || walk.visited > MAX_VISITED {
                return None;
            }
            for entry in 0..width {
                let class = u16::try_from(entry / combinations)
                    .ok()
                    .filter(|class| usize::from(*class) < alphabet.len());
                let holding = spread(entry % combinations, &lookarounds);
                let is_word = class.is_some_and(|class| asks_for_words && alphabet.is_word(class));
                let (current, is_start, was_word) = &states[at];
                let context = Context { is_start: *is_start, was_word: *was_word, is_word, holding };
                let accepts = walk.step(alphabet, current, context.bits(class), class, &mut next);
                if accepts && program.stops {
                    next.clear();
                }
                next.sort_unstable();
                let state: State = (next.clone(), false, is_word);
                let number = *numbers.entry(state).or_insert_with_key(|state| {
                    states.push(state.clone());
                    states.len() - 1
                });
                entries.push(u16::try_from(2 * number + usize::from(accepts)).ok()?);
            }
            at += 1;
        }
        let dead = (0..states.len()).find(|state| {
            let own = &entries[state * width..(state + 1) * width];
            own.iter().all(|entry| usize::from(*entry) == 2 * state)
        });
        Some(Self { entries, width, lookarounds, dead })
    }

    /// The number of states.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() / self.width
    }

    #[inline]
    pub(crate) fn next(&self, state: usize, class: u16, holding: u32) -> (usize, bool) {
        self.entry(state, usize::from(class), holding)
    }

    pub(crate) fn at_end(&self, state: usize, holding: u32) -> (usize, bool) {
        let end = self.width / (1 << self.lookarounds.len()) - 1;
        self.entry(state, end, holding)
    }

    #[inline]
    fn entry(&self, state: usize, column: usize, holding: u32) -> (usize, bool) {
        let mut column = column << self.lookarounds.len();
        for (at, number) in self.lookarounds.iter().enumerate() {
            column |= (holding as usize >> number & 1) << at;
        }
        let entry = usize::from(self.entries[state * self.width + column]);
        (entry / 2, entry % 2 == 1)
    }

    #[inline]
    pub(crate) fn is_dead(&self, state: usize) -> bool {
        self.dead == Some(state)
    }
}

/// The bits of the lookarounds in a combination.
fn spread(combination: usize, lookarounds: &[u8]) -> u32 {
    lookarounds
        .iter()
        .enumerate()
        .fold(0, |bits, (at, number)| bits | u32::from(combination >> at & 1 == 1) << number)
}

//! Finds a text that some patterns match and others do not.

use std::collections::{HashSet, VecDeque};

use crate::Regex;
use crate::program::{LOOKAROUNDS, Program};
use crate::scan::{Context, Walk};

/// The maximum number of states to visit. A search that reaches it is given up.
const MAX_STATES: usize = 50_000;

/// The result of [`find_text`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    /// A shortest text that fits.
    Found(String),
    /// No text fits.
    Nothing,
    /// The search was given up: a pattern has a lookaround, or there are too many states.
    Undecided,
}

/// Finds a shortest text of at least `min_length` code points that all patterns of
/// `matching` match and none of `others`.
///
/// ```
/// use fanfare_pattern::{Regex, Search, find_text};
///
/// let [short, long] = ["^[a-z]{1,3}$", "^[a-z]+$"].map(|source| Regex::new(source).expect("a pattern"));
/// assert_eq!(find_text(&[&short], &[&long], 0), Search::Nothing);
/// assert_eq!(find_text(&[&long], &[&short], 0), Search::Found("aaaa".to_owned()));
/// ```
#[must_use]
pub fn find_text(matching: &[&Regex], others: &[&Regex], min_length: usize) -> Search {
    let wanted = matching.iter().map(|regex| (*regex, true));
    let mut runs = Vec::new();
    for (regex, is_wanted) in wanted.chain(others.iter().map(|regex| (*regex, false))) {
        let [matcher] = regex.matchers.as_slice() else { return Search::Undecided };
        if matcher.program.bits() >> LOOKAROUNDS != 0 {
            return Search::Undecided;
        }
        runs.push(Run { regex, program: &matcher.program, is_wanted });
    }
    let representatives = representatives(&runs);
    let start = State { runs: vec![Progress::Open(Vec::new()); runs.len()], last: None, length: 0 };
    let mut seen = HashSet::from([start.clone()]);
    let mut texts: Vec<(Option<usize>, char)> = Vec::new();
    let mut pending = VecDeque::from([(start, None)]);
    while let Some((state, text)) = pending.pop_front() {
        if state.length >= min_length && state.fits(&runs) {
            return Search::Found(spell(&texts, text));
        }
        for character in &representatives {
            let Some(next) = state.read(&runs, *character, min_length) else { continue };
            if !seen.insert(next.clone()) {
                continue;
            }
            if seen.len() > MAX_STATES {
                return Search::Undecided;
            }
            texts.push((text, *character));
            pending.push_back((next, Some(texts.len() - 1)));
        }
    }
    Search::Nothing
}

/// A pattern of a search.
struct Run<'r> {
    regex: &'r Regex,
    program: &'r Program,
    is_wanted: bool,
}

/// The progress of a pattern.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Progress {
    /// The steps that can read the next character.
    Open(Vec<u32>),
    /// It matched.
    Matched,
}

/// The state after a part of a text.
#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    runs: Vec<Progress>,
    /// For each pattern, `true` if the last character is one of words. `None` at the start.
    last: Option<Vec<bool>>,
    /// The number of characters so far, up to the minimum.
    length: usize,
}

impl State {
    /// Returns `true` if a text that ends here fits.
    fn fits(&self, runs: &[Run<'_>]) -> bool {
        (0..runs.len()).all(|at| self.step(runs, at, None).0 == runs[at].is_wanted)
    }

    /// Returns the state after another character, or `None` if no text from there fits.
    fn read(&self, runs: &[Run<'_>], character: char, min_length: usize) -> Option<Self> {
        let mut next = Vec::with_capacity(runs.len());
        for (at, run) in runs.iter().enumerate() {
            let (matched, steps) = self.step(runs, at, Some(character));
            if matched && !run.is_wanted {
                return None;
            }
            if !matched && run.is_wanted && steps.is_empty() && run.program.is_anchored() {
                return None;
            }
            next.push(if matched { Progress::Matched } else { Progress::Open(steps) });
        }
        let word = |run: &Run<'_>| run.regex.alphabet.is_word(run.regex.alphabet.class(character));
        Some(Self {
            runs: next,
            last: Some(runs.iter().map(word).collect()),
            length: (self.length + 1).min(min_length),
        })
    }

    /// Advances a pattern by a character, or to the end of the text. Returns whether it matched, and the next steps.
    fn step(&self, runs: &[Run<'_>], at: usize, character: Option<char>) -> (bool, Vec<u32>) {
        let Progress::Open(steps) = &self.runs[at] else { return (true, Vec::new()) };
        let Run { regex, program, .. } = &runs[at];
        let alphabet = &regex.alphabet;
        let class = character.map(|character| alphabet.class(character));
        let context = Context {
            is_start: self.last.is_none(),
            was_word: self.last.as_ref().is_some_and(|words| words[at]),
            is_word: class.is_some_and(|class| alphabet.is_word(class)),
            holding: 0,
        };
        let mut next = Vec::new();
        let matched = Walk::new(program).step(alphabet, steps, context.bits(class), class, &mut next);
        next.sort_unstable();
        (matched, next)
    }
}

/// Returns one character for each set of characters that no pattern tells apart, readable ones first.
fn representatives(runs: &[Run<'_>]) -> Vec<char> {
    let starts = runs.iter().flat_map(|run| run.regex.alphabet.runs().map(|(start, _)| start));
    let readable = ('a'..='z').chain('0'..='9').chain('A'..='Z').chain(' '..='~');
    let candidates = readable.chain(starts.filter_map(char::from_u32)).chain(['é', '\u{E000}']);
    let classes = |character: char| -> Vec<u16> {
        runs.iter().map(|run| run.regex.alphabet.class(character)).collect()
    };
    let mut seen = HashSet::new();
    candidates.filter(|character| seen.insert(classes(*character))).collect()
}

fn spell(texts: &[(Option<usize>, char)], mut at: Option<usize>) -> String {
    let mut characters = Vec::new();
    while let Some((before, character)) = at.and_then(|at| texts.get(at)) {
        characters.push(*character);
        at = *before;
    }
    characters.iter().rev().collect()
}

//! Finds a text that some patterns match and others do not.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::program::Program;
use crate::scan::{Context, Walk};
use crate::table::Table;
use crate::{Matcher, Regex};

/// The maximum number of states to visit. A search that reaches it is given up.
const MAX_STATES: usize = 50_000;
/// The maximum number of states of the automaton of a lookaround.
const MAX_LOOKAROUND_STATES: usize = 500;

/// The result of [`find_text`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    /// A shortest text that fits.
    Found(String),
    /// No text fits.
    Nothing,
    /// The search was given up: there are too many states.
    Undecided,
}

/// Finds a shortest text of at least `min_length` code points that all patterns of
/// `matching` match and none of `others`, and that is not one of `excluded`.
///
/// ```
/// use fanfare_pattern::{Regex, Search, find_text};
///
/// let [short, long] = ["^[a-z]{1,3}$", "^[a-z]+$"].map(|source| Regex::new(source).expect("a pattern"));
/// assert_eq!(find_text(&[&short], &[&long], &[], 0), Search::Nothing);
/// assert_eq!(find_text(&[&long], &[&short], &["aaaa"], 0), Search::Found("aaab".to_owned()));
/// ```
#[must_use]
pub fn find_text(matching: &[&Regex], others: &[&Regex], excluded: &[&str], min_length: usize) -> Search {
    let wanted = matching.iter().map(|regex| (*regex, true));
    let all = wanted.chain(others.iter().map(|regex| (*regex, false)));
    let runs: Option<Vec<Run<'_>>> = all.map(|(regex, is_wanted)| Run::new(regex, is_wanted)).collect();
    let Some(runs) = runs else { return Search::Undecided };
    let excluded = Excluded::new(excluded);
    let representatives = representatives(&runs, &excluded);
    let mut seen = HashSet::new();
    let mut texts: Vec<(Option<usize>, char)> = Vec::new();
    let mut pending = VecDeque::new();
    let Some(starts) = combinations(runs.iter().map(Run::starts)) else { return Search::Undecided };
    for ahead in starts {
        let mains = runs.iter().map(Run::start).collect();
        let state = State { mains, looks: ahead, excluded: Some(0), length: 0 };
        seen.insert(state.clone());
        pending.push_back((state, None));
    }
    while let Some((state, text)) = pending.pop_front() {
        if state.length >= min_length && !excluded.contain(state.excluded) && state.fits(&runs) {
            return Search::Found(spell(&texts, text));
        }
        for (character, classes) in &representatives {
            let mut added = None;
            let excluded = excluded.next(state.excluded, *character);
            let Some(states) = state.read(&runs, classes, excluded, min_length) else {
                return Search::Undecided;
            };
            for next in states {
                if seen.contains(&next) {
                    continue;
                }
                seen.insert(next.clone());
                if seen.len() > MAX_STATES {
                    return Search::Undecided;
                }
                let text = *added.get_or_insert_with(|| {
                    texts.push((text, *character));
                    texts.len() - 1
                });
                pending.push_back((next, Some(text)));
            }
        }
    }
    Search::Nothing
}

/// A pattern of a search.
struct Run<'r> {
    regex: &'r Regex,
    main: &'r Matcher,
    /// The programs of its lookarounds, inner ones first, with their tables.
    lookarounds: Vec<(&'r Program, &'r Table)>,
    is_wanted: bool,
}

/// The progress of the lookarounds of a pattern at a position.
///
/// A lookahead asks for the rest of the text, which its program reads backward. The search guesses the state of the
/// program at each position, and checks that the next character leads from the state after it to the one before it.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Looks {
    states: Vec<usize>,
    /// A bit for each lookaround that matches here. If its program reads forward, the bit is guessed, and
    /// checked with the next character.
    holding: u32,
}

impl<'r> Run<'r> {
    /// Returns `None` if the automaton of a lookaround is too large.
    fn new(regex: &'r Regex, is_wanted: bool) -> Option<Self> {
        let (main, lookarounds) = regex.matchers.split_last()?;
        let lookarounds = lookarounds.iter().map(|matcher| {
            let table = matcher.table.as_ref().filter(|table| table.len() <= MAX_LOOKAROUND_STATES)?;
            Some((&matcher.program, table))
        });
        Some(Self { regex, main, lookarounds: lookarounds.collect::<Option<_>>()?, is_wanted })
    }

    fn start(&self) -> Main {
        match &self.main.table {
            Some(_) => Main::Table(0),
            None => Main::Steps { steps: Vec::new(), is_start: true, was_word: false },
        }
    }

    /// Returns the possible progress of the lookarounds at the start of the text. `None` if there is too much.
    fn starts(&self) -> Option<Vec<Looks>> {
        self.looks(|_, (program, table), holding| {
            if program.backward {
                (0..table.len()).map(|state| (state, Some(table.at_end(state, holding).1))).collect()
            } else {
                vec![(0, None)]
            }
        })
    }

    /// Returns the possible progress of the lookarounds after another character. `None` if there is too much.
    fn next_looks(&self, looks: &Looks, class: u16) -> Option<Vec<Looks>> {
        for (number, (program, table)) in self.lookarounds.iter().enumerate() {
            if !program.backward {
                let (_, accepts) = table.next(looks.states[number], class, looks.holding);
                if accepts != (looks.holding >> number & 1 == 1) {
                    return Some(Vec::new());
                }
            }
        }
        self.looks(|number, (program, table), holding| {
            let state = looks.states[number];
            if program.backward {
                let before = (0..table.len()).map(|after| (after, table.next(after, class, holding)));
                let leading_here = before.filter(|(_, (to, _))| *to == state);
                leading_here.map(|(after, (_, accepts))| (after, Some(accepts))).collect()
            } else {
                vec![(table.next(state, class, looks.holding).0, None)]
            }
        })
    }

    /// Combines the states that each lookaround may have, each with whether it matches there, or `None` to guess that.
    /// Returns `None` if there are too many combinations.
    fn looks(
        &self,
        states: impl Fn(usize, (&Program, &Table), u32) -> Vec<(usize, Option<bool>)>,
    ) -> Option<Vec<Looks>> {
        let mut all = vec![Looks::default()];
        for (number, (program, table)) in self.lookarounds.iter().enumerate() {
            let mut longer = Vec::new();
            for looks in all {
                for (state, matches) in states(number, (program, table), looks.holding) {
                    for matches in matches.map_or(vec![false, true], |matches| vec![matches]) {
                        let mut looks = looks.clone();
                        looks.states.push(state);
                        looks.holding |= u32::from(matches) << number;
                        longer.push(looks);
                    }
                }
                if longer.len() > MAX_STATES {
                    return None;
                }
            }
            all = longer;
        }
        Some(all)
    }

    /// Returns `true` if the guesses are right if the text ends here.
    fn may_end(&self, looks: &Looks) -> bool {
        self.lookarounds.iter().enumerate().all(|(number, (program, table))| {
            let state = looks.states[number];
            if program.backward {
                state == 0
            } else {
                table.at_end(state, looks.holding).1 == (looks.holding >> number & 1 == 1)
            }
        })
    }

    /// Advances the pattern by a character, or to the end of the text.
    fn step(&self, main: &Main, class: Option<u16>, holding: u32) -> Main {
        match (main, &self.main.table) {
            (Main::Matched, _) | (Main::Table(_), None) => Main::Matched,
            (Main::Table(state), Some(table)) => {
                let (next, accepts) = match class {
                    Some(class) => table.next(*state, class, holding),
                    None => table.at_end(*state, holding),
                };
                if accepts { Main::Matched } else { Main::Table(next) }
            }
            (Main::Steps { steps, is_start, was_word }, _) => {
                let alphabet = &self.regex.alphabet;
                let is_word = class.is_some_and(|class| alphabet.is_word(class));
                let context = Context { is_start: *is_start, was_word: *was_word, is_word, holding };
                let mut next = Vec::new();
                let mut walk = Walk::new(&self.main.program);
                if walk.step(alphabet, steps, context.bits(class), class, &mut next) {
                    return Main::Matched;
                }
                next.sort_unstable();
                Main::Steps { steps: next, is_start: false, was_word: is_word }
            }
        }
    }

    /// Returns `true` if no text from here fits.
    fn is_hopeless(&self, main: &Main) -> bool {
        match main {
            Main::Matched => !self.is_wanted,
            Main::Table(state) => {
                self.is_wanted && self.main.table.as_ref().is_some_and(|table| table.is_dead(*state))
            }
            Main::Steps { steps, .. } => {
                self.is_wanted && steps.is_empty() && self.main.program.is_anchored()
            }
        }
    }
}

/// The progress of a pattern.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Main {
    Table(usize),
    /// The steps that can read the next character.
    Steps {
        steps: Vec<u32>,
        is_start: bool,
        was_word: bool,
    },
    Matched,
}

/// The state after a part of a text.
#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    mains: Vec<Main>,
    looks: Vec<Looks>,
    /// The part of excluded texts that was read.
    excluded: Option<usize>,
    /// The number of characters so far, up to the minimum.
    length: usize,
}

impl State {
    /// Returns `true` if a text that ends here fits.
    fn fits(&self, runs: &[Run<'_>]) -> bool {
        runs.iter().zip(&self.mains).zip(&self.looks).all(|((run, main), looks)| {
            run.may_end(looks) && (run.step(main, None, looks.holding) == Main::Matched) == run.is_wanted
        })
    }

    /// Returns the states after another character from which some text may fit. `None` if there are too many.
    fn read(
        &self,
        runs: &[Run<'_>],
        classes: &[u16],
        excluded: Option<usize>,
        min_length: usize,
    ) -> Option<Vec<Self>> {
        let mut mains = Vec::with_capacity(runs.len());
        for (at, run) in runs.iter().enumerate() {
            let next = run.step(&self.mains[at], Some(classes[at]), self.looks[at].holding);
            if run.is_hopeless(&next) {
                return Some(Vec::new());
            }
            mains.push(next);
        }
        let looks = runs.iter().zip(&self.looks).zip(classes);
        let looks = combinations(looks.map(|((run, looks), class)| run.next_looks(looks, *class)))?;
        let length = (self.length + 1).min(min_length);
        let states = looks.into_iter().map(|looks| Self { mains: mains.clone(), looks, excluded, length });
        Some(states.collect())
    }
}

/// Returns all ways to choose one of each. `None` if there are too many.
fn combinations(choices: impl Iterator<Item = Option<Vec<Looks>>>) -> Option<Vec<Vec<Looks>>> {
    let mut all = vec![Vec::new()];
    for choice in choices {
        let choice = choice?;
        if all.len().saturating_mul(choice.len()) > MAX_STATES {
            return None;
        }
        let longer =
            |before: &Vec<Looks>, looks: &Looks| [before.as_slice(), std::slice::from_ref(looks)].concat();
        all = all.iter().flat_map(|before| choice.iter().map(move |looks| longer(before, looks))).collect();
    }
    Some(all)
}

/// Texts that do not fit, as a tree of their characters. Node 0 is the empty text.
#[derive(Default)]
struct Excluded {
    edges: HashMap<(usize, char), usize>,
    ends: HashSet<usize>,
}

impl Excluded {
    fn new(texts: &[&str]) -> Self {
        let mut excluded = Self::default();
        for text in texts {
            let mut node = 0;
            for character in text.chars() {
                let next = excluded.edges.len() + 1;
                node = *excluded.edges.entry((node, character)).or_insert(next);
            }
            excluded.ends.insert(node);
        }
        excluded
    }

    fn next(&self, node: Option<usize>, character: char) -> Option<usize> {
        self.edges.get(&(node?, character)).copied()
    }

    fn contain(&self, node: Option<usize>) -> bool {
        node.is_some_and(|node| self.ends.contains(&node))
    }
}

/// Returns one character for each set of characters that no pattern tells apart, readable ones first, with its class in
/// each pattern.
fn representatives(runs: &[Run<'_>], excluded: &Excluded) -> Vec<(char, Vec<u16>)> {
    let starts = runs.iter().flat_map(|run| run.regex.alphabet.runs().map(|(start, _)| start));
    let special: HashSet<char> = excluded.edges.keys().map(|(_, character)| *character).collect();
    let readable = ('a'..='z').chain('0'..='9').chain('A'..='Z').chain(' '..='~');
    let mut sorted: Vec<char> = special.iter().copied().collect();
    sorted.sort_unstable();
    let candidates = readable.chain(starts.filter_map(char::from_u32)).chain(['é', '\u{E000}']).chain(sorted);
    let mut seen = HashSet::new();
    candidates
        .map(|character| {
            let classes: Vec<u16> = runs.iter().map(|run| run.regex.alphabet.class(character)).collect();
            (character, classes)
        })
        .filter(|(character, classes)| seen.insert((special.get(character).copied(), classes.clone())))
        .collect()
}

fn spell(texts: &[(Option<usize>, char)], mut at: Option<usize>) -> String {
    let mut characters = Vec::new();
    while let Some((before, character)) = at.and_then(|at| texts.get(at)) {
        characters.push(*character);
        at = *before;
    }
    characters.iter().rev().collect()
}

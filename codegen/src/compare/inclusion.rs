//! Decides whether every value of one schema is valid under another.
//!
//! `old ⊆ new` holds if no value satisfies `old` and violates `new`. The [`Solver`] searches for such a value: it splits
//! the claims "`old` holds" and "`new` does not" by kind of value and by keyword until they are about numbers and texts,
//! and about items and properties, which are searched likewise. The search is exhaustive, so finding nothing is a proof.
//! The validator that servers run checks each value that is found.

mod arrays;
mod cases;
mod formats;
mod name_limits;
mod names;
mod numbers;
mod objects;
mod texts;
mod unevaluated;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use fanfare_pattern::Regex;
use serde_json::Value;

use super::graph::{Graph, Node, NodeId};
use super::validator::Validator;
use crate::model::Kinds;
use cases::Case;

/// The maximum number of cases that one question may take.
const MAX_CASES: usize = 10_000;
/// The maximum depth of searches in searches.
const MAX_DEPTH: usize = 400;
/// The reason if a limit is reached.
const TOO_MUCH: &str = "too many combinations of keywords";

/// Whether every value of one schema is valid under another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Inclusion {
    Proved,
    /// A value of the first schema that the second one rejects.
    Refuted(Value),
    /// Neither was found, because of this keyword.
    Undecided(&'static str),
}

/// A schema holds for a value, or it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Claim {
    node: NodeId,
    holds: bool,
}

impl Claim {
    fn holds(node: NodeId) -> Self {
        Self { node, holds: true }
    }

    fn fails(node: NodeId) -> Self {
        Self { node, holds: false }
    }

    fn negated(self) -> Self {
        Self { holds: !self.holds, ..self }
    }
}

/// Claims about one value, sorted.
type Claims = Vec<Claim>;

/// The result of the search for a value.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    /// There is no such value.
    Nothing,
    Value(Value),
    /// The search cannot reason about this keyword.
    Undecided(&'static str),
}

impl Outcome {
    /// Returns the first outcome unless there may be a value elsewhere.
    fn or(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Value(_) => self,
            Self::Nothing => other(),
            Self::Undecided(_) => match other() {
                Self::Nothing | Self::Undecided(_) => self,
                found @ Self::Value(_) => found,
            },
        }
    }
}

/// The progress of a search for a value with some claims.
enum Progress {
    Open,
    Done(Outcome),
}

pub(crate) struct Solver<'g> {
    graph: &'g Graph,
    validator: Validator<'g>,
    /// The values found so far.
    found: HashMap<Claims, Value>,
    /// The searches of this round.
    round: HashMap<Claims, Progress>,
    /// Claims that this round took to have no value, because the search for one was open: those of recursive schemas.
    assumed: HashSet<Claims>,
    /// Claims of `assumed`, of all rounds, that the search cannot decide. They may have a value.
    doubtful: HashMap<Claims, &'static str>,
    /// A claim of `assumed` turned out to have a value, or possibly one, so another round may find more.
    must_repeat: bool,
    cases: usize,
    /// How many searches contain the current one.
    depth: usize,
    regexes: RefCell<HashMap<String, Option<Rc<Regex>>>>,
    texts: RefCell<texts::Texts>,
}

impl<'g> Solver<'g> {
    pub(crate) fn new(graph: &'g Graph) -> Self {
        Self {
            graph,
            validator: Validator::new(graph),
            found: HashMap::new(),
            round: HashMap::new(),
            assumed: HashSet::new(),
            doubtful: HashMap::new(),
            must_repeat: false,
            cases: 0,
            depth: 0,
            regexes: RefCell::default(),
            texts: RefCell::default(),
        }
    }

    /// Decides whether every value of one schema is valid under another.
    pub(crate) fn includes(&mut self, inner: NodeId, outer: NodeId) -> Inclusion {
        self.cases = 0;
        self.doubtful.clear();
        let claims = vec![Claim::holds(inner), Claim::fails(outer)];
        loop {
            self.round.clear();
            self.assumed.clear();
            self.must_repeat = false;
            match self.solve(claims.clone()) {
                Outcome::Value(value) => return Inclusion::Refuted(value),
                _ if self.must_repeat => {}
                Outcome::Nothing => return Inclusion::Proved,
                Outcome::Undecided(keyword) => return Inclusion::Undecided(keyword),
            }
        }
    }

    /// Returns the validator, which explains why a value is rejected.
    pub(crate) fn validator(&self) -> &Validator<'g> {
        &self.validator
    }

    /// Searches for a value.
    fn solve(&mut self, claims: Claims) -> Outcome {
        let Some(claims) = self.saturate(claims) else { return Outcome::Nothing };
        if let Some(value) = self.found.get(&claims) {
            return Outcome::Value(value.clone());
        }
        match self.round.get(&claims) {
            Some(Progress::Done(outcome)) => return outcome.clone(),
            Some(Progress::Open) => {
                if let Some(keyword) = self.doubtful.get(&claims) {
                    return Outcome::Undecided(keyword);
                }
                self.assumed.insert(claims);
                return Outcome::Nothing;
            }
            None => {}
        }
        if self.depth >= MAX_DEPTH {
            return Outcome::Undecided(TOO_MUCH);
        }
        self.round.insert(claims.clone(), Progress::Open);
        self.depth += 1;
        let outcome = self.search(&claims);
        self.depth -= 1;
        let is_assumed = self.assumed.contains(&claims);
        match &outcome {
            Outcome::Value(value) => {
                self.must_repeat |= is_assumed;
                self.found.insert(claims.clone(), value.clone());
            }
            Outcome::Undecided(keyword) if is_assumed => {
                self.must_repeat |= self.doubtful.insert(claims.clone(), keyword).is_none();
            }
            _ => {}
        }
        self.round.insert(claims, Progress::Done(outcome.clone()));
        outcome
    }

    /// Searches for a value kind by kind.
    fn search(&mut self, claims: &Claims) -> Outcome {
        let required = || claims.iter().filter(|claim| claim.holds).map(|claim| &self.graph[claim.node]);
        let listed = required().filter_map(|node| node.values.as_ref()).min_by_key(|values| values.len());
        if let Some(values) = listed {
            let fits = values.iter().find(|value| self.fits(claims, value));
            return fits.map_or(Outcome::Nothing, |value| Outcome::Value(value.clone()));
        }
        let kinds = required().fold(Kinds::ANY, |kinds, node| kinds.and(node.kinds));
        let mut outcome = Outcome::Nothing;
        for kind in Kind::ALL {
            if !kinds.contains(kind.bits()) {
                continue;
            }
            outcome = outcome.or(|| match kind {
                Kind::Null => self.any_of(claims, [Value::Null]),
                Kind::Boolean => self.any_of(claims, [Value::Bool(true), Value::Bool(false)]),
                kind => self.expand(Case::new(kind, claims.clone())),
            });
        }
        outcome
    }

    fn any_of<const N: usize>(&self, claims: &[Claim], values: [Value; N]) -> Outcome {
        let fits = values.into_iter().find(|value| self.fits(claims, value));
        fits.map_or(Outcome::Nothing, Outcome::Value)
    }

    /// Keeps a value only if the validator agrees with all claims about it.
    fn checked(&self, claims: &[Claim], outcome: Outcome) -> Outcome {
        let Outcome::Value(value) = &outcome else { return outcome };
        match claims.iter().find(|claim| !self.fits(&[**claim], value)) {
            None => outcome,
            Some(claim) => Outcome::Undecided(hard_keyword(self.graph, claim.node)),
        }
    }

    fn fits(&self, claims: &[Claim], value: &Value) -> bool {
        claims.iter().all(|claim| self.validator.accepts(claim.node, value) == claim.holds)
    }

    /// Adds the claims that follow directly, and removes those without effect. Returns `None` if two contradict each other.
    fn saturate(&self, claims: Claims) -> Option<Claims> {
        let mut pending = claims;
        let mut all = Claims::new();
        while let Some(claim) = pending.pop() {
            if all.contains(&claim) {
                continue;
            }
            let node = &self.graph[claim.node];
            match claim.holds {
                _ if node.is_any() && claim.holds => continue,
                false if node.is_any() => return None,
                true if node.kinds == Kinds::NONE => return None,
                false if node.kinds == Kinds::NONE => continue,
                true => {
                    pending.extend(node.all_of.iter().copied().map(Claim::holds));
                    pending.extend(node.not.map(Claim::fails));
                }
                false => {}
            }
            if all.contains(&claim.negated()) {
                return None;
            }
            all.push(claim);
        }
        all.sort_unstable();
        Some(all)
    }
}

/// A kind of value. Integers beyond ±(2^53−1) count as fractions, as in `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Null,
    Boolean,
    Integer,
    Fraction,
    Text,
    Array,
    Object,
}

impl Kind {
    const ALL: [Self; 7] =
        [Self::Null, Self::Boolean, Self::Integer, Self::Fraction, Self::Text, Self::Array, Self::Object];

    fn bits(self) -> Kinds {
        match self {
            Self::Null => Kinds::NULL,
            Self::Boolean => Kinds::BOOLEAN,
            Self::Integer => Kinds::INTEGER,
            Self::Fraction => Kinds::FRACTION,
            Self::Text => Kinds::STRING,
            Self::Array => Kinds::ARRAY,
            Self::Object => Kinds::OBJECT,
        }
    }
}

/// Returns the keyword of a schema that is hardest to reason about.
fn hard_keyword(graph: &Graph, root: NodeId) -> &'static str {
    let mut keywords = Vec::new();
    graph.visit_in_place(root, &mut |_, node: &Node| {
        let candidates = [
            ("unevaluatedProperties", node.unevaluated_properties.is_some()),
            ("unevaluatedItems", node.unevaluated_items.is_some()),
            ("uniqueItems", node.array.unique),
            ("contains", node.array.contains.is_some()),
            ("patternProperties", !node.object.patterns.is_empty()),
            ("propertyNames", node.object.names.is_some()),
            ("format", node.text.format.is_some()),
            ("pattern", node.text.pattern.is_some()),
            ("multipleOf", node.number.multiple_of.is_some()),
            ("oneOf", !node.one_of.is_empty()),
            ("if", node.condition.is_some()),
            ("not", node.not.is_some()),
        ];
        keywords.extend(candidates.into_iter().find(|(_, is_used)| *is_used).map(|(keyword, _)| keyword));
    });
    keywords.first().copied().unwrap_or("type")
}

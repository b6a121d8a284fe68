//! Searches for arrays.

use std::ops::Range;

use serde_json::{Value, json};

use super::cases::{Case, Violation};
use super::{Claim, Claims, Outcome, Solver};
use crate::compare::graph::{Node, NodeId};
use crate::model::Kinds;

/// The maximum number of items of an array to construct.
const MAX_ITEMS: usize = 2_000;
/// The maximum number of items to construct if they must satisfy `contains` or differ.
const MAX_SPECIAL_ITEMS: usize = 200;

/// The arrays that a case allows.
#[derive(Default)]
struct Limits {
    min: usize,
    max: Option<usize>,
    /// The number of first items that a schema describes apart from the others.
    prefix: usize,
    /// Claims, each about some item at a position or after it.
    obligations: Vec<(Position, Claim)>,
    /// Schemas that at least so many items satisfy.
    wanted: Vec<(NodeId, usize)>,
    /// Schemas that at most so many items satisfy.
    caps: Vec<(NodeId, usize)>,
    must_be_unique: bool,
    must_repeat: bool,
}

#[derive(Clone, Copy)]
enum Position {
    At(usize),
    From(usize),
}

impl Limits {
    fn want(&mut self, item: NodeId, count: usize) {
        let count = count.min(MAX_SPECIAL_ITEMS);
        match self.wanted.iter_mut().find(|(wanted, _)| *wanted == item) {
            Some((_, wanted)) => *wanted = count.max(*wanted),
            None => self.wanted.push((item, count)),
        }
    }

    fn at_most(&mut self, count: usize) {
        self.max = Some(self.max.map_or(count, |max| max.min(count)));
    }
}

impl Solver<'_> {
    pub(super) fn array(&mut self, case: &Case) -> Outcome {
        let Some(limits) = self.array_limits(case) else { return Outcome::Nothing };
        let wanted: usize = limits.wanted.iter().map(|(_, count)| count).sum();
        let more = limits.obligations.len() + wanted + 2 * usize::from(limits.must_repeat);
        let last = limits.prefix.max(limits.min) + more;
        let last = limits.max.map_or(last, |max| max.min(last));
        if limits.min > if limits.must_be_unique { MAX_SPECIAL_ITEMS } else { MAX_ITEMS } {
            return Outcome::Undecided("minItems");
        }
        let mut outcome = Outcome::Nothing;
        for length in limits.min..=last {
            let items = (0..length).map(|position| self.item_claims(case, position)).collect();
            outcome = outcome.or(|| self.place(items, &limits, &limits.obligations));
            if let Outcome::Value(_) = outcome {
                break;
            }
        }
        outcome
    }

    /// Returns `None` if no array has an allowed length.
    fn array_limits(&self, case: &Case) -> Option<Limits> {
        let mut limits = Limits::default();
        let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        for id in &case.nodes {
            let array = &self.graph[*id].array;
            limits.min = limits.min.max(count(array.min_items));
            if let Some(max) = array.max_items {
                limits.at_most(count(max));
            }
            limits.prefix = limits.prefix.max(array.prefix.len());
            limits.must_be_unique |= array.unique;
            if let Some(contains) = array.contains {
                limits.want(contains.item, count(contains.min));
                limits.caps.extend(contains.max.map(|max| (contains.item, count(max))));
            }
        }
        for violation in &case.violations {
            let array = |id: &NodeId| &self.graph[*id].array;
            match violation {
                Violation::Item(id, at) => {
                    limits.obligations.push((Position::At(*at), Claim::fails(array(id).prefix[*at])));
                    limits.prefix = limits.prefix.max(array(id).prefix.len());
                }
                Violation::RestItem(id) => {
                    let from = array(id).prefix.len();
                    limits.obligations.push((Position::From(from), Claim::fails(array(id).rest?)));
                    limits.prefix = limits.prefix.max(from);
                }
                Violation::UnevaluatedItem(id) => {
                    let evaluating = self.evaluating(*id, case, true);
                    let arrays = || evaluating.iter().map(|id| &self.graph[*id].array);
                    let others = evaluating.iter().filter(|evaluating| *evaluating != id);
                    if arrays().any(|array| array.rest.is_some())
                        || others.into_iter().any(|id| self.graph[*id].unevaluated_items.is_some())
                    {
                        return None;
                    }
                    let from = arrays().map(|array| array.prefix.len()).max().unwrap_or(0);
                    let unevaluated = self.graph[*id].unevaluated_items?;
                    limits.obligations.push((Position::From(from), Claim::fails(unevaluated)));
                    limits.prefix = limits.prefix.max(from);
                }
                Violation::MinItems(id) => limits.at_most(count(array(id).min_items).checked_sub(1)?),
                Violation::MaxItems(id) => {
                    limits.min = limits.min.max(count(array(id).max_items?).checked_add(1)?)
                }
                Violation::UniqueItems => limits.must_repeat = true,
                Violation::MinContains(id) => {
                    let contains = array(id).contains?;
                    limits.caps.push((contains.item, count(contains.min).checked_sub(1)?));
                }
                Violation::MaxContains(id) => {
                    let contains = array(id).contains?;
                    limits.want(contains.item, count(contains.max?).checked_add(1)?);
                }
                _ => {}
            }
        }
        let is_possible = limits.max.is_none_or(|max| limits.min <= max);
        Some(limits).filter(|limits| is_possible && !(limits.must_be_unique && limits.must_repeat))
    }

    /// Returns the claims about the item at a position.
    pub(super) fn item_claims(&self, case: &Case, position: usize) -> Claims {
        let mut claims = Claims::new();
        for id in &case.nodes {
            let Node { array, unevaluated_items, .. } = &self.graph[*id];
            claims.extend(array.at(position).map(Claim::holds));
            let unevaluated = unevaluated_items.filter(|_| !self.may_evaluate_item(case, *id, position));
            claims.extend(unevaluated.map(Claim::holds));
        }
        claims
    }

    /// Returns `true` if a schema, or one that applies to the same value, may evaluate an item.
    fn may_evaluate_item(&self, case: &Case, root: NodeId, position: usize) -> bool {
        self.evaluating(root, case, false).into_iter().any(|id| {
            let Node { array, unevaluated_items, .. } = &self.graph[id];
            array.at(position).is_some()
                || array.contains.is_some()
                || (id != root && unevaluated_items.is_some())
        })
    }

    /// Gives each obligation an item, in every way.
    fn place(&mut self, items: Vec<Claims>, limits: &Limits, obligations: &[(Position, Claim)]) -> Outcome {
        let Some(((position, claim), others)) = obligations.split_first() else {
            return self.satisfy(items, limits, &limits.wanted, 0);
        };
        self.cases += 1;
        if self.cases > super::MAX_CASES {
            return Outcome::Undecided("contains");
        }
        let candidates = match position {
            Position::At(at) => *at..items.len().min(at + 1),
            Position::From(from) => *from..items.len(),
        };
        let mut outcome = Outcome::Nothing;
        for (_, items) in self.with_claim(&items, limits, candidates, *claim) {
            outcome = outcome.or(|| self.place(items, limits, others));
        }
        outcome
    }

    /// Makes enough items satisfy each wanted schema, in every way. Items before `from` were considered already.
    fn satisfy(
        &mut self,
        items: Vec<Claims>,
        limits: &Limits,
        wanted: &[(NodeId, usize)],
        from: usize,
    ) -> Outcome {
        self.cases += 1;
        if self.cases > super::MAX_CASES {
            return Outcome::Undecided("contains");
        }
        let Some(((schema, count), others)) = wanted.split_first() else {
            return if limits.must_repeat {
                self.repeat(&items, limits)
            } else {
                self.complete(items, limits, &limits.caps, 0, 0)
            };
        };
        if *count == 0 {
            return self.satisfy(items, limits, others, 0);
        }
        let mut outcome = Outcome::Nothing;
        let still_wanted = [&[(*schema, count - 1)], others].concat();
        for (at, items) in self.with_claim(&items, limits, from..items.len(), Claim::holds(*schema)) {
            outcome = outcome.or(|| self.satisfy(items, limits, &still_wanted, at + 1));
        }
        outcome
    }

    /// Returns the ways to add a claim to one of the items, with the item's position.
    fn with_claim(
        &mut self,
        items: &[Claims],
        limits: &Limits,
        candidates: Range<usize>,
        claim: Claim,
    ) -> Vec<(usize, Vec<Claims>)> {
        let mut ways = Vec::new();
        let mut tried: Vec<&Claims> = Vec::new();
        for at in candidates {
            // Items of one schema are alike until one of them has a claim of its own.
            if at >= limits.prefix && tried.contains(&&items[at]) {
                continue;
            }
            tried.push(&items[at]);
            let mut items = items.to_vec();
            items[at].push(claim);
            if self.solve(items[at].clone()) != Outcome::Nothing {
                ways.push((at, items));
            }
        }
        ways
    }

    /// Makes two items equal, in every way.
    fn repeat(&mut self, items: &[Claims], limits: &Limits) -> Outcome {
        let mut outcome = Outcome::Nothing;
        let mut tried: Vec<[&Claims; 2]> = Vec::new();
        for (one, other) in (1..items.len()).flat_map(|other| (0..other).map(move |one| (one, other))) {
            let pair = [&items[one], &items[other]];
            if tried.contains(&pair) {
                continue;
            }
            tried.push(pair);
            let Some(both) = self.saturate(pair.map(Clone::clone).concat()) else { continue };
            let mut items = items.to_vec();
            (items[one], items[other]) = (both.clone(), both);
            outcome = outcome.or(|| self.complete(items, limits, &limits.caps, 0, 0));
        }
        outcome
    }

    /// Keeps the number of items within each cap, in every way, and searches for the items. Items before `from` were
    /// considered already for the first cap.
    fn complete(
        &mut self,
        mut items: Vec<Claims>,
        limits: &Limits,
        caps: &[(NodeId, usize)],
        mut from: usize,
        mut satisfying: usize,
    ) -> Outcome {
        let Some(((schema, max), others)) = caps.split_first() else { return self.fill(&items, limits) };
        // Without other caps, an item that may violate the schema need not satisfy it.
        let is_independent = others.is_empty() && !limits.must_be_unique && !limits.must_repeat;
        while from < items.len() {
            let mut violating = items[from].clone();
            violating.push(Claim::fails(*schema));
            if self.solve(violating.clone()) == Outcome::Nothing {
                satisfying += 1;
                if satisfying > *max {
                    return Outcome::Nothing;
                }
            } else if is_independent || satisfying == *max {
                items[from] = violating;
            } else {
                self.cases += 1;
                if self.cases > super::MAX_CASES {
                    return Outcome::Undecided("maxContains");
                }
                let mut choice = items.clone();
                choice[from] = violating;
                let outcome = self.complete(choice, limits, caps, from + 1, satisfying);
                return outcome.or(|| self.complete(items, limits, caps, from + 1, satisfying + 1));
            }
            from += 1;
        }
        self.complete(items, limits, others, 0, 0)
    }

    /// Searches for the items.
    fn fill(&mut self, items: &[Claims], limits: &Limits) -> Outcome {
        let mut values: Vec<Value> = Vec::new();
        let mut undecided = None;
        for claims in items {
            match self.solve(claims.clone()) {
                Outcome::Value(value) if limits.must_be_unique && values.contains(&value) => {
                    match self.another(claims, &value, &values) {
                        Some(value) => values.push(value),
                        None if self.are_too_many(items, claims) => return Outcome::Nothing,
                        None => undecided = Some("uniqueItems"),
                    }
                }
                Outcome::Value(value) => values.push(value),
                Outcome::Nothing => return Outcome::Nothing,
                Outcome::Undecided(keyword) => undecided = Some(keyword),
            }
        }
        undecided.map_or(Outcome::Value(Value::Array(values)), Outcome::Undecided)
    }

    /// Returns a value like another one that is not among these.
    fn another(&self, claims: &Claims, value: &Value, used: &[Value]) -> Option<Value> {
        let listed = self.listed_values(claims).unwrap_or_default();
        let plain = [json!(null), json!(true), json!(false), json!(0), json!(""), json!([]), json!({})];
        let varied = variants(value, used.len() + 1, 2);
        listed
            .into_iter()
            .chain(varied)
            .chain(plain)
            .find(|value| !used.contains(value) && self.fits(claims, value))
    }

    /// Returns `true` if more items must have one of a few values than there are such values.
    fn are_too_many(&self, items: &[Claims], claims: &Claims) -> bool {
        let Some(values) = self.listed_values(claims) else { return false };
        let is_listed = |claims: &&Claims| {
            let own = self.listed_values(claims);
            own.is_some_and(|own| own.iter().all(|value| values.contains(value)))
        };
        items.iter().filter(is_listed).count() > values.len()
    }

    /// Returns all values with some claims, if they are listed or of kinds with few values.
    fn listed_values(&self, claims: &Claims) -> Option<Vec<Value>> {
        let claims = self.saturate(claims.clone())?;
        let nodes = || claims.iter().filter(|claim| claim.holds).map(|claim| &self.graph[claim.node]);
        let listed = nodes().find_map(|node| node.values.clone());
        let few = Kinds::NULL.or(Kinds::BOOLEAN);
        let kinds = nodes().fold(Kinds::ANY, |kinds, node| kinds.and(node.kinds));
        let values =
            listed.or_else(|| few.contains(kinds).then(|| vec![json!(null), json!(true), json!(false)]))?;
        Some(values.into_iter().filter(|value| self.fits(&claims, value)).collect())
    }
}

/// Returns values like another one, which differ in one part at most so many levels below it.
fn variants(value: &Value, count: usize, levels: usize) -> Vec<Value> {
    let below = |part: &Value| {
        let deeper = levels.checked_sub(1).map(|levels| variants(part, count, levels));
        deeper.unwrap_or_default().into_iter().take(count + 8)
    };
    match value {
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or_default();
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            let steps = (1..=count).map(f64::from).flat_map(|step| [number + step, number - step]);
            steps.map(super::numbers::to_json).collect()
        }
        Value::String(text) => {
            let mut start = text.clone();
            start.pop();
            let letters = ('a'..='z').chain('0'..='9').map(|letter| json!(format!("{start}{letter}")));
            (0..=count).map(|number| json!(format!("{text}{number}"))).chain(letters).collect()
        }
        Value::Array(items) => {
            let with_item = items.iter().enumerate().flat_map(|(at, item)| {
                below(item).map(move |item| {
                    let mut items = items.clone();
                    items[at] = item;
                    Value::Array(items)
                })
            });
            let last = items.last().cloned().unwrap_or_default();
            let longer = (1..=count).map(|more| {
                let repeated = std::iter::repeat_n(last.clone(), more);
                items.iter().cloned().chain(repeated).collect()
            });
            with_item.chain(longer).collect()
        }
        Value::Object(members) => {
            let with = |name: &str, member: Value| {
                let mut members = members.clone();
                members.insert(name.to_owned(), member);
                Value::Object(members)
            };
            let with_member =
                members.iter().flat_map(|(name, member)| below(member).map(move |member| with(name, member)));
            let larger = (0..=count).map(|number| with(&format!("value{number}"), json!(number)));
            with_member.chain(larger).collect()
        }
        Value::Null | Value::Bool(_) => Vec::new(),
    }
}

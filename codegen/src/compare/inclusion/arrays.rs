//! Searches for arrays.

use std::ops::Range;

use serde_json::{Value, json};

use super::cases::{Case, Violation};
use super::{Claim, Claims, Outcome, Solver};
use crate::compare::graph::{Node, NodeId};
use crate::model::Kinds;

/// The maximum number of items of an array to construct.
const MAX_ITEMS: usize = 2_000;

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
        let count = count.min(MAX_ITEMS);
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
        if limits.min > MAX_ITEMS {
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
            array.max_items.into_iter().for_each(|max| limits.at_most(count(max)));
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
                    let mut evaluating = Vec::new();
                    self.conjuncts(*id, &mut evaluating);
                    let arrays = || evaluating.iter().map(|id| &self.graph[*id].array);
                    if arrays().any(|array| array.rest.is_some()) {
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
        Some(limits).filter(|limits| limits.max.is_none_or(|max| limits.min <= max))
    }

    /// Returns the claims about the item at a position.
    pub(super) fn item_claims(&self, case: &Case, position: usize) -> Claims {
        let mut claims = Claims::new();
        for id in &case.nodes {
            let Node { array, unevaluated_items, .. } = &self.graph[*id];
            claims.extend(array.at(position).map(Claim::holds));
            let unevaluated = unevaluated_items.filter(|_| !self.may_evaluate_item(*id, position));
            claims.extend(unevaluated.map(Claim::holds));
        }
        claims
    }

    /// Returns `true` if a schema, or one that applies to the same value, may evaluate an item.
    fn may_evaluate_item(&self, root: NodeId, position: usize) -> bool {
        let mut may = false;
        self.graph.visit_in_place(root, &mut |id, node| {
            may |= node.array.at(position).is_some()
                || node.array.contains.is_some()
                || (id != root && node.unevaluated_items.is_some());
        });
        may
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
                self.complete(items, limits)
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
        let some = items.len().min(limits.prefix + limits.obligations.len() + 2);
        for (one, other) in (1..some).flat_map(|other| (0..other).map(move |one| (one, other))) {
            let mut items = items.to_vec();
            let both = [items[one].clone(), items[other].clone()].concat();
            let Some(both) = self.saturate(both) else { continue };
            (items[one], items[other]) = (both.clone(), both);
            outcome = outcome.or(|| self.complete(items, limits));
        }
        outcome
    }

    /// Searches for the items.
    fn complete(&mut self, mut items: Vec<Claims>, limits: &Limits) -> Outcome {
        for (schema, max) in &limits.caps {
            let mut satisfying = 0;
            for claims in &mut items {
                let mut others = claims.clone();
                others.push(Claim::fails(*schema));
                if self.solve(others.clone()) == Outcome::Nothing {
                    satisfying += 1;
                } else {
                    *claims = others;
                }
            }
            if satisfying > *max {
                return Outcome::Nothing;
            }
        }
        let mut values: Vec<Value> = Vec::new();
        let mut undecided = None;
        for claims in &items {
            match self.solve(claims.clone()) {
                Outcome::Value(value) if limits.must_be_unique && values.contains(&value) => {
                    match self.another(claims, &value, &values) {
                        Some(value) => values.push(value),
                        None if self.are_too_many(&items, claims) => return Outcome::Nothing,
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
        let count = i64::try_from(used.len()).ok()? + 1;
        let varied: Vec<Value> = match value {
            Value::Number(number) => {
                let number = number.as_f64()?;
                #[expect(clippy::cast_precision_loss, reason = "a small count")]
                let steps = (1..=count).flat_map(|step| [number + step as f64, number - step as f64]);
                steps.map(|number| super::numbers::to_json(number)).collect()
            }
            Value::String(text) => (0..=count).map(|number| json!(format!("{text}{number}"))).collect(),
            _ => vec![json!(null), json!(true), json!(false), json!(0), json!(""), json!([]), json!({})],
        };
        listed.into_iter().chain(varied).find(|value| !used.contains(value) && self.fits(claims, value))
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

//! Splits claims about values of one kind into cases without applicators.

use serde_json::Value;

use super::name_limits::NameLimits;
use super::{Claim, Claims, Kind, MAX_CASES, Outcome, Solver, TOO_MUCH};
use crate::compare::graph::{Members, NodeId};
use crate::lower::is_of_kind;
use crate::model::Kinds;

/// Values of one kind, and what is known about them.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) kind: Kind,
    /// The claims that are not split yet.
    pending: Vec<Claim>,
    /// The claims that hold, split or not.
    pub(super) claims: Vec<Claim>,
    /// Alternatives, one of which must hold.
    choices: Vec<Vec<Facts>>,
    /// The schemas whose own keywords hold.
    pub(super) nodes: Vec<NodeId>,
    pub(super) violations: Vec<Violation>,
    pub(super) present: Vec<String>,
    pub(super) absent: Vec<String>,
    /// The schemas whose unevaluated parts are known.
    pub(super) decided: Vec<NodeId>,
    /// For names of properties.
    pub(super) name_limits: NameLimits,
}

impl Case {
    pub(super) fn new(kind: Kind, claims: Claims) -> Self {
        Self {
            kind,
            pending: claims.clone(),
            claims,
            choices: Vec::new(),
            nodes: Vec::new(),
            violations: Vec::new(),
            present: Vec::new(),
            absent: Vec::new(),
            decided: Vec::new(),
            name_limits: NameLimits::default(),
        }
    }

    /// Adds alternatives, one of which must hold.
    pub(super) fn choose(&mut self, choice: Vec<Facts>) {
        self.choices.push(choice);
    }

    fn add(&mut self, facts: Facts) {
        for claim in facts.claims {
            if !self.claims.contains(&claim) {
                self.claims.push(claim);
                self.pending.push(claim);
            }
        }
        self.violations.extend(facts.violations);
        self.present.extend(facts.present);
        self.absent.extend(facts.absent);
    }
}

/// One of several alternatives for the values of a case.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    claims: Vec<Claim>,
    violations: Vec<Violation>,
    present: Vec<String>,
    absent: Vec<String>,
}

impl Facts {
    pub(super) fn claims(claims: impl IntoIterator<Item = Claim>) -> Self {
        Self { claims: claims.into_iter().collect(), ..Self::default() }
    }

    fn violation(violation: Violation) -> Self {
        Self { violations: vec![violation], ..Self::default() }
    }
}

/// A keyword of a schema that the value violates.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Violation {
    /// `enum` and `const`.
    Values(NodeId),
    Minimum(NodeId),
    Maximum(NodeId),
    ExclusiveMinimum(NodeId),
    ExclusiveMaximum(NodeId),
    MultipleOf(NodeId),
    MinLength(NodeId),
    MaxLength(NodeId),
    Pattern(NodeId),
    Format(NodeId),
    /// The item at a position of `prefixItems`.
    Item(NodeId, usize),
    /// An item after those of `prefixItems`.
    RestItem(NodeId),
    MinItems(NodeId),
    MaxItems(NodeId),
    UniqueItems,
    MinContains(NodeId),
    MaxContains(NodeId),
    UnevaluatedItem(NodeId),
    /// A declared property.
    Property(NodeId, String),
    /// A property whose name matches the pattern with this index.
    PatternProperty(NodeId, usize),
    /// A property that is not declared.
    OtherProperty(NodeId),
    PropertyName(NodeId),
    MinProperties(NodeId),
    MaxProperties(NodeId),
    UnevaluatedProperty(NodeId),
}

impl Solver<'_> {
    /// Splits a case until none of its claims has an applicator, and searches for a value.
    pub(super) fn expand(&mut self, mut case: Case) -> Outcome {
        self.cases += 1;
        if self.cases > MAX_CASES {
            return Outcome::Undecided(TOO_MUCH);
        }
        loop {
            while let Some(claim) = case.pending.pop() {
                let is_possible = if claim.holds {
                    self.assume(claim.node, &mut case)
                } else {
                    self.refute(claim.node, &mut case)
                };
                if !is_possible || case.claims.contains(&claim.negated()) {
                    return Outcome::Nothing;
                }
            }
            self.decide_evaluation(&mut case);
            let choices = std::mem::take(&mut case.choices);
            for choice in choices {
                let choice: Vec<Facts> =
                    choice.into_iter().filter_map(|facts| self.possible(facts, &case)).collect();
                // Without any fact, an alternative holds already.
                if !choice.iter().any(Facts::is_empty) {
                    case.choices.push(choice);
                }
            }
            if case.choices.iter().any(Vec::is_empty) {
                return Outcome::Nothing;
            }
            let Some(shortest) = (0..case.choices.len()).min_by_key(|at| case.choices[*at].len()) else {
                let outcome = self.leaf(&case);
                return self.checked(&case.claims, outcome);
            };
            let mut choice = case.choices.swap_remove(shortest);
            if choice.len() == 1 {
                case.add(choice.remove(0));
                continue;
            }
            let mut choice = self.promising(choice, &case);
            if choice.len() == 1 {
                case.add(choice.remove(0));
                continue;
            }
            let mut outcome = Outcome::Nothing;
            for facts in choice {
                let mut alternative = case.clone();
                alternative.add(facts);
                outcome = outcome.or(|| self.expand(alternative));
            }
            return outcome;
        }
    }

    fn leaf(&mut self, case: &Case) -> Outcome {
        let listed = case.nodes.iter().filter_map(|id| self.graph[*id].values.as_ref());
        if let Some(values) = listed.min_by_key(|values| values.len()) {
            let is_name = |value: &Value| {
                value.as_str().is_none_or(|text| case.name_limits.allow(text, |source| self.regex(source)))
            };
            let fits = values.iter().find(|value| self.fits(&case.claims, value) && is_name(value));
            return fits.map_or(Outcome::Nothing, |value| Outcome::Value(value.clone()));
        }
        match case.kind {
            Kind::Integer | Kind::Fraction => self.number(case),
            Kind::Text => self.text(case),
            Kind::Array => self.array(case),
            Kind::Object => self.object(case),
            Kind::Null | Kind::Boolean => Outcome::Undecided("type"),
        }
    }

    /// Adds what follows if a schema holds. Returns `false` if that is impossible.
    fn assume(&self, id: NodeId, case: &mut Case) -> bool {
        let node = &self.graph[id];
        if !node.kinds.contains(case.kind.bits()) {
            return false;
        }
        case.nodes.push(id);
        case.add(Facts::claims(
            node.all_of.iter().copied().map(Claim::holds).chain(node.not.map(Claim::fails)),
        ));
        let mut choose = |choice: Vec<Facts>| case.choices.push(choice);
        if !node.any_of.is_empty() {
            choose(node.any_of.iter().map(|id| Facts::claims([Claim::holds(*id)])).collect());
        }
        if !node.one_of.is_empty() {
            let only = |at: usize| {
                let claims = node.one_of.iter().enumerate();
                Facts::claims(claims.map(|(other, id)| Claim { node: *id, holds: at == other }))
            };
            choose((0..node.one_of.len()).map(only).collect());
        }
        if let Some(condition) = &node.condition {
            choose(vec![
                Facts::claims([Claim::holds(condition.test), Claim::holds(condition.then)]),
                Facts::claims([Claim::fails(condition.test), Claim::holds(condition.otherwise)]),
            ]);
        }
        if case.kind == Kind::Object {
            let absent = |name: &String| Facts { absent: vec![name.clone()], ..Facts::default() };
            for (trigger, needed) in &node.object.dependent_required {
                let present = Facts { present: needed.clone(), ..Facts::default() };
                case.choices.push(vec![absent(trigger), present]);
            }
            for (trigger, schema) in &node.object.dependent_schemas {
                case.choices.push(vec![absent(trigger), Facts::claims([Claim::holds(*schema)])]);
            }
        }
        true
    }

    /// Adds the ways in which a schema can fail. Returns `false` if there is none.
    fn refute(&self, id: NodeId, case: &mut Case) -> bool {
        let node = &self.graph[id];
        if !node.kinds.contains(case.kind.bits()) {
            return true;
        }
        let mut ways = Vec::new();
        if let Some(values) = &node.values {
            if !values.iter().any(|value| is_of_case(value, case.kind)) {
                return true;
            }
            ways.push(Facts::violation(Violation::Values(id)));
        }
        ways.extend(self.violations(id, case.kind).into_iter().map(Facts::violation));
        ways.extend(node.all_of.iter().map(|id| Facts::claims([Claim::fails(*id)])));
        for alternatives in [&node.any_of, &node.one_of] {
            if !alternatives.is_empty() {
                ways.push(Facts::claims(alternatives.iter().copied().map(Claim::fails)));
            }
        }
        for (at, one) in node.one_of.iter().enumerate() {
            let others = node.one_of[at + 1..].iter();
            ways.extend(others.map(|other| Facts::claims([Claim::holds(*one), Claim::holds(*other)])));
        }
        ways.extend(node.not.map(|id| Facts::claims([Claim::holds(id)])));
        if let Some(condition) = &node.condition {
            ways.push(Facts::claims([Claim::holds(condition.test), Claim::fails(condition.then)]));
            ways.push(Facts::claims([Claim::fails(condition.test), Claim::fails(condition.otherwise)]));
        }
        if case.kind == Kind::Object {
            ways.extend(missing_properties(&node.object));
        }
        case.choices.push(ways);
        true
    }

    /// Returns the keywords for one kind that a value can violate.
    fn violations(&self, id: NodeId, kind: Kind) -> Vec<Violation> {
        let node = &self.graph[id];
        let mut violations = Vec::new();
        let mut add = |is_set: bool, violation: Violation| violations.extend(is_set.then_some(violation));
        match kind {
            Kind::Null | Kind::Boolean => {}
            Kind::Integer | Kind::Fraction => {
                let number = &node.number;
                add(number.minimum.is_some(), Violation::Minimum(id));
                add(number.maximum.is_some(), Violation::Maximum(id));
                add(number.exclusive_minimum.is_some(), Violation::ExclusiveMinimum(id));
                add(number.exclusive_maximum.is_some(), Violation::ExclusiveMaximum(id));
                add(number.multiple_of.is_some(), Violation::MultipleOf(id));
            }
            Kind::Text => {
                let text = &node.text;
                add(text.min_length.is_some(), Violation::MinLength(id));
                add(text.max_length.is_some(), Violation::MaxLength(id));
                add(text.pattern.is_some(), Violation::Pattern(id));
                add(text.format.is_some(), Violation::Format(id));
            }
            Kind::Array => {
                let array = &node.array;
                (0..array.prefix.len()).for_each(|at| add(true, Violation::Item(id, at)));
                add(array.rest.is_some(), Violation::RestItem(id));
                add(array.min_items > 0, Violation::MinItems(id));
                add(array.max_items.is_some(), Violation::MaxItems(id));
                add(array.unique, Violation::UniqueItems);
                add(array.contains.is_some_and(|contains| contains.min > 0), Violation::MinContains(id));
                add(
                    array.contains.is_some_and(|contains| contains.max.is_some()),
                    Violation::MaxContains(id),
                );
                add(node.unevaluated_items.is_some(), Violation::UnevaluatedItem(id));
            }
            Kind::Object => {
                let object = &node.object;
                for (name, _) in &object.properties {
                    add(true, Violation::Property(id, name.clone()));
                }
                (0..object.patterns.len()).for_each(|at| add(true, Violation::PatternProperty(id, at)));
                add(object.others.is_some(), Violation::OtherProperty(id));
                add(object.names.is_some(), Violation::PropertyName(id));
                add(object.min_properties > 0, Violation::MinProperties(id));
                add(object.max_properties.is_some(), Violation::MaxProperties(id));
                add(node.unevaluated_properties.is_some(), Violation::UnevaluatedProperty(id));
            }
        }
        violations
    }

    /// Returns an alternative without the claims that hold anyway, or `None` if it contradicts what is known.
    fn possible(&self, mut facts: Facts, case: &Case) -> Option<Facts> {
        let mut kept = Vec::new();
        for claim in facts.claims {
            if case.claims.contains(&claim.negated()) {
                return None;
            }
            let node = &self.graph[claim.node];
            let is_disjoint = !node.kinds.contains(case.kind.bits()) || self.is_disjoint(claim.node, case);
            match (claim.holds, is_disjoint) {
                (true, true) => return None,
                (false, true) => {}
                (false, false) if node.is_any() => return None,
                _ if case.claims.contains(&claim) => {}
                _ => kept.push(claim),
            }
        }
        facts.claims = kept;
        let is_required = |name: &String| {
            case.present.contains(name)
                || case.nodes.iter().any(|id| self.graph[*id].object.required.contains(name))
        };
        if facts.absent.iter().any(is_required) || facts.present.iter().any(|name| case.absent.contains(name))
        {
            return None;
        }
        facts.absent.retain(|name| !case.absent.contains(name));
        facts.present.retain(|name| !is_required(name));
        Some(facts)
    }

    /// Removes the alternatives that a single property or item rules out.
    fn promising(&mut self, choice: Vec<Facts>, case: &Case) -> Vec<Facts> {
        choice
            .into_iter()
            .filter(|facts| {
                let [violation] = facts.violations.as_slice() else { return true };
                let claims = match violation {
                    Violation::Property(id, name) => {
                        self.property_claims(case, name).zip(self.graph[*id].object.property(name))
                    }
                    Violation::Item(id, at) => {
                        Some((self.item_claims(case, *at), self.graph[*id].array.prefix[*at]))
                    }
                    _ => return true,
                };
                let Some((mut claims, violated)) = claims else { return false };
                claims.push(Claim::fails(violated));
                self.solve(claims) != Outcome::Nothing
            })
            .collect()
    }

    /// Returns `true` if a property obviously tells the values of a schema from those of a case: a tag, for example.
    fn is_disjoint(&self, id: NodeId, case: &Case) -> bool {
        if case.kind != Kind::Object {
            return false;
        }
        let mut parts = Vec::new();
        self.conjuncts(id, &mut parts);
        let requires = |name: &String| {
            let own = parts.iter().any(|part| self.graph[*part].object.required.contains(name));
            own || case.present.contains(name)
                || case.nodes.iter().any(|id| self.graph[*id].object.required.contains(name))
        };
        let properties = parts.iter().flat_map(|part| &self.graph[*part].object.properties);
        properties.filter(|(name, _)| requires(name)).any(|(name, property)| {
            let known = case.nodes.iter().filter_map(|id| self.graph[*id].object.property(name));
            known.into_iter().any(|known| self.are_disjoint(known, *property))
        })
    }

    /// Returns `true` if two schemas obviously have no value in common.
    fn are_disjoint(&self, one: NodeId, other: NodeId) -> bool {
        let (one_node, other_node) = (&self.graph[one], &self.graph[other]);
        let rejects = |values: &Option<Vec<Value>>, by: NodeId| {
            values
                .as_ref()
                .is_some_and(|values| values.iter().all(|value| !self.validator.accepts(by, value)))
        };
        one_node.kinds.and(other_node.kinds) == Kinds::NONE
            || rejects(&one_node.values, other)
            || rejects(&other_node.values, one)
    }

    /// Adds a schema, and those that must hold with it.
    pub(super) fn conjuncts(&self, id: NodeId, found: &mut Vec<NodeId>) {
        if found.contains(&id) {
            return;
        }
        found.push(id);
        self.graph[id].all_of.iter().for_each(|id| self.conjuncts(*id, found));
    }
}

impl Facts {
    fn is_empty(&self) -> bool {
        self.claims.is_empty()
            && self.violations.is_empty()
            && self.present.is_empty()
            && self.absent.is_empty()
    }
}

/// Returns the ways in which a property can be missing.
fn missing_properties(object: &Members) -> Vec<Facts> {
    let absent = |name: &String| Facts { absent: vec![name.clone()], ..Facts::default() };
    let required = object.required.iter().map(absent);
    let dependent = object.dependent_required.iter().flat_map(|(trigger, needed)| {
        needed.iter().map(|name| Facts { present: vec![trigger.clone()], ..absent(name) })
    });
    let schemas = object.dependent_schemas.iter().map(|(trigger, schema)| Facts {
        present: vec![trigger.clone()],
        ..Facts::claims([Claim::fails(*schema)])
    });
    required.chain(dependent).chain(schemas).collect()
}

fn is_of_case(value: &Value, kind: Kind) -> bool {
    match kind {
        Kind::Fraction => value.is_number() && !is_of_kind(value, Kinds::INTEGER),
        kind => is_of_kind(value, kind.bits()),
    }
}

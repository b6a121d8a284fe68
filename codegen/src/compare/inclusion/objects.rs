//! Searches for objects.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::cases::{Case, Violation};
use super::name_limits::NameLimits;
use super::{Claim, Claims, Outcome, Solver};
use crate::compare::graph::{Node, NodeId};

/// The maximum number of properties to construct because there must be so many.
const MAX_PROPERTIES: usize = 200;

/// Properties, with the claims about their values.
type Properties = BTreeMap<String, Claims>;

/// A property that an object must have.
struct Obligation {
    name: NameOf,
    /// The claim about the value.
    value: Option<Claim>,
}

/// The name of the property of an obligation.
enum NameOf {
    Exactly(String),
    Any(NameLimits),
}

impl Solver<'_> {
    pub(super) fn object(&mut self, case: &Case) -> Outcome {
        let mut properties = Properties::new();
        let required = case.nodes.iter().flat_map(|id| &self.graph[*id].object.required).chain(&case.present);
        for name in required {
            let Some(claims) = self.property_claims(case, name) else { return Outcome::Nothing };
            properties.insert(name.clone(), claims);
        }
        let (mut min, mut max) = (0, usize::MAX);
        let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        for id in &case.nodes {
            let object = &self.graph[*id].object;
            min = min.max(count(object.min_properties));
            max = max.min(object.max_properties.map_or(usize::MAX, count));
        }
        let mut obligations = Vec::new();
        for violation in &case.violations {
            match violation {
                Violation::MinProperties(id) => {
                    max = max.min(count(self.graph[*id].object.min_properties).saturating_sub(1));
                }
                Violation::MaxProperties(id) => {
                    let limit = self.graph[*id].object.max_properties.map_or(usize::MAX, count);
                    min = min.max(limit.saturating_add(1));
                }
                violation => match self.obligation(case, violation) {
                    Some(obligation) => obligations.push(obligation),
                    None => return Outcome::Nothing,
                },
            }
        }
        self.assign(case, properties, &obligations, (min, max))
    }

    /// Returns the claims about a property, or `None` if it must be absent.
    pub(super) fn property_claims(&self, case: &Case, name: &str) -> Option<Claims> {
        if case.absent.iter().any(|absent| absent == name) {
            return None;
        }
        let mut claims = Claims::new();
        for id in &case.nodes {
            let Node { object, unevaluated_properties, .. } = &self.graph[*id];
            if object.names.is_some_and(|names| !self.validator.accepts(names, &json!(name))) {
                return None;
            }
            let declared = object.property(name);
            let patterns = object.patterns.iter().filter(|(pattern, _)| self.matches(pattern, name));
            let mut own: Vec<NodeId> = declared.into_iter().chain(patterns.map(|(_, node)| *node)).collect();
            if own.is_empty() {
                own.extend(object.others);
            }
            own.extend(unevaluated_properties.filter(|_| !self.may_evaluate_property(case, *id, name)));
            claims.extend(own.into_iter().map(Claim::holds));
        }
        self.saturate(claims)
    }

    fn matches(&self, pattern: &str, name: &str) -> bool {
        self.regex(pattern).is_some_and(|regex| regex.is_match(name))
    }

    /// Returns `true` if a schema, or one that applies to the same value, may evaluate a property.
    fn may_evaluate_property(&self, case: &Case, root: NodeId, name: &str) -> bool {
        self.evaluating(root, case, false).into_iter().any(|id| {
            let Node { object, unevaluated_properties, .. } = &self.graph[id];
            object.property(name).is_some()
                || object.others.is_some()
                || object.patterns.iter().any(|(pattern, _)| self.matches(pattern, name))
                || (id != root && unevaluated_properties.is_some())
        })
    }

    /// Returns the property that violates a keyword, or `None` if none can.
    fn obligation(&self, case: &Case, violation: &Violation) -> Option<Obligation> {
        let undeclared = |ids: &[NodeId]| {
            let objects = || ids.iter().map(|id| &self.graph[*id].object);
            let patterns = objects().flat_map(|object| &object.patterns);
            let properties = objects().flat_map(|object| &object.properties);
            NameOf::Any(NameLimits {
                not_matching: patterns.map(|(pattern, _)| pattern.clone()).collect(),
                excluded: properties.map(|(name, _)| name.clone()).collect(),
                ..NameLimits::default()
            })
        };
        let (name, value) = match violation {
            Violation::Property(id, name) => {
                (NameOf::Exactly(name.clone()), self.graph[*id].object.property(name)?)
            }
            Violation::PatternProperty(id, at) => {
                let (pattern, value) = &self.graph[*id].object.patterns[*at];
                (NameOf::Any(NameLimits { matching: vec![pattern.clone()], ..NameLimits::default() }), *value)
            }
            Violation::OtherProperty(id) => (undeclared(&[*id]), self.graph[*id].object.others?),
            Violation::UnevaluatedProperty(id) => {
                // A value that violates `allOf` or an own keyword of the schema is another case.
                let evaluating = self.evaluating(*id, case, true);
                let is_complete = |evaluating: &NodeId| {
                    let Node { object, unevaluated_properties, .. } = &self.graph[*evaluating];
                    object.others.is_some() || (evaluating != id && unevaluated_properties.is_some())
                };
                if evaluating.iter().any(is_complete) {
                    return None;
                }
                (undeclared(&evaluating), self.graph[*id].unevaluated_properties?)
            }
            Violation::PropertyName(id) => {
                let claims = vec![Claim::fails(self.graph[*id].object.names?)];
                let name = NameOf::Any(NameLimits { claims, ..NameLimits::default() });
                return Some(Obligation { name, value: None });
            }
            _ => return None,
        };
        Some(Obligation { name, value: Some(Claim::fails(value)) })
    }

    /// Gives each obligation a property, in every way.
    fn assign(
        &mut self,
        case: &Case,
        properties: Properties,
        obligations: &[Obligation],
        counts: (usize, usize),
    ) -> Outcome {
        let Some((obligation, others)) = obligations.split_first() else {
            return self.finish(case, properties, counts);
        };
        let mut outcome = Outcome::Nothing;
        let names = match &obligation.name {
            NameOf::Exactly(name) => vec![name.clone()],
            NameOf::Any(limits) => {
                let known = self.known_names(case, &properties);
                let fresh = NameLimits {
                    excluded: limits.excluded.iter().chain(&known).cloned().collect(),
                    ..limits.clone()
                };
                let fresh = self.fresh_names(case, &fresh);
                outcome = fresh.undecided.map_or(Outcome::Nothing, Outcome::Undecided);
                let may_be = |name: &String| {
                    limits.allow(name, |source| self.regex(source)) && self.fits(&limits.claims, &json!(name))
                };
                fresh.names.into_iter().chain(known.into_iter().filter(may_be)).collect()
            }
        };
        for name in names {
            let known = properties.get(&name).cloned();
            let Some(mut claims) = known.or_else(|| self.property_claims(case, &name)) else { continue };
            claims.extend(obligation.value);
            if self.solve(claims.clone()) == Outcome::Nothing {
                continue;
            }
            let mut properties = properties.clone();
            properties.insert(name, claims);
            outcome = outcome.or(|| self.assign(case, properties, others, counts));
        }
        outcome
    }

    /// Returns the names that a case mentions.
    fn known_names(&self, case: &Case, properties: &Properties) -> Vec<String> {
        let declared = case.nodes.iter().flat_map(|id| &self.graph[*id].object.properties);
        let violated = case.violations.iter().filter_map(Violation::object);
        let violated = violated.flat_map(|id| &self.graph[id].object.properties);
        let declared = declared.chain(violated).map(|(name, _)| name);
        let mut names: Vec<String> = properties.keys().chain(declared).chain(&case.absent).cloned().collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Searches for the values of the properties, and for more properties if there must be more.
    fn finish(&mut self, case: &Case, properties: Properties, (min, max): (usize, usize)) -> Outcome {
        if properties.len() > max || min > max {
            return Outcome::Nothing;
        }
        if min > MAX_PROPERTIES {
            return Outcome::Undecided("minProperties");
        }
        let mut undecided = None;
        let mut object = Map::new();
        let mut used = properties.clone();
        for (name, claims) in properties {
            match self.solve(claims) {
                Outcome::Value(value) => drop(object.insert(name, value)),
                Outcome::Nothing => return Outcome::Nothing,
                Outcome::Undecided(keyword) => undecided = Some(keyword),
            }
        }
        if let Some(keyword) = undecided {
            return Outcome::Undecided(keyword);
        }
        for name in self.known_names(case, &used) {
            if object.len() >= min {
                break;
            }
            if used.contains_key(&name) {
                continue;
            }
            let Some(claims) = self.property_claims(case, &name) else { continue };
            match self.solve(claims.clone()) {
                Outcome::Value(value) => {
                    object.insert(name.clone(), value);
                    used.insert(name, claims);
                }
                Outcome::Nothing => {}
                Outcome::Undecided(keyword) => undecided = Some(keyword),
            }
        }
        while object.len() < min {
            let excluded = self.known_names(case, &used);
            let fresh = self.fresh_names(case, &NameLimits { excluded, ..NameLimits::default() });
            undecided = undecided.or(fresh.undecided);
            let mut is_longer = false;
            for name in fresh.names {
                let Some(claims) = self.property_claims(case, &name) else { continue };
                match self.solve(claims.clone()) {
                    Outcome::Value(value) => {
                        object.insert(name.clone(), value);
                        used.insert(name, claims);
                        is_longer = true;
                        break;
                    }
                    Outcome::Nothing => {}
                    Outcome::Undecided(keyword) => undecided = Some(keyword),
                }
            }
            if !is_longer {
                return undecided.map_or(Outcome::Nothing, Outcome::Undecided);
            }
            self.cases += 1;
            if self.cases > super::MAX_CASES {
                return Outcome::Undecided("minProperties");
            }
        }
        Outcome::Value(Value::Object(object))
    }
}

impl Violation {
    /// Returns the schema of the violated keyword for objects.
    fn object(&self) -> Option<NodeId> {
        match self {
            Self::Property(id, _)
            | Self::PatternProperty(id, _)
            | Self::OtherProperty(id)
            | Self::PropertyName(id)
            | Self::MinProperties(id)
            | Self::MaxProperties(id)
            | Self::UnevaluatedProperty(id) => Some(*id),
            _ => None,
        }
    }
}

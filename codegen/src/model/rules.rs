//! JSON Schema in one canonical form.

use serde_json::Value;

use super::{Docs, Number, Text};
use crate::diagnostics::Location;

/// A JSON Schema in the terms of draft 2020-12, with all references resolved.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rules {
    pub(crate) notes: Notes,
    pub(crate) kinds: Kinds,
    /// `enum` and `const`.
    pub(crate) values: Option<Vec<Value>>,
    pub(crate) number: Number,
    pub(crate) text: Text,
    pub(crate) array: Items,
    pub(crate) object: Members,
    /// The targets of `$ref` and `$dynamicRef`.
    pub(crate) references: Vec<RulesId>,
    pub(crate) all_of: Vec<Rules>,
    pub(crate) any_of: Vec<Rules>,
    pub(crate) one_of: Vec<Rules>,
    pub(crate) not: Option<Box<Rules>>,
    pub(crate) condition: Option<Box<Condition>>,
    pub(crate) unevaluated_items: Option<Box<Rules>>,
    pub(crate) unevaluated_properties: Option<Box<Rules>>,
}

/// The parts of a schema that restrict no value. All notes are equal, so that schemas are equal if they allow the same
/// values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    pub(crate) location: Option<Location>,
    pub(crate) title: Option<String>,
    pub(crate) docs: Docs,
    /// The values that an open enum lists. Those of a `oneOf` have notes.
    pub(crate) known: Option<Vec<(Value, Option<Notes>)>>,
    /// The union also accepts other tags.
    pub(crate) open: bool,
    /// The schema has `x-open: false`.
    pub(crate) closed: bool,
    /// The schema has `properties`, although there may be none.
    pub(crate) declares_properties: bool,
}

impl Notes {
    pub(crate) fn at(location: &Location) -> Self {
        Self { location: Some(location.clone()), ..Self::default() }
    }
}

impl PartialEq for Notes {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Rules {
    /// The schema `false`, which no value satisfies.
    pub(crate) fn never() -> Self {
        Self { kinds: Kinds::NONE, ..Self::default() }
    }

    /// The target, if the rules consist of one reference only.
    pub(crate) fn only_reference(&self) -> Option<RulesId> {
        let [reference] = self.references.as_slice() else { return None };
        let alone = Self { references: vec![*reference], ..Self::default() };
        (*self == alone).then_some(*reference)
    }

    /// Calls `found` for each part; with `in_place`, only for parts that apply to the same value.
    pub(crate) fn parts<'r>(&'r self, in_place: bool, found: &mut dyn FnMut(&'r Self)) {
        let applicators = [&self.all_of, &self.any_of, &self.one_of];
        applicators.into_iter().flatten().for_each(&mut *found);
        self.not.iter().for_each(|rules| found(rules));
        if let Some(condition) = &self.condition {
            [&condition.test, &condition.then, &condition.otherwise].into_iter().for_each(&mut *found);
        }
        self.object.dependent_schemas.iter().for_each(|(_, rules)| found(rules));
        if in_place {
            return;
        }
        self.unevaluated_items.iter().chain(&self.unevaluated_properties).for_each(|rules| found(rules));
        self.array.prefix.iter().for_each(&mut *found);
        self.array.rest.iter().for_each(|rules| found(rules));
        self.array.contains.iter().for_each(|contains| found(&contains.rules));
        self.object.properties.iter().chain(&self.object.patterns).for_each(|(_, rules)| found(rules));
        self.object.others.iter().chain(&self.object.names).for_each(|rules| found(rules));
    }

    /// Calls `found` for each reference in these rules and their parts, mutably.
    pub(crate) fn references_mut(&mut self, found: &mut dyn FnMut(&mut RulesId)) {
        self.references.iter_mut().for_each(&mut *found);
        let condition = self.condition.iter_mut().flat_map(|condition| {
            let Condition { test, then, otherwise } = &mut **condition;
            [test, then, otherwise]
        });
        let (array, object) = (&mut self.array, &mut self.object);
        let lists = [&mut self.all_of, &mut self.any_of, &mut self.one_of, &mut array.prefix];
        let maps = [&mut object.properties, &mut object.patterns, &mut object.dependent_schemas];
        let single = [
            &mut self.not,
            &mut self.unevaluated_items,
            &mut self.unevaluated_properties,
            &mut array.rest,
            &mut object.others,
            &mut object.names,
        ];
        let contains = array.contains.iter_mut().map(|contains| &mut contains.rules);
        let parts = condition
            .chain(lists.into_iter().flatten())
            .chain(maps.into_iter().flatten().map(|(_, rules)| rules))
            .chain(single.into_iter().flatten().map(|rules| &mut **rules))
            .chain(contains);
        parts.for_each(|part| part.references_mut(found));
    }

    /// Calls `found` for each reference in these rules and their parts.
    pub(crate) fn references<'r>(&'r self, in_place: bool, found: &mut dyn FnMut(RulesId)) {
        self.references.iter().for_each(|id| found(*id));
        self.parts(in_place, &mut |part: &'r Self| part.references(in_place, found));
    }
}

/// Identifies one of the [`Model::rules`](super::Model::rules).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RulesId(pub(crate) usize);

/// Rules that others refer to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NamedRules {
    /// Unique in the project.
    pub(crate) name: String,
    /// Index into [`Model::modules`](super::Model::modules).
    pub(crate) module: usize,
    pub(crate) rules: Rules,
    /// `false` if no selected channel needs these rules.
    pub(crate) is_generated: bool,
}

/// A set of kinds of JSON values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

impl Kinds {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const NULL: Self = Self(1);
    pub(crate) const BOOLEAN: Self = Self(2);
    pub(crate) const INTEGER: Self = Self(4);
    /// Numbers that are not integers within ±(2^53−1).
    pub(crate) const FRACTION: Self = Self(8);
    /// All numbers, including integers.
    pub(crate) const NUMBER: Self = Self(4 | 8);
    pub(crate) const STRING: Self = Self(16);
    pub(crate) const ARRAY: Self = Self(32);
    pub(crate) const OBJECT: Self = Self(64);
    pub(crate) const ANY: Self = Self(127);

    /// Each kind with its name in JSON Schema and its constant in Rust.
    const NAMES: [(Self, &str, &str); 7] = [
        (Self::NULL, "null", "NULL"),
        (Self::BOOLEAN, "boolean", "BOOLEAN"),
        (Self::NUMBER, "number", "NUMBER"),
        (Self::INTEGER, "integer", "INTEGER"),
        (Self::STRING, "string", "STRING"),
        (Self::ARRAY, "array", "ARRAY"),
        (Self::OBJECT, "object", "OBJECT"),
    ];

    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// All kinds that have other values than these.
    pub(crate) fn complement(self) -> Self {
        let others = Self(Self::ANY.0 & !self.0);
        if others.contains(Self::FRACTION) { others.or(Self::NUMBER) } else { others }
    }

    pub(crate) fn contains(self, other: Self) -> bool {
        self.and(other) == other
    }

    /// The names of the kinds in this set, in JSON Schema and in Rust.
    pub(crate) fn names(self) -> Vec<(&'static str, &'static str)> {
        let says = |(kind, name, _): &&(Self, &str, &str)| {
            self.contains(*kind) && !(*name == "integer" && self.contains(Self::NUMBER))
        };
        Self::NAMES.iter().filter(says).map(|(_, name, rust)| (*name, *rust)).collect()
    }
}

impl Default for Kinds {
    fn default() -> Self {
        Self::ANY
    }
}

/// Rules for arrays.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Items {
    pub(crate) prefix: Vec<Rules>,
    pub(crate) rest: Option<Box<Rules>>,
    pub(crate) contains: Option<Box<Contains>>,
    pub(crate) min_items: Option<u32>,
    pub(crate) max_items: Option<u32>,
    pub(crate) unique: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Contains {
    pub(crate) rules: Rules,
    pub(crate) min: u32,
    pub(crate) max: Option<u32>,
}

/// Rules for objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Members {
    pub(crate) properties: Vec<(String, Rules)>,
    /// By regular expression.
    pub(crate) patterns: Vec<(String, Rules)>,
    pub(crate) others: Option<Box<Rules>>,
    pub(crate) names: Option<Box<Rules>>,
    pub(crate) required: Vec<String>,
    pub(crate) dependent_required: Vec<(String, Vec<String>)>,
    pub(crate) dependent_schemas: Vec<(String, Rules)>,
    pub(crate) min_properties: Option<u32>,
    pub(crate) max_properties: Option<u32>,
}

/// `if`, `then` and `else`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    pub(crate) test: Rules,
    pub(crate) then: Rules,
    pub(crate) otherwise: Rules,
}

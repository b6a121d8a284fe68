//! Infers the type of each schema: the narrowest that generated code can express and that holds every valid value.
//!
//! A [`Shape`] is a sum of alternatives. `allOf`, `$ref` and the keywords of one schema meet: each alternative of one meets
//! each alternative of the others, so that what a schema says next to a union reaches into its alternatives.

mod base;
mod condition;
mod findings;
mod meet;
mod shape;
mod unite;

use std::rc::Rc;

use indexmap::IndexSet;

pub(crate) use findings::Finding;
pub(crate) use shape::{Alternative, Array, Form, Object, Others, Part, Property, Shape, Strings, Sum};

use crate::diagnostics::{Diagnostic, Location};
use crate::lower::LoweredSchema;
use crate::model::{Integer, Kinds, Notes, Number, Rules, RulesId, Text};

/// How many references are followed, one inside another, to infer one type.
const MAX_DEPTH: usize = 64;

/// The shape of a schema. `exact` if the shape holds no other values than the schema allows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Inferred<'s> {
    pub(crate) shape: Shape<'s>,
    pub(crate) exact: bool,
}

/// The nesting depth of schemas, including those behind references, beyond which no reference is followed.
const MAX_NESTING: usize = 192;

impl Inferred<'_> {
    /// Leaves it to rules to count the alternatives that a value matches, unless the shape is exact.
    fn settled(mut self) -> Self {
        if !self.exact {
            self.shape.stop_counting();
        }
        self
    }
}

/// Infers shapes, each schema's once.
pub(crate) struct Infer<'s> {
    schemas: &'s [LoweredSchema],
    states: Vec<State<'s>>,
    /// The number of references that are being followed.
    depth: usize,
    /// The nesting depth of the current schema.
    nesting: usize,
    /// The pairs of sums with references that are being met.
    meeting: Vec<(Sum<'s>, Sum<'s>)>,
    /// The schemas around the current one, from the outside.
    around: Vec<&'s Notes>,
    findings: IndexSet<(Finding, Location)>,
}

#[derive(Clone)]
enum State<'s> {
    New,
    Running,
    Done(Rc<Inferred<'s>>),
}

impl<'s> Infer<'s> {
    pub(crate) fn new(schemas: &'s [LoweredSchema]) -> Self {
        Self {
            schemas,
            states: vec![State::New; schemas.len()],
            depth: 0,
            nesting: 0,
            meeting: Vec::new(),
            around: Vec::new(),
            findings: IndexSet::new(),
        }
    }

    /// The shape of a schema. `None` while it is being inferred, so a schema that contains itself stays a reference.
    pub(crate) fn schema(&mut self, id: RulesId) -> Option<Rc<Inferred<'s>>> {
        match &self.states[id.0] {
            State::Done(inferred) => return Some(Rc::clone(inferred)),
            State::Running => return None,
            State::New => {}
        }
        let schemas = self.schemas;
        let schema = &schemas[id.0];
        let inferred = self.deeper(|infer| {
            infer.states[id.0] = State::Running;
            if schema.is_dynamic {
                Inferred { shape: Shape::Any, exact: false }
            } else {
                infer.rules(&schema.rules)
            }
        })?;
        let inferred = Rc::new(inferred);
        self.states[id.0] = State::Done(Rc::clone(&inferred));
        Some(inferred)
    }

    /// Follows one more reference. `None` if too many were followed.
    fn deeper<R>(&mut self, follow: impl FnOnce(&mut Self) -> R) -> Option<R> {
        if self.depth > MAX_DEPTH || self.nesting > MAX_NESTING {
            return None;
        }
        self.depth += 1;
        let result = follow(self);
        self.depth -= 1;
        Some(result)
    }

    /// The shape of a property, an item or another part, with rules if the shape is not exact.
    fn part(&mut self, rules: &'s Rules) -> Part<'s> {
        let Inferred { shape, exact } = self.rules(rules);
        let exact = exact && !shape.is_untyped();
        Part { shape, rules: Some(rules).filter(|_| !exact), notes: &rules.notes }
    }

    fn rules(&mut self, rules: &'s Rules) -> Inferred<'s> {
        self.nesting += 1;
        self.around.push(&rules.notes);
        let inferred = self.keywords(rules);
        self.around.pop();
        self.nesting -= 1;
        inferred
    }

    /// Reports something about the current schema.
    fn report(&mut self, finding: Finding) {
        let location = self.around.iter().rev().find_map(|notes| notes.location.as_ref());
        if let Some(location) = location {
            self.findings.insert((finding, location.clone()));
        }
    }

    /// The warnings about all schemas inferred so far.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = Diagnostic> {
        self.findings.iter().map(|(finding, location)| finding.at(location))
    }

    /// The meeting of everything that a schema says.
    fn keywords(&mut self, rules: &'s Rules) -> Inferred<'s> {
        let mut result = Inferred { shape: Shape::Any, exact: true };
        for id in &rules.references {
            let reference = Shape::of(Form::Reference(*id), &rules.notes);
            result = self.both(result, Inferred { shape: reference, exact: true });
        }
        for part in rules.all_of.iter().filter(|part| !is_condition(part)) {
            let part = self.rules(part);
            result = self.both(result, part);
        }
        let base = self.base(rules);
        result = self.both(result, base);
        for (alternatives, exactly_one) in [(&rules.any_of, false), (&rules.one_of, true)] {
            if alternatives.is_empty() {
                continue;
            }
            if alternatives.iter().all(only_requires) {
                result.exact = false;
                continue;
            }
            result = self.union(&result, alternatives, exactly_one, rules.notes.open);
        }
        let evaluates = rules.unevaluated_items.is_some() || rules.unevaluated_properties.is_some();
        result.exact &= rules.not.is_none() && !evaluates;
        // Conditions come last, because they narrow what the others say.
        let parts = rules.all_of.iter().filter(|part| is_condition(part));
        for condition in parts.chain([rules]).filter_map(|rules| rules.condition.as_deref()) {
            result = self.condition(result, condition);
        }
        result.settled()
    }

    fn both(&mut self, one: Inferred<'s>, other: Inferred<'s>) -> Inferred<'s> {
        let may_match = !one.shape.is_never() && !other.shape.is_never();
        let met = self.meet(one.shape, other.shape);
        if may_match && met.shape.is_never() {
            self.report(Finding::Excluded);
        }
        Inferred { exact: one.exact && other.exact && met.exact, shape: met.shape }.settled()
    }
}

/// Returns `true` if a schema only names required properties, as in "at least one of these properties".
fn only_requires(rules: &Rules) -> bool {
    let mut others = rules.clone();
    others.object.required.clear();
    others.not = None;
    others.kinds = Kinds::ANY;
    let is_said = match &rules.not {
        Some(negated) => only_requires(negated),
        None => !rules.object.required.is_empty(),
    };
    is_said && rules.kinds.contains(Kinds::OBJECT) && others == Rules::default()
}

/// Returns `true` for a schema that consists of `if`, `then` and `else`.
fn is_condition(rules: &Rules) -> bool {
    let alone = || Rules { condition: rules.condition.clone(), ..Rules::default() };
    rules.condition.is_some() && *rules == alone()
}

impl<'s> Shape<'s> {
    /// All values of some kinds.
    fn of_kinds(kinds: Kinds, notes: &'s Notes) -> Self {
        let array = Array { prefix: Vec::new(), rest: None, min_items: None, max_items: None };
        let object = Object {
            properties: indexmap::IndexMap::new(),
            others: Others::Ignored,
            prefixes: Vec::new(),
            declares: false,
        };
        let number = if kinds.contains(Kinds::NUMBER) {
            Form::Number(Number::default())
        } else {
            Form::Integer(Integer::ANY)
        };
        let forms = [
            (Kinds::STRING, Form::Text(Text::default())),
            (Kinds::INTEGER, number),
            (Kinds::BOOLEAN, Form::Boolean),
            (Kinds::ARRAY, Form::Array(array)),
            (Kinds::OBJECT, Form::Object(object)),
            (Kinds::NULL, Form::Null),
        ];
        let forms = forms.into_iter().filter(|(kind, _)| kinds.contains(*kind));
        let alternative = |(_, form)| Alternative { form, rules: None, notes };
        Self::Sum(Sum { alternatives: forms.map(alternative).collect(), ..Sum::default() })
    }

    /// A shape with one alternative.
    fn of(form: Form<'s>, notes: &'s Notes) -> Self {
        Self::Sum(Sum { alternatives: vec![Alternative { form, rules: None, notes }], ..Sum::default() })
    }
}

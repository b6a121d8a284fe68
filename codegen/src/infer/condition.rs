//! `if`, `then` and `else`: a condition on a property with listed values becomes a union, one alternative per case.

use super::{
    Alternative, Finding, Form, Infer, Inferred, Object, Others, Shape, Strings, Sum, only_requires,
};
use crate::model::{Condition, Kinds, Rules};

impl<'s> Infer<'s> {
    /// Narrows a shape by a condition.
    pub(super) fn condition(&mut self, result: Inferred<'s>, condition: &'s Condition) -> Inferred<'s> {
        if let Some(test) = Test::of(&condition.test)
            && let Shape::Sum(sum) = &result.shape
            && let Some(cases) = test.cases(sum)
        {
            return self.branches(&result, cases, condition);
        }
        if let Some(kinds) = only_kinds(&condition.test) {
            return self.split_by_kind(result, kinds, condition);
        }
        let exact = false;
        let (then, otherwise) = (&condition.then, &condition.otherwise);
        let is_said = |branch: &Rules| *branch != Rules::default() && !only_requires(branch);
        if !is_said(then) || !is_said(otherwise) {
            if [then, otherwise].into_iter().any(|branch| describes_others(branch, &result.shape)) {
                self.report(Finding::Branches);
            }
            return Inferred { exact, ..result };
        }
        let (test, passed) = (self.rules(&condition.test), self.rules(then));
        let passed = self.both(test, passed);
        let failed = self.rules(otherwise);
        // The rules of a branch do not include the test, so those of the whole schema decide.
        let branches = [(passed, then), (failed, otherwise)].map(|(branch, rules)| {
            let branch = Inferred { exact: true, ..branch };
            (branch, rules)
        });
        let branches = self.unite(branches.into(), false);
        let met = self.both(result, branches);
        Inferred { exact, ..met }
    }

    /// Meets the values of the tested kinds with one branch, and all others with the other branch.
    fn split_by_kind(
        &mut self,
        result: Inferred<'s>,
        kinds: Kinds,
        condition: &'s Condition,
    ) -> Inferred<'s> {
        let Some(notes) = self.around.last().copied() else { return result };
        let cases = [(true, kinds, &condition.then), (false, kinds.complement(), &condition.otherwise)];
        let cases = cases.map(|(passes, kinds, branch)| {
            let own = self.rules(branch);
            let met = self.meet(Shape::of_kinds(kinds, notes), own.shape.clone());
            let mut case = Inferred { shape: met.shape, exact: met.exact && own.exact };
            if let Shape::Sum(sum) = &mut case.shape {
                // The test is a `type` of the values that pass, but not of the others.
                let is_typed = kinds == Kinds::NONE || (passes && kinds != Kinds::ANY);
                sum.untyped = !is_typed && (own.shape == Shape::Any || own.shape.is_untyped());
            }
            (case, branch)
        });
        let exact = kinds.and(kinds.complement()) == Kinds::NONE;
        let united = self.unite(cases.into(), false);
        self.both(result, Inferred { exact: united.exact && exact, ..united })
    }

    /// Meets each case with its branch.
    fn branches(
        &mut self,
        result: &Inferred<'s>,
        cases: Vec<(Alternative<'s>, bool)>,
        condition: &'s Condition,
    ) -> Inferred<'s> {
        let Shape::Sum(sum) = &result.shape else { return result.clone() };
        let mut united = Sum { alternatives: Vec::new(), ..sum.clone() };
        let mut exact = result.exact;
        for (alternative, passes) in cases {
            let case = Sum { alternatives: vec![alternative], ..Sum::default() };
            let branch = self.rules(if passes { &condition.then } else { &condition.otherwise });
            let met = self.both(Inferred { shape: Shape::Sum(case), exact: true }, branch);
            exact &= met.exact;
            if let Shape::Sum(met) = met.shape {
                united.alternatives.extend(met.alternatives);
            }
        }
        Inferred { shape: Shape::Sum(united), exact }
    }
}

/// Returns `true` if a schema gives types to properties that a shape may have but does not declare.
fn describes_others(rules: &Rules, shape: &Shape<'_>) -> bool {
    let is_open = |name: &str| match shape {
        Shape::Any => true,
        Shape::Sum(sum) => sum.alternatives.iter().any(|alternative| match &alternative.form {
            Form::Object(object) => object.others == Others::Ignored && !object.properties.contains_key(name),
            form => matches!(form, Form::Any | Form::Reference(_) | Form::Union(_)),
        }),
    };
    let says = |(name, rules): &(String, Rules)| {
        *rules != Rules::default() && *rules != Rules::never() && is_open(name)
    };
    rules.object.properties.iter().any(says) || !rules.references.is_empty()
}

/// The kinds of value that a schema accepts, if it restricts nothing else.
fn only_kinds(rules: &Rules) -> Option<Kinds> {
    (*rules == Rules { kinds: rules.kinds, ..Rules::default() }).then_some(rules.kinds)
}

/// A test of whether a property has one of several values.
struct Test<'s> {
    property: &'s str,
    values: Vec<&'s str>,
    /// The test fails without the property.
    required: bool,
}

impl<'s> Test<'s> {
    fn of(rules: &'s Rules) -> Option<Self> {
        let [(property, tested)] = rules.object.properties.as_slice() else { return None };
        let values: Option<Vec<&str>> = tested.values.as_ref()?.iter().map(|value| value.as_str()).collect();
        let plain = Rules { values: tested.values.clone(), kinds: tested.kinds, ..Rules::default() };
        let mut others = rules.clone();
        others.object.properties.clear();
        others.object.required.retain(|name| name != property);
        others.kinds = Kinds::ANY;
        let is_plain = *tested == plain
            && tested.kinds.contains(Kinds::STRING)
            && rules.kinds.contains(Kinds::OBJECT)
            && others == Rules::default();
        let required = rules.object.required.contains(property);
        values.filter(|_| is_plain).map(|values| Self { property, values, required })
    }

    /// Splits each object by the result of the test. `None` if a form does not list the property's values.
    fn cases(&self, sum: &Sum<'s>) -> Option<Vec<(Alternative<'s>, bool)>> {
        let mut cases = Vec::new();
        for alternative in &sum.alternatives {
            let Form::Object(object) = &alternative.form else { return None };
            let case = |object: Option<Object<'s>>, passes: bool| {
                object.map(|object| {
                    let form = Form::Object(object);
                    (Alternative { form, ..alternative.clone() }, passes)
                })
            };
            let (passing, failing) = self.split(object)?;
            cases.extend(case(passing, true).into_iter().chain(case(failing, false)));
        }
        Some(cases)
    }

    fn split(&self, object: &Object<'s>) -> Option<(Option<Object<'s>>, Option<Object<'s>>)> {
        let Some(property) = object.properties.get(self.property) else {
            // An object without the property passes the test, unless the test requires the property.
            let is_absent = object.others == Others::Refused;
            let case = Some(object.clone()).filter(|_| is_absent)?;
            return Some(if self.required { (None, Some(case)) } else { (Some(case), None) });
        };
        let Shape::Sum(sum) = &property.part.shape else { return None };
        let [Alternative { form: Form::Strings(strings), .. }] = sum.alternatives.as_slice() else {
            return None;
        };
        if strings.open || property.part.rules.is_some() {
            return None;
        }
        let narrowed = |passes: bool| {
            let mut values = strings.values.clone();
            values.retain(|(text, _)| self.values.contains(&text.as_str()) == passes);
            let may_be_absent = !property.required && passes != self.required;
            let mut object = object.clone();
            let property = object.properties.get_mut(self.property)?;
            property.required = !may_be_absent;
            if values.is_empty() {
                return None;
            }
            if let Shape::Sum(sum) = &mut property.part.shape {
                sum.alternatives[0].form = Form::Strings(Strings { values, open: false });
            }
            Some(object)
        };
        Some((narrowed(true), narrowed(false)))
    }
}

//! The interpreter of [`Rules`]: JSON Schema, keyword by keyword.
//!
//! The keywords for one kind of value are decided while the value is being looked
//! at. Applicators then look at it again; what they evaluated is kept only where
//! an `unevaluated…` keyword asks for it.

use super::alternatives::{NO_ALTERNATIVE, NOT_ONE_ALTERNATIVE};
use super::check::breaks_profile;
use super::memory::Role;
use super::place::{Place, Report, Stop};
use super::positions::Positions;
use super::visit::{Found, Visit, Visitor};
use super::{Rules, scalar};
use array::ArrayKeywords;
use object::ObjectKeywords;
use unevaluated::Unevaluated;

mod array;
mod object;
mod unevaluated;

/// Holds a value against rules.
pub(super) fn evaluate(
    rules: &'static Rules,
    value: &dyn Visit,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    Node { rules, value, place, is_first: true }.judge(report, None)
}

/// Holds an item or property against rules. Those of the first rules for the value are the first for it.
fn evaluate_part(
    node: &Node<'_>,
    rules: &'static Rules,
    value: &dyn Visit,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    Node { rules, value, place, is_first: node.is_first }.judge(report, None)
}

/// Holds an item or property again against rules.
fn evaluate_again(
    rules: &'static Rules,
    value: &dyn Visit,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    Node { rules, value, place, is_first: false }.judge(report, None)
}

/// Rules and the value that they are applied to.
#[derive(Clone, Copy)]
struct Node<'a> {
    rules: &'static Rules,
    value: &'a dyn Visit,
    place: &'a Place<'a>,
    /// Whether these are the first rules for this value, which hold all that is in it
    /// against the wire profile. Applicators, and rules for parts of what they look at,
    /// need not do so again.
    is_first: bool,
}

/// Which items or properties of a value were evaluated; only filled in where someone asks.
type Evaluated<'e> = Option<&'e mut Positions>;

impl Node<'_> {
    /// Evaluates the rules, unless the outcome is remembered.
    fn judge(&self, report: &mut Report, evaluated: Evaluated<'_>) -> Result<(), Stop> {
        if report.is_nested() && self.rules.look_repeatedly() && report.remembers() {
            self.judge_once(report, evaluated)
        } else {
            self.evaluate(report, evaluated)
        }
    }

    #[inline(never)]
    fn judge_once(&self, report: &mut Report, mut evaluated: Evaluated<'_>) -> Result<(), Stop> {
        let role = if self.is_first { Role::Rules } else { Role::Applied };
        let key = report.key(role, self.rules, self.place);
        if let Some(outcome) = report.recall(key, evaluated.as_deref_mut()) {
            return outcome;
        }
        let refusals = report.refusals();
        let mut own = evaluated.is_some().then(Positions::default);
        let outcome = self.evaluate(report, own.as_mut());
        if let (Some(evaluated), Some(own)) = (evaluated, &own) {
            evaluated.insert_all(own);
        }
        report.keep(key, &outcome, refusals, own);
        outcome
    }

    fn evaluate(&self, report: &mut Report, evaluated: Evaluated<'_>) -> Result<(), Stop> {
        if self.rules.look_repeatedly() {
            report.repeatedly(|report| self.apply_keywords(report, evaluated))
        } else {
            self.apply_keywords(report, evaluated)
        }
    }

    fn apply_keywords(&self, report: &mut Report, evaluated: Evaluated<'_>) -> Result<(), Stop> {
        let rules = self.rules;
        let asks = rules.unevaluated_items.is_some() || rules.unevaluated_properties.is_some();
        let refusals = report.refusals();
        let mut own = Positions::default();
        let mut evaluated = if asks { Some(evaluated.unwrap_or(&mut own)) } else { evaluated };

        let mut keywords =
            Keywords { node: self, report, evaluated: evaluated.as_deref_mut(), kind: Kind::Refused };
        self.value.visit(&mut keywords)?;
        let kind = keywords.kind;
        if let Kind::Refused = kind {
            return Ok(());
        }
        if let Kind::Object(object) = &kind {
            for rules in object.dependent_schemas() {
                self.apply(rules, report, &mut evaluated)?;
            }
        }
        self.apply_alternatives(report, &mut evaluated)?;
        // What refused the value evaluated nothing of it: that all of it is left over would be no news.
        match (kind, evaluated) {
            _ if report.refusals() != refusals => Ok(()),
            (Kind::Array(_), Some(evaluated)) => self.unevaluated_items(report, evaluated),
            (Kind::Object(_), Some(evaluated)) => self.unevaluated_properties(report, evaluated),
            _ => Ok(()),
        }
    }

    fn apply_alternatives(&self, report: &mut Report, evaluated: &mut Evaluated<'_>) -> Result<(), Stop> {
        let Self { rules, value, place, .. } = *self;
        for rules in rules.all_of {
            self.apply(rules, report, evaluated)?;
        }
        if !rules.any_of.is_empty() {
            // Every alternative that accepts evaluates, so that the first is not enough then.
            let all = evaluated.is_some();
            let accepting = rules.any_of.iter().filter(|rules| self.accepts(rules, report, evaluated));
            if accepting.take(if all { usize::MAX } else { 1 }).count() == 0 {
                report.add(place, value, "anyOf", || NO_ALTERNATIVE.to_owned())?;
            }
        }
        if !rules.one_of.is_empty() {
            let accepting = rules.one_of.iter().filter(|rules| self.accepts(rules, report, evaluated));
            if accepting.take(2).count() != 1 {
                report.add(place, value, "oneOf", || NOT_ONE_ALTERNATIVE.to_owned())?;
            }
        }
        if let Some(rules) = rules.not
            && self.accepts(rules, report, &mut None)
        {
            report.add(place, value, "not", || r#"must not match the schema under "not""#.to_owned())?;
        }
        if let Some(condition) = rules.condition {
            let is_met = self.accepts(condition.test, report, evaluated);
            self.apply(if is_met { condition.then } else { condition.otherwise }, report, evaluated)?;
        }
        Ok(())
    }

    /// Holds the same value against other rules, whose issues count.
    fn apply(
        &self,
        rules: &'static Rules,
        report: &mut Report,
        evaluated: &mut Evaluated<'_>,
    ) -> Result<(), Stop> {
        let node = Node { rules, is_first: false, ..*self };
        let Some(evaluated) = evaluated else { return node.judge(report, None) };
        let refusals = report.refusals();
        let mut inner = Positions::default();
        node.judge(report, Some(&mut inner))?;
        // Rules that refuse a value evaluate nothing of it.
        if report.refusals() == refusals {
            evaluated.insert_all(&inner);
        }
        Ok(())
    }

    /// Whether other rules accept the same value.
    fn accepts(&self, rules: &'static Rules, report: &mut Report, evaluated: &mut Evaluated<'_>) -> bool {
        let node = Node { rules, is_first: false, ..*self };
        let mut inner = evaluated.is_some().then(Positions::default);
        let is_accepted = report.accepts(|report| node.judge(report, inner.as_mut()));
        if is_accepted && let (Some(evaluated), Some(inner)) = (evaluated, &inner) {
            evaluated.insert_all(inner);
        }
        is_accepted
    }

    fn unevaluated_items(&self, report: &mut Report, evaluated: &mut Positions) -> Result<(), Stop> {
        match self.rules.unevaluated_items {
            Some(rules) => Unevaluated::visit(self, rules, "unevaluatedItems", report, evaluated),
            None => Ok(()),
        }
    }

    fn unevaluated_properties(&self, report: &mut Report, evaluated: &mut Positions) -> Result<(), Stop> {
        match self.rules.unevaluated_properties {
            Some(rules) => Unevaluated::visit(self, rules, "unevaluatedProperties", report, evaluated),
            None => Ok(()),
        }
    }
}

/// The keywords for what the value itself is.
struct Keywords<'a> {
    node: &'a Node<'a>,
    report: &'a mut Report,
    evaluated: Evaluated<'a>,
    kind: Kind,
}

/// What the value turned out to be.
enum Kind {
    /// Not looked at any further.
    Refused,
    Scalar,
    Array(ArrayKeywords),
    Object(ObjectKeywords),
}

impl Visitor for Keywords<'_> {
    fn found(&mut self, found: Found<'_>) -> Result<(), Stop> {
        let Node { rules, value, place, .. } = *self.node;
        let report = &mut *self.report;
        if breaks_profile(found, place, report)? {
            return Ok(());
        }
        if !rules.kinds.accept(found) {
            let rule = if rules.is_never() { "not" } else { "type" };
            return report.add(place, found, rule, || rules.kinds.words());
        }
        if let Some(literals) = rules.values.filter(|literals| !literals.contain(found, value)) {
            literals.refuse(found, place, report)?;
        }
        self.kind = match found {
            Found::Array => Kind::Array(ArrayKeywords::of(rules)),
            Found::Object => Kind::Object(ObjectKeywords::of(rules)),
            _ => Kind::Scalar,
        };
        match (found, rules.number, rules.text) {
            (Found::Number(number), Some(limits), _) => scalar::number(limits, number, place, report),
            (Found::Text(text), _, Some(limits)) => scalar::text(limits, text, place, report),
            _ => Ok(()),
        }
    }

    fn item(&mut self, value: &dyn Visit) -> Result<(), Stop> {
        match &mut self.kind {
            Kind::Array(array) => array.item(self.node, value, self.report, &mut self.evaluated),
            _ => Ok(()),
        }
    }

    fn property(&mut self, name: &str, value: &dyn Visit) -> Result<(), Stop> {
        match &mut self.kind {
            Kind::Object(object) => object.member(self.node, name, value, self.report, &mut self.evaluated),
            _ => Ok(()),
        }
    }

    fn end(&mut self) -> Result<(), Stop> {
        match &self.kind {
            Kind::Array(array) => array.end(self.node.place, self.report),
            Kind::Object(object) => object.end(self.node.place, self.report),
            _ => Ok(()),
        }
    }
}

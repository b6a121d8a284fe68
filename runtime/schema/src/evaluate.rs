//! The interpreter of [`Rules`]: JSON Schema, keyword by keyword.
//!
//! Keywords for one kind of value are checked in the first visit. Applicators then visit the value again. The
//! positions that they evaluate are recorded only if an `unevaluated…` keyword needs them.

use super::check::breaks_profile;
use super::index_set::IndexSet;
use super::memo::Role;
use super::nearest::{report_no_match, report_several_matches};
use super::path::Path;
use super::report::{Report, Stop};
use super::visit::{Found, Visit, Visitor};
use super::{Kinds, Rules, scalar};
use array::ArrayKeywords;
use object::ObjectKeywords;
use unevaluated::Unevaluated;

mod array;
mod object;
mod unevaluated;

/// Validates a value against rules.
pub(super) fn evaluate(
    rules: &'static Rules,
    value: &dyn Visit,
    path: &Path<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    Node { rules, value, path, is_first: true }.evaluate_or_recall(report, None)
}

/// Validates an item or a property against rules. They are its first rules if these are the first rules for the value.
fn evaluate_part(
    node: &Node<'_>,
    rules: &'static Rules,
    value: &dyn Visit,
    path: &Path<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    Node { rules, value, path, is_first: node.is_first }.evaluate_or_recall(report, None)
}

/// Validates an item or a property against rules that are not its first.
fn evaluate_again(
    rules: &'static Rules,
    value: &dyn Visit,
    path: &Path<'_>,
    report: &mut Report,
) -> Result<(), Stop> {
    Node { rules, value, path, is_first: false }.evaluate_or_recall(report, None)
}

/// Rules and the value that they apply to.
#[derive(Clone, Copy)]
struct Node<'a> {
    rules: &'static Rules,
    value: &'a dyn Visit,
    path: &'a Path<'a>,
    /// Whether these are the first rules for this value, which check the wire profile of everything in it.
    /// Applicators, and rules for parts of what they visit, need not check it again.
    is_first: bool,
}

/// The evaluated items or properties of a value, if an `unevaluated…` keyword needs them.
type Evaluated<'e> = Option<&'e mut IndexSet>;

impl Node<'_> {
    /// Evaluates the rules, unless the outcome is remembered.
    fn evaluate_or_recall(&self, report: &mut Report, evaluated: Evaluated<'_>) -> Result<(), Stop> {
        if report.is_nested() && self.rules.visit_repeatedly() && report.count_visit() {
            self.evaluate_once(report, evaluated)
        } else {
            self.evaluate(report, evaluated)
        }
    }

    #[inline(never)]
    fn evaluate_once(&self, report: &mut Report, mut evaluated: Evaluated<'_>) -> Result<(), Stop> {
        let role = if self.is_first { Role::Rules } else { Role::Applied };
        let key = report.key(role, self.rules, self.path);
        if let Some(outcome) = report.recall(key, evaluated.as_deref_mut()) {
            return outcome;
        }
        let rejections = report.rejections();
        let mut own = evaluated.is_some().then(IndexSet::default);
        let outcome = self.evaluate(report, own.as_mut());
        if let (Some(evaluated), Some(own)) = (evaluated, &own) {
            evaluated.insert_all(own);
        }
        report.remember(key, &outcome, rejections, own);
        outcome
    }

    fn evaluate(&self, report: &mut Report, evaluated: Evaluated<'_>) -> Result<(), Stop> {
        if self.rules.visit_repeatedly() {
            report.check_repeatedly(|report| self.apply_keywords(report, evaluated))
        } else {
            self.apply_keywords(report, evaluated)
        }
    }

    fn apply_keywords(&self, report: &mut Report, evaluated: Evaluated<'_>) -> Result<(), Stop> {
        let rules = self.rules;
        let asks = rules.unevaluated_items.is_some() || rules.unevaluated_properties.is_some();
        let rejections = report.rejections();
        let mut own = IndexSet::default();
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
        // Rejected values have nothing evaluated, so reporting all of it as unevaluated would not help.
        match (kind, evaluated) {
            _ if report.rejections() != rejections => Ok(()),
            (Kind::Array(_), Some(evaluated)) => self.unevaluated_items(report, evaluated),
            (Kind::Object(_), Some(evaluated)) => self.unevaluated_properties(report, evaluated),
            _ => Ok(()),
        }
    }

    fn apply_alternatives(&self, report: &mut Report, evaluated: &mut Evaluated<'_>) -> Result<(), Stop> {
        let Self { rules, value, path, .. } = *self;
        for rules in rules.all_of() {
            self.apply(rules, report, evaluated)?;
        }
        if !rules.any_of.is_empty() {
            // Every alternative that accepts the value evaluates parts of it, so all must be visited.
            let all = evaluated.is_some();
            let accepting = rules.any_of.iter().filter(|rules| self.accepts(rules, report, evaluated));
            if accepting.take(if all { usize::MAX } else { 1 }).count() == 0 {
                self.report_no_match("anyOf", rules.any_of, report)?;
            }
        }
        if !rules.one_of.is_empty() {
            let accepting = rules.one_of.iter().filter(|rules| self.accepts(rules, report, evaluated));
            match accepting.take(2).count() {
                0 => self.report_no_match("oneOf", rules.one_of, report)?,
                1 => {}
                _ => self.report_several_matches(rules.one_of, report)?,
            }
        }
        if let Some(rules) = rules.not
            && self.accepts(rules, report, &mut None)
        {
            report.add(path, value, "not", || r#"must not match the schema under "not""#.to_owned())?;
        }
        if let Some(condition) = rules.condition {
            let is_met = self.accepts(condition.test, report, evaluated);
            self.apply(if is_met { condition.then } else { condition.otherwise }, report, evaluated)?;
        }
        Ok(())
    }

    /// Applies other rules to the same value, and reports their issues.
    fn apply(
        &self,
        rules: &'static Rules,
        report: &mut Report,
        evaluated: &mut Evaluated<'_>,
    ) -> Result<(), Stop> {
        let node = Node { rules, is_first: false, ..*self };
        let Some(evaluated) = evaluated else { return node.evaluate_or_recall(report, None) };
        let rejections = report.rejections();
        let mut inner = IndexSet::default();
        node.evaluate_or_recall(report, Some(&mut inner))?;
        // Rules that reject a value evaluate nothing of it.
        if report.rejections() == rejections {
            evaluated.insert_all(&inner);
        }
        Ok(())
    }

    /// Returns whether other rules accept the same value.
    fn accepts(&self, rules: &'static Rules, report: &mut Report, evaluated: &mut Evaluated<'_>) -> bool {
        let node = Node { rules, is_first: false, ..*self };
        let mut inner = evaluated.is_some().then(IndexSet::default);
        let is_accepted = report.accepts(|report| node.evaluate_or_recall(report, inner.as_mut()));
        if is_accepted && let (Some(evaluated), Some(inner)) = (evaluated, &inner) {
            evaluated.insert_all(inner);
        }
        is_accepted
    }

    fn report_no_match(
        &self,
        keyword: &'static str,
        alternatives: &'static [&'static Rules],
        report: &mut Report,
    ) -> Result<(), Stop> {
        report_no_match(keyword, alternatives, (self.value, self.path), report, |rules, report| {
            Node { rules, is_first: false, ..*self }.evaluate_or_recall(report, None)
        })
    }

    fn report_several_matches(
        &self,
        alternatives: &'static [&'static Rules],
        report: &mut Report,
    ) -> Result<(), Stop> {
        report_several_matches(alternatives, (self.value, self.path), report, |rules, report| {
            self.accepts(rules, report, &mut None)
        })
    }

    fn unevaluated_items(&self, report: &mut Report, evaluated: &mut IndexSet) -> Result<(), Stop> {
        match self.rules.unevaluated_items {
            Some(rules) => Unevaluated::visit(self, rules, "unevaluatedItems", report, evaluated),
            None => Ok(()),
        }
    }

    fn unevaluated_properties(&self, report: &mut Report, evaluated: &mut IndexSet) -> Result<(), Stop> {
        match self.rules.unevaluated_properties {
            Some(rules) => Unevaluated::visit(self, rules, "unevaluatedProperties", report, evaluated),
            None => Ok(()),
        }
    }
}

/// The keywords that apply to the kind of the value.
struct Keywords<'a> {
    node: &'a Node<'a>,
    report: &'a mut Report,
    evaluated: Evaluated<'a>,
    kind: Kind,
}

/// The kind of the value.
enum Kind {
    /// Not checked any further.
    Refused,
    Scalar,
    Array(ArrayKeywords),
    Object(ObjectKeywords),
}

impl Visitor for Keywords<'_> {
    fn found(&mut self, found: Found<'_>) -> Result<(), Stop> {
        let Node { rules, value, path, .. } = *self.node;
        let report = &mut *self.report;
        if breaks_profile(found, path, report)? {
            return Ok(());
        }
        if !rules.kinds.contains_value(found) {
            let rule = if rules.is_never() { "not" } else { "type" };
            let allows_null = report.allows_null(path) && !rules.is_never();
            let kinds = if allows_null { rules.kinds.or(Kinds::NULL) } else { rules.kinds };
            return report.add(path, found, rule, || kinds.describe());
        }
        if let Some(literals) = rules.values.filter(|literals| !literals.contains(found, value)) {
            literals.report_mismatch(found, path, report)?;
        }
        self.kind = match found {
            Found::Array => Kind::Array(ArrayKeywords::new(rules)),
            Found::Object => Kind::Object(ObjectKeywords::new(rules)),
            _ => Kind::Scalar,
        };
        match (found, rules.number, rules.text) {
            (Found::Number(number), Some(limits), _) => scalar::check_number(limits, number, path, report),
            (Found::Text(text), _, Some(limits)) => scalar::check_text(limits, text, path, report),
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
            Kind::Array(array) => array.end(self.node.path, self.report),
            Kind::Object(object) => object.end(self.node.path, self.report),
            _ => Ok(()),
        }
    }
}

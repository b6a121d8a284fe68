//! `unevaluatedItems` and `unevaluatedProperties`: the parts of a value that no other rule checked.

use super::super::Rules;
use super::super::index_set::IndexSet;
use super::super::path::Path;
use super::super::report::{Report, Stop};
use super::super::visit::{Found, Visit, Visitor};
use super::array::report_not_allowed;
use super::{Node, evaluate_again};

/// Visits an array or an object again, to check its unevaluated parts.
pub(super) struct Unevaluated<'a> {
    node: &'a Node<'a>,
    rules: &'static Rules,
    keyword: &'static str,
    report: &'a mut Report,
    evaluated: &'a mut IndexSet,
    position: usize,
}

impl<'a> Unevaluated<'a> {
    pub(super) fn visit(
        node: &'a Node<'a>,
        rules: &'static Rules,
        keyword: &'static str,
        report: &'a mut Report,
        evaluated: &'a mut IndexSet,
    ) -> Result<(), Stop> {
        node.value.visit(&mut Self { node, rules, keyword, report, evaluated, position: 0 })
    }

    /// Returns whether the next part is unevaluated, and marks it as evaluated.
    fn is_left(&mut self) -> bool {
        let position = self.position;
        self.position += 1;
        self.evaluated.insert(position)
    }

    fn apply(&mut self, value: &dyn Visit, path: &Path<'_>) -> Result<(), Stop> {
        if self.rules.is_never() {
            report_not_allowed(value, path, self.keyword, self.report)
        } else {
            evaluate_again(self.rules, value, path, self.report)
        }
    }
}

impl Visitor for Unevaluated<'_> {
    fn found(&mut self, _: Found<'_>) -> Result<(), Stop> {
        Ok(())
    }

    fn item(&mut self, value: &dyn Visit) -> Result<(), Stop> {
        let path = self.node.path.item(self.position);
        if !self.is_left() {
            return Ok(());
        }
        self.apply(value, &path)
    }

    fn property(&mut self, name: &str, value: &dyn Visit) -> Result<(), Stop> {
        let path = self.node.path.property(name, self.position);
        if !self.is_left() {
            return Ok(());
        }
        self.apply(value, &path)
    }
}

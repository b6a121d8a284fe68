//! `unevaluatedItems` and `unevaluatedProperties`: what no other rule of a value looked at.

use super::super::Rules;
use super::super::place::{Place, Report, Stop};
use super::super::positions::Positions;
use super::super::visit::{Found, Visit, Visitor};
use super::array::refuse_part;
use super::{Node, evaluate_again};

/// Looks at an array or object again, and at what is left of it.
pub(super) struct Unevaluated<'a> {
    node: &'a Node<'a>,
    rules: &'static Rules,
    keyword: &'static str,
    report: &'a mut Report,
    evaluated: &'a mut Positions,
    position: usize,
}

impl<'a> Unevaluated<'a> {
    pub(super) fn visit(
        node: &'a Node<'a>,
        rules: &'static Rules,
        keyword: &'static str,
        report: &'a mut Report,
        evaluated: &'a mut Positions,
    ) -> Result<(), Stop> {
        node.value.visit(&mut Self { node, rules, keyword, report, evaluated, position: 0 })
    }

    /// Whether the next piece is left; it is evaluated from now on.
    fn is_left(&mut self) -> bool {
        let position = self.position;
        self.position += 1;
        self.evaluated.insert(position)
    }

    fn apply(&mut self, value: &dyn Visit, place: &Place<'_>) -> Result<(), Stop> {
        if self.rules.is_never() {
            refuse_part(value, place, self.keyword, self.report)
        } else {
            evaluate_again(self.rules, value, place, self.report)
        }
    }
}

impl Visitor for Unevaluated<'_> {
    fn found(&mut self, _: Found<'_>) -> Result<(), Stop> {
        Ok(())
    }

    fn item(&mut self, value: &dyn Visit) -> Result<(), Stop> {
        let place = self.node.place.item(self.position);
        if !self.is_left() {
            return Ok(());
        }
        self.apply(value, &place)
    }

    fn property(&mut self, name: &str, value: &dyn Visit) -> Result<(), Stop> {
        let place = self.node.place.property(name, self.position);
        if !self.is_left() {
            return Ok(());
        }
        self.apply(value, &place)
    }
}

//! The keywords for arrays.

use std::collections::HashMap;

use super::super::check::{items_within, visit};
use super::super::equality::canonical;
use super::super::place::{Place, Report, Stop};
use super::super::shown::counted;
use super::super::visit::{Found, Visit};
use super::super::{Items, Rules, Schema};
use super::{Evaluated, Node, evaluate_again, evaluate_part};

/// An array on its way through its keywords.
pub(super) struct ArrayKeywords {
    items: &'static Items,
    /// How many items there were so far.
    length: usize,
    /// How many of them match `contains`.
    matching: usize,
    /// Where each item first came, where none may come twice and none did.
    first: Option<HashMap<Vec<u8>, usize>>,
}

impl ArrayKeywords {
    pub(super) fn of(rules: &'static Rules) -> Self {
        let items = rules.array.unwrap_or(&Items::ANY);
        Self { items, length: 0, matching: 0, first: items.unique.then(HashMap::new) }
    }

    pub(super) fn item(
        &mut self,
        node: &Node<'_>,
        value: &dyn Visit,
        report: &mut Report,
        evaluated: &mut Evaluated<'_>,
    ) -> Result<(), Stop> {
        let index = self.length;
        self.length += 1;
        let place = &node.place.item(index);
        let mut is_evaluated = true;
        match (self.items.prefix.get(index), self.items.rest) {
            (Some(rules), _) => evaluate_part(node, rules, value, place, report)?,
            (None, Some(rules)) if rules.is_never() => refuse_part(value, place, "items", report)?,
            (None, Some(rules)) => evaluate_part(node, rules, value, place, report)?,
            (None, None) => {
                is_evaluated = false;
                if node.is_first {
                    visit(&Schema::Any, value, place, report)?;
                }
            }
        }
        self.check_unique(index, value, place, report)?;
        if let Some(contains) = self.items.contains
            && report.accepts(|report| evaluate_again(contains.rules, value, place, report))
        {
            self.matching += 1;
            is_evaluated = true;
        }
        if let Some(evaluated) = evaluated.as_mut().filter(|_| is_evaluated) {
            evaluated.insert(index);
        }
        Ok(())
    }

    fn check_unique(
        &mut self,
        index: usize,
        value: &dyn Visit,
        place: &Place<'_>,
        report: &mut Report,
    ) -> Result<(), Stop> {
        let Some(first) = &mut self.first else { return Ok(()) };
        let Some(earlier) = canonical(value).and_then(|item| first.insert(item, index)) else {
            return Ok(());
        };
        self.first = None;
        report.add(place, value, "uniqueItems", || format!("must not repeat item {earlier}"))
    }

    pub(super) fn end(&self, place: &Place<'_>, report: &mut Report) -> Result<(), Stop> {
        let Items { min_items, max_items, contains, .. } = *self.items;
        items_within((min_items, max_items), self.length, place, report)?;
        let Some(contains) = contains else { return Ok(()) };
        if self.matching < contains.min as usize {
            let rule = if contains.min == 1 { "contains" } else { "minContains" };
            let least = counted(contains.min, "matching item");
            report.add(place, Found::Array, rule, || format!("must contain at least {least}"))?;
        }
        if contains.max != u32::MAX && self.matching > contains.max as usize {
            let most = counted(contains.max, "matching item");
            report.add(place, Found::Array, "maxContains", || format!("must contain at most {most}"))?;
        }
        Ok(())
    }
}

/// Refuses an item or property for which `false` is left; the keyword that says so is named.
pub(super) fn refuse_part(
    value: &dyn Visit,
    place: &Place<'_>,
    keyword: &'static str,
    report: &mut Report,
) -> Result<(), Stop> {
    report.add(place, value, keyword, || "is not allowed".to_owned())
}

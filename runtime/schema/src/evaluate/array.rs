//! The keywords for arrays.

use std::collections::HashMap;

use super::super::check::{check_item_count, visit};
use super::super::display::pluralize;
use super::super::equality::canonicalize;
use super::super::path::Path;
use super::super::report::{Report, Stop};
use super::super::visit::{Found, Visit};
use super::super::{Items, Rules, Schema};
use super::{Evaluated, Node, evaluate_again, evaluate_part};

/// An array on its way through its keywords.
pub(super) struct ArrayKeywords {
    items: &'static Items,
    /// The number of items so far.
    length: usize,
    /// The number of them that match `contains`.
    matching: usize,
    /// The first index of each item, if items must be unique and no duplicate was found.
    first: Option<HashMap<Vec<u8>, usize>>,
}

impl ArrayKeywords {
    pub(super) fn new(rules: &'static Rules) -> Self {
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
        let path = &node.path.item(index);
        let mut is_evaluated = true;
        match (self.items.prefix.get(index), self.items.rest) {
            (Some(rules), _) => evaluate_part(node, rules, value, path, report)?,
            (None, Some(rules)) if rules.is_never() => report_not_allowed(value, path, "items", report)?,
            (None, Some(rules)) => evaluate_part(node, rules, value, path, report)?,
            (None, None) => {
                is_evaluated = false;
                if node.is_first {
                    visit(&Schema::Any, value, path, report)?;
                }
            }
        }
        self.check_unique(index, value, path, report)?;
        if let Some(contains) = self.items.contains
            && report.accepts(|report| evaluate_again(contains.rules, value, path, report))
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
        path: &Path<'_>,
        report: &mut Report,
    ) -> Result<(), Stop> {
        let Some(first) = &mut self.first else { return Ok(()) };
        let Some(earlier) = canonicalize(value).and_then(|item| first.insert(item, index)) else {
            return Ok(());
        };
        self.first = None;
        report.add(path, value, "uniqueItems", || format!("must not repeat item {earlier}"))
    }

    pub(super) fn end(&self, path: &Path<'_>, report: &mut Report) -> Result<(), Stop> {
        let Items { min_items, max_items, contains, .. } = *self.items;
        check_item_count((min_items, max_items), self.length, path, report)?;
        let Some(contains) = contains else { return Ok(()) };
        if self.matching < contains.min as usize {
            let rule = if contains.min == 1 { "contains" } else { "minContains" };
            let min = pluralize(contains.min, "matching item");
            report.add(path, Found::Array, rule, || format!("must contain at least {min}"))?;
        }
        if contains.max != u32::MAX && self.matching > contains.max as usize {
            let max = pluralize(contains.max, "matching item");
            report.add(path, Found::Array, "maxContains", || format!("must contain at most {max}"))?;
        }
        Ok(())
    }
}

/// Rejects an item or a property whose schema is `false`, with the keyword that applies it.
pub(super) fn report_not_allowed(
    value: &dyn Visit,
    path: &Path<'_>,
    keyword: &'static str,
    report: &mut Report,
) -> Result<(), Stop> {
    report.add(path, value, keyword, || "is not allowed".to_owned())
}

//! The keywords for objects.

use super::super::check::{report_duplicate, report_missing, visit};
use super::super::display::{Subject, pluralize_properties, quote};
use super::super::path::Path;
use super::super::property_finder::PropertyFinder;
use super::super::report::{Report, Stop};
use super::super::visit::{Found, Visit};
use super::super::{Members, Rules, Schema};
use super::array::report_not_allowed;
use super::{Evaluated, Node, evaluate_part};

/// An object on its way through its keywords.
pub(super) struct ObjectKeywords {
    members: &'static Members,
    /// The number of properties so far.
    length: usize,
    properties: PropertyFinder,
    required: PropertyFinder,
    /// The present names that other keywords depend on.
    present: Vec<&'static str>,
}

impl ObjectKeywords {
    pub(super) fn new(rules: &'static Rules) -> Self {
        Self {
            members: rules.object.unwrap_or(&Members::ANY),
            length: 0,
            properties: PropertyFinder::default(),
            required: PropertyFinder::default(),
            present: Vec::new(),
        }
    }

    pub(super) fn member(
        &mut self,
        node: &Node<'_>,
        name: &str,
        value: &dyn Visit,
        report: &mut Report,
        evaluated: &mut Evaluated<'_>,
    ) -> Result<(), Stop> {
        let Members { properties, required, .. } = *self.members;
        let position = self.length;
        let path = &node.path.property(name, position);
        self.length += 1;
        self.required.find(required.len(), |index| required[index] == name);
        self.note(name);
        self.check_name(name, path, report)?;

        let declared = self.properties.find(properties.len(), |index| properties[index].0 == name);
        if declared.as_ref().is_some_and(|declared| declared.is_duplicate) {
            return report_duplicate(path, value, report);
        }
        if let Some(declared) = &declared {
            evaluate_part(node, properties[declared.index].1, value, path, report)?;
        }
        let mut is_evaluated = declared.is_some();
        for (_, rules) in self.members.patterns.iter().filter(|(pattern, _)| pattern.matches(name)) {
            is_evaluated = true;
            evaluate_part(node, rules, value, path, report)?;
        }
        match self.members.others {
            _ if is_evaluated => {}
            Some(rules) if rules.is_never() => {
                is_evaluated = true;
                report_not_allowed(value, path, "additionalProperties", report)?;
            }
            Some(rules) => {
                is_evaluated = true;
                evaluate_part(node, rules, value, path, report)?;
            }
            None if node.is_first => visit(&Schema::Any, value, path, report)?,
            None => {}
        }
        if let Some(evaluated) = evaluated.as_mut().filter(|_| is_evaluated) {
            evaluated.insert(position);
        }
        Ok(())
    }

    /// Records a name that a keyword depends on.
    fn note(&mut self, name: &str) {
        let Members { dependent_required, dependent_schemas, .. } = *self.members;
        let of_required =
            dependent_required.iter().flat_map(|(trigger, names)| names.iter().chain([trigger]));
        let of_schemas = dependent_schemas.iter().map(|(trigger, _)| trigger);
        self.present.extend(of_required.chain(of_schemas).find(|noted| **noted == name));
    }

    fn check_name(&self, name: &str, path: &Path<'_>, report: &mut Report) -> Result<(), Stop> {
        let Some(rules) = self.members.names else { return Ok(()) };
        let node = Node { rules, value: &name, path: &path.name(), is_first: true };
        report.check_name(|report| node.evaluate_or_recall(report, None))
    }

    pub(super) fn end(&self, path: &Path<'_>, report: &mut Report) -> Result<(), Stop> {
        let Members { min_properties, max_properties, required, .. } = *self.members;
        if self.length < min_properties as usize {
            let min = pluralize_properties(min_properties);
            report.add(path, Found::Object, "minProperties", || format!("must have at least {min}"))?;
        }
        if max_properties != u32::MAX && self.length > max_properties as usize {
            let max = pluralize_properties(max_properties);
            report.add(path, Found::Object, "maxProperties", || format!("must have at most {max}"))?;
        }
        for (index, name) in required.iter().enumerate() {
            if !self.required.seen(index) {
                report_missing(&path.absent(name), report)?;
            }
        }
        let dependent = self.members.dependent_required;
        for (trigger, names) in dependent.iter().filter(|(trigger, _)| self.present.contains(trigger)) {
            for name in names.iter().filter(|name| !self.present.contains(name)) {
                report.add(&path.absent(name), Subject::Absent, "dependentRequired", || {
                    format!("is required when {} is present", quote(trigger))
                })?;
            }
        }
        Ok(())
    }

    /// Returns the `dependentSchemas` that apply. Call it after all properties.
    pub(super) fn dependent_schemas(&self) -> impl Iterator<Item = &'static Rules> {
        let applying = self.members.dependent_schemas.iter();
        applying.filter(|(trigger, _)| self.present.contains(trigger)).map(|(_, rules)| *rules)
    }
}

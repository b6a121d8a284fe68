//! The keywords for objects.

use super::super::check::{missing, twice, visit};
use super::super::names::Finder;
use super::super::place::{Place, Report, Stop};
use super::super::shown::{Subject, counted_properties, quoted};
use super::super::visit::{Found, Visit};
use super::super::{Members, Rules, Schema};
use super::array::refuse_part;
use super::{Evaluated, Node, evaluate_part};

/// An object on its way through its keywords.
pub(super) struct ObjectKeywords {
    members: &'static Members,
    /// How many properties there were so far.
    length: usize,
    properties: Finder,
    required: Finder,
    /// The names that are there, of those that something depends on.
    present: Vec<&'static str>,
}

impl ObjectKeywords {
    pub(super) fn of(rules: &'static Rules) -> Self {
        Self {
            members: rules.object.unwrap_or(&Members::ANY),
            length: 0,
            properties: Finder::default(),
            required: Finder::default(),
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
        let place = &node.place.property(name, position);
        self.length += 1;
        self.required.find(required.len(), |index| required[index] == name);
        self.note(name);
        self.check_name(name, place, report)?;

        let declared = self.properties.find(properties.len(), |index| properties[index].0 == name);
        if declared.as_ref().is_some_and(|declared| declared.again) {
            return twice(place, value, report);
        }
        if let Some(declared) = &declared {
            evaluate_part(node, properties[declared.index].1, value, place, report)?;
        }
        let mut is_evaluated = declared.is_some();
        for (_, rules) in self.members.patterns.iter().filter(|(pattern, _)| pattern.matches(name)) {
            is_evaluated = true;
            evaluate_part(node, rules, value, place, report)?;
        }
        match self.members.others {
            _ if is_evaluated => {}
            Some(rules) if rules.is_never() => {
                is_evaluated = true;
                refuse_part(value, place, "additionalProperties", report)?;
            }
            Some(rules) => {
                is_evaluated = true;
                evaluate_part(node, rules, value, place, report)?;
            }
            None if node.is_first => visit(&Schema::Any, value, place, report)?,
            None => {}
        }
        if let Some(evaluated) = evaluated.as_mut().filter(|_| is_evaluated) {
            evaluated.insert(position);
        }
        Ok(())
    }

    /// Keeps a name that something depends on.
    fn note(&mut self, name: &str) {
        let Members { dependent_required, dependent_schemas, .. } = *self.members;
        let of_required =
            dependent_required.iter().flat_map(|(trigger, names)| names.iter().chain([trigger]));
        let of_schemas = dependent_schemas.iter().map(|(trigger, _)| trigger);
        self.present.extend(of_required.chain(of_schemas).find(|noted| **noted == name));
    }

    fn check_name(&self, name: &str, place: &Place<'_>, report: &mut Report) -> Result<(), Stop> {
        let Some(rules) = self.members.names else { return Ok(()) };
        let node = Node { rules, value: &name, place: &place.name(), is_first: true };
        report.about_name(|report| node.judge(report, None))
    }

    pub(super) fn end(&self, place: &Place<'_>, report: &mut Report) -> Result<(), Stop> {
        let Members { min_properties, max_properties, required, .. } = *self.members;
        if self.length < min_properties as usize {
            let least = counted_properties(min_properties);
            report.add(place, Found::Object, "minProperties", || format!("must have at least {least}"))?;
        }
        if max_properties != u32::MAX && self.length > max_properties as usize {
            let most = counted_properties(max_properties);
            report.add(place, Found::Object, "maxProperties", || format!("must have at most {most}"))?;
        }
        for (index, name) in required.iter().enumerate() {
            if !self.required.seen(index) {
                missing(&place.absent(name), report)?;
            }
        }
        let dependent = self.members.dependent_required;
        for (trigger, names) in dependent.iter().filter(|(trigger, _)| self.present.contains(trigger)) {
            for name in names.iter().filter(|name| !self.present.contains(name)) {
                report.add(&place.absent(name), Subject::Absent, "dependentRequired", || {
                    format!("is required beside {}", quoted(trigger))
                })?;
            }
        }
        Ok(())
    }

    /// The `dependentSchemas` that apply, once all properties are there.
    pub(super) fn dependent_schemas(&self) -> impl Iterator<Item = &'static Rules> {
        let applying = self.members.dependent_schemas.iter();
        applying.filter(|(trigger, _)| self.present.contains(trigger)).map(|(_, rules)| *rules)
    }
}

//! Patterns that apply to client input of unlimited length.

use std::collections::BTreeSet;

use fanfare_pattern::Regex;

use crate::diagnostics::{Code, Diagnostic, Location};
use crate::model::{Additional, Model, Rules, RulesId, Text, Type, TypeId};

/// Warns about patterns without `maxLength` in params and signals.
pub(super) fn warn(model: &Model) -> Vec<Diagnostic> {
    let mut search = Search { model, types: BTreeSet::new(), rules: BTreeSet::new(), found: Vec::new() };
    for channel in &model.channels {
        for param in &channel.params {
            search.shape(&param.shape, &channel.location.join("params").join(&param.name.wire));
        }
        for signal in &channel.signals {
            search.named(signal.payload);
        }
    }
    search.found
}

struct Search<'m> {
    model: &'m Model,
    types: BTreeSet<TypeId>,
    rules: BTreeSet<RulesId>,
    found: Vec<Diagnostic>,
}

impl Search<'_> {
    fn named(&mut self, id: TypeId) {
        if self.types.insert(id) {
            let named = self.model.get(id);
            self.shape(&named.shape, &named.location);
        }
    }

    fn shape(&mut self, shape: &Type, location: &Location) {
        match shape {
            Type::Named(id) => self.named(*id),
            Type::Text(text) => self.text(text, location),
            Type::Array(array) if array.prefix.is_empty() => {
                self.shape(&array.items, &location.join("items"))
            }
            Type::Map(values, _) => self.shape(values, &location.join("additionalProperties")),
            Type::Object(object) => {
                for property in &object.properties {
                    self.shape(&property.shape, &location.join("properties").join(&property.name.wire));
                }
                if let Additional::Checked(values) = &object.additional {
                    self.shape(values, &location.join("additionalProperties"));
                }
            }
            Type::Tagged(tagged) => tagged.cases.iter().for_each(|case| self.named(case.target)),
            Type::Checked(checked) => self.rules(&checked.rules, location),
            other => other.children().into_iter().for_each(|child| self.shape(child, location)),
        }
    }

    /// Reports rules at the input that they apply to, so that a pattern is reported for each of them.
    fn rules(&mut self, rules: &Rules, location: &Location) {
        self.text(&rules.text, location);
        for id in &rules.references {
            if self.rules.insert(*id) {
                self.rules(&self.model.rules[id.0].rules, location);
            }
        }
        rules.parts(false, &mut |part| self.rules(part, location));
    }

    fn text(&mut self, text: &Text, location: &Location) {
        let Some(pattern) = &text.pattern else { return };
        if text.max_length.is_some() || Regex::new(pattern).is_ok_and(|regex| regex.is_bounded()) {
            return;
        }
        self.found.push(
            Diagnostic::at(
                Code::UnlimitedPattern,
                location,
                "this pattern applies to client input of unlimited length",
            )
            .note("matching takes time linear in the length of the text")
            .help("add a `maxLength`"),
        );
    }
}

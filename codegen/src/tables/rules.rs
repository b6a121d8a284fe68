//! The tables of rules.

use fanfare_schema::{Condition, Contains, Deferred, Items, Literals, Members, Rules};
use serde_json::json;

use super::leak::{leak, leak_slice, leak_text, leak_texts};
use super::scalars::{kinds, number, pattern, text};
use crate::model::{self, NamedRules, RulesId};

/// The tables of the rules that others refer to.
pub(super) struct RuleTables {
    /// By id. A table that is not built yet is a reference that is set later.
    named: Vec<&'static Rules>,
}

impl RuleTables {
    /// Builds the tables of all rules that have a name.
    pub(super) fn build(all: &[NamedRules]) -> Self {
        let deferred: Vec<&'static Deferred<Rules>> = all.iter().map(|_| leak(Deferred::new())).collect();
        let references = deferred.iter().map(|deferred| Rules { deferred: Some(deferred), ..Rules::ANY });
        let mut tables = Self { named: references.map(leak).collect() };
        for (index, (named, deferred)) in all.iter().zip(&deferred).enumerate() {
            let table = leak(tables.rules(&named.rules));
            deferred.set(table);
            tables.named[index] = table;
        }
        tables
    }

    /// Returns a table of rules.
    pub(super) fn table(&self, rules: &model::Rules) -> &'static Rules {
        match rules.only_reference() {
            Some(id) => self.named(id),
            None => self.part(rules),
        }
    }

    fn named(&self, RulesId(index): RulesId) -> &'static Rules {
        self.named[index]
    }

    fn part(&self, rules: &model::Rules) -> &'static Rules {
        if *rules == model::Rules::never() { &Rules::NEVER } else { leak(self.rules(rules)) }
    }

    fn optional(&self, rules: Option<&model::Rules>) -> Option<&'static Rules> {
        rules.map(|rules| self.part(rules))
    }

    fn parts(&self, list: &[model::Rules]) -> &'static [&'static Rules] {
        leak_slice(list.iter().map(|rules| self.part(rules)).collect())
    }

    fn rules(&self, rules: &model::Rules) -> Rules {
        let references = rules.references.iter().map(|id| self.named(*id));
        let all_of = references.chain(rules.all_of.iter().map(|rules| self.part(rules))).collect();
        Rules {
            kinds: kinds(rules.kinds),
            values: rules
                .values
                .as_ref()
                .map(|values| leak(Literals::new(leak_text(&json!(values).to_string())))),
            number: (rules.number != model::Number::default()).then(|| leak(number(&rules.number))),
            text: (rules.text != model::Text::default()).then(|| leak(text(&rules.text))),
            array: (rules.array != model::Items::default()).then(|| leak(self.items(&rules.array))),
            object: (rules.object != model::Members::default()).then(|| leak(self.members(&rules.object))),
            all_of: leak_slice(all_of),
            any_of: self.parts(&rules.any_of),
            one_of: self.parts(&rules.one_of),
            not: self.optional(rules.not.as_deref()),
            condition: rules.condition.as_deref().map(|condition| {
                let model::Condition { test, then, otherwise } = condition;
                let [test, then, otherwise] = [test, then, otherwise].map(|rules| self.part(rules));
                leak(Condition { test, then, otherwise })
            }),
            unevaluated_items: self.optional(rules.unevaluated_items.as_deref()),
            unevaluated_properties: self.optional(rules.unevaluated_properties.as_deref()),
            deferred: None,
        }
    }

    fn items(&self, array: &model::Items) -> Items {
        Items {
            prefix: self.parts(&array.prefix),
            rest: self.optional(array.rest.as_deref()),
            contains: array.contains.as_deref().map(|contains| Contains {
                rules: self.part(&contains.rules),
                min: contains.min,
                max: contains.max.unwrap_or(u32::MAX),
            }),
            min_items: array.min_items.unwrap_or(0),
            max_items: array.max_items.unwrap_or(u32::MAX),
            unique: array.unique,
        }
    }

    fn members(&self, object: &model::Members) -> Members {
        let by_name = |members: &[(String, model::Rules)]| {
            leak_slice(members.iter().map(|(name, rules)| (leak_text(name), self.part(rules))).collect())
        };
        let patterns = object.patterns.iter().map(|(source, rules)| (pattern(source), self.part(rules)));
        let dependent =
            object.dependent_required.iter().map(|(name, others)| (leak_text(name), leak_texts(others)));
        Members {
            properties: by_name(&object.properties),
            patterns: leak_slice(patterns.collect()),
            others: self.optional(object.others.as_deref()),
            names: self.optional(object.names.as_deref()),
            required: leak_texts(&object.required),
            dependent_required: leak_slice(dependent.collect()),
            dependent_schemas: by_name(&object.dependent_schemas),
            min_properties: object.min_properties.unwrap_or(0),
            max_properties: object.max_properties.unwrap_or(u32::MAX),
        }
    }
}

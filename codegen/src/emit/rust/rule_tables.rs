//! Prints rules as Rust tables: JSON Schema beyond what types express.

use super::expression::Expression;
use super::tables::{Tables, count, literal, number_rules};
use crate::model::{Items, Kinds, Members, Number, Rules, RulesId, Text};
use crate::names::table;

/// The fields of a table.
type Fields = Vec<(&'static str, Expression)>;

impl Tables<'_> {
    /// Prints a table of rules: `pub(super) static NODE: Rules = …;`
    pub(super) fn print_rules(&mut self, id: RulesId) {
        let named = &self.model.rules[id.0];
        let rules = self.rules(&named.rules);
        self.print("pub(super) ", &table(&named.name), "Rules", &rules);
    }

    /// Returns a table of rules, as an expression.
    pub(super) fn rules(&mut self, rules: &Rules) -> Expression {
        if *rules == Rules::never() {
            return Expression::word("Rules::NEVER");
        }
        let mut fields = Fields::new();
        if rules.kinds != Kinds::ANY {
            let names = rules.kinds.names();
            let mut kinds = names.into_iter().map(|(_, name)| format!("Kinds::{name}"));
            let first = kinds.next().unwrap_or_else(|| "Kinds::NONE".to_owned());
            fields.push((
                "kinds",
                Expression::Word(kinds.fold(first, |all, kind| format!("{all}.or({kind})"))),
            ));
        }
        if let Some(values) = &rules.values {
            fields.push(("values", self.add_literals(values).reference().some()));
        }
        if rules.number != Number::default() {
            fields.push(("number", number_rules(&rules.number).reference().some()));
        }
        if rules.text != Text::default() {
            fields.push(("text", self.text_rules(&rules.text).reference().some()));
        }
        if rules.array != Items::default() {
            fields.push(("array", self.items(&rules.array).reference().some()));
        }
        if rules.object != Members::default() {
            fields.push(("object", self.members(&rules.object).reference().some()));
        }
        self.applicators(rules, &mut fields);
        Expression::any_with("Rules", fields)
    }

    fn applicators(&mut self, rules: &Rules, fields: &mut Fields) {
        let mut all: Vec<Expression> =
            rules.references.iter().map(|id| self.rules_path(*id).reference()).collect();
        all.extend(rules.all_of.iter().map(|rules| self.rules(rules).reference()));
        if !all.is_empty() {
            fields.push(("all_of", Expression::slice(all)));
        }
        for (name, alternatives) in [("any_of", &rules.any_of), ("one_of", &rules.one_of)] {
            if !alternatives.is_empty() {
                fields.push((name, self.list(alternatives)));
            }
        }
        let optional = [
            ("not", &rules.not),
            ("unevaluated_items", &rules.unevaluated_items),
            ("unevaluated_properties", &rules.unevaluated_properties),
        ];
        for (name, rules) in optional {
            fields.extend(rules.as_deref().map(|rules| (name, self.some(rules))));
        }
        if let Some(condition) = &rules.condition {
            let parts =
                [("test", &condition.test), ("then", &condition.then), ("otherwise", &condition.otherwise)];
            let parts = parts.map(|(name, rules)| (name, self.rules(rules).reference()));
            fields.push(("condition", Expression::structure("Condition", parts.into()).reference().some()));
        }
    }

    /// Returns `Some(&Rules { … })`
    fn some(&mut self, rules: &Rules) -> Expression {
        self.rules(rules).reference().some()
    }

    /// Returns `&[&Rules { … }, …]`
    fn list(&mut self, rules: &[Rules]) -> Expression {
        Expression::slice(rules.iter().map(|rules| self.rules(rules).reference()).collect())
    }

    fn items(&mut self, array: &Items) -> Expression {
        let mut fields = Fields::new();
        if !array.prefix.is_empty() {
            fields.push(("prefix", self.list(&array.prefix)));
        }
        fields.extend(array.rest.as_deref().map(|rules| ("rest", self.some(rules))));
        if let Some(contains) = &array.contains {
            let max = contains.max.map_or_else(|| Expression::word("u32::MAX"), count);
            let parts = vec![
                ("rules", self.rules(&contains.rules).reference()),
                ("min", count(contains.min)),
                ("max", max),
            ];
            fields.push(("contains", Expression::structure("Contains", parts).some()));
        }
        fields.extend(array.min_items.map(|min| ("min_items", count(min))));
        fields.extend(array.max_items.map(|max| ("max_items", count(max))));
        fields.extend(array.unique.then(|| ("unique", Expression::word("true"))));
        Expression::any_with("Items", fields)
    }

    fn members(&mut self, object: &Members) -> Expression {
        let mut fields = Fields::new();
        for (name, members) in
            [("properties", &object.properties), ("dependent_schemas", &object.dependent_schemas)]
        {
            if !members.is_empty() {
                let members = members.iter().map(|(name, rules)| {
                    Expression::tuple(vec![literal(name), self.rules(rules).reference()])
                });
                fields.push((name, Expression::slice(members.collect())));
            }
        }
        if !object.patterns.is_empty() {
            let patterns = object.patterns.iter().map(|(pattern, rules)| {
                Expression::tuple(vec![self.add_pattern(pattern), self.rules(rules).reference()])
            });
            fields.push(("patterns", Expression::slice(patterns.collect())));
        }
        fields.extend(object.others.as_deref().map(|rules| ("others", self.some(rules))));
        fields.extend(object.names.as_deref().map(|rules| ("names", self.some(rules))));
        if !object.required.is_empty() {
            fields.push(("required", literals(&object.required)));
        }
        if !object.dependent_required.is_empty() {
            let dependent = object
                .dependent_required
                .iter()
                .map(|(name, others)| Expression::tuple(vec![literal(name), literals(others)]));
            fields.push(("dependent_required", Expression::slice(dependent.collect())));
        }
        fields.extend(object.min_properties.map(|min| ("min_properties", count(min))));
        fields.extend(object.max_properties.map(|max| ("max_properties", count(max))));
        Expression::any_with("Members", fields)
    }
}

fn literals(texts: &[String]) -> Expression {
    Expression::slice(texts.iter().map(|text| literal(text)).collect())
}

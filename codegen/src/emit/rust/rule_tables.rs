//! Prints rules as Rust tables: JSON Schema beyond what types express.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::tables::{Tables, count, number_rules, rule};
use crate::model::{Items, Kinds, Members, Number, Rules, RulesId, Text};
use crate::names::table;

impl Tables<'_> {
    /// Prints a table of rules: `pub(super) static NODE: Rules = …;`
    pub(super) fn print_rules(&mut self, id: RulesId) -> TokenStream {
        let name = format_ident!("{}", table(&self.model.rules[id.0].name));
        let rules = &self.model.rules[id.0].rules;
        let rules = self.rules(rules);
        quote!(pub(super) static #name: Rules = #rules;)
    }

    /// Returns a table of rules, as an expression.
    pub(super) fn rules(&mut self, rules: &Rules) -> TokenStream {
        if *rules == Rules::never() {
            return quote!(Rules::NEVER);
        }
        let mut fields = Vec::new();
        if rules.kinds != Kinds::ANY {
            let mut kinds = rules.kinds.names().into_iter().map(|(_, name)| {
                let name = format_ident!("{name}");
                quote!(Kinds::#name)
            });
            let first = kinds.next().unwrap_or_else(|| quote!(Kinds::NONE));
            fields.push(rule("kinds", &kinds.fold(first, |all, kind| quote!(#all.or(#kind)))));
        }
        if let Some(values) = &rules.values {
            let name = self.add_literals(values);
            fields.push(quote!(values: Some(&#name)));
        }
        if rules.number != Number::default() {
            let limits = number_rules(&rules.number);
            fields.push(quote!(number: Some(&#limits)));
        }
        if rules.text != Text::default() {
            let limits = self.text_rules(&rules.text);
            fields.push(quote!(text: Some(&#limits)));
        }
        if rules.array != Items::default() {
            let items = self.items(&rules.array);
            fields.push(quote!(array: Some(&#items)));
        }
        if rules.object != Members::default() {
            let members = self.members(&rules.object);
            fields.push(quote!(object: Some(&#members)));
        }
        self.applicators(rules, &mut fields);
        if fields.is_empty() { quote!(Rules::ANY) } else { quote!(Rules { #(#fields,)* ..Rules::ANY }) }
    }

    fn applicators(&mut self, rules: &Rules, fields: &mut Vec<TokenStream>) {
        let mut all: Vec<TokenStream> = rules.references.iter().map(|id| self.rules_path(*id)).collect();
        all.extend(rules.all_of.iter().map(|rules| self.rules(rules)));
        if !all.is_empty() {
            fields.push(quote!(all_of: &[#(&#all),*]));
        }
        for (name, alternatives) in [("any_of", &rules.any_of), ("one_of", &rules.one_of)] {
            let alternatives: Vec<TokenStream> = alternatives.iter().map(|rules| self.rules(rules)).collect();
            if !alternatives.is_empty() {
                fields.push(rule(name, &quote!(&[#(&#alternatives),*])));
            }
        }
        let optional = [
            ("not", &rules.not),
            ("unevaluated_items", &rules.unevaluated_items),
            ("unevaluated_properties", &rules.unevaluated_properties),
        ];
        for (name, rules) in optional {
            fields.extend(rules.as_deref().map(|rules| self.some(name, rules)));
        }
        if let Some(condition) = &rules.condition {
            let [test, then, otherwise] =
                [&condition.test, &condition.then, &condition.otherwise].map(|rules| self.rules(rules));
            fields.push(quote!(
                condition: Some(&Condition { test: &#test, then: &#then, otherwise: &#otherwise })
            ));
        }
    }

    /// Returns `not: Some(&Rules { … })`
    fn some(&mut self, name: &str, rules: &Rules) -> TokenStream {
        let rules = self.rules(rules);
        rule(name, &quote!(Some(&#rules)))
    }

    fn items(&mut self, array: &Items) -> TokenStream {
        let mut fields = Vec::new();
        if !array.prefix.is_empty() {
            let prefix: Vec<TokenStream> = array.prefix.iter().map(|rules| self.rules(rules)).collect();
            fields.push(quote!(prefix: &[#(&#prefix),*]));
        }
        fields.extend(array.rest.as_deref().map(|rules| self.some("rest", rules)));
        if let Some(contains) = &array.contains {
            let rules = self.rules(&contains.rules);
            let min = count(contains.min);
            let max = contains.max.map_or_else(|| quote!(u32::MAX), count);
            fields.push(quote!(contains: Some(Contains { rules: &#rules, min: #min, max: #max })));
        }
        fields.extend(array.min_items.map(|min| rule("min_items", &count(min))));
        fields.extend(array.max_items.map(|max| rule("max_items", &count(max))));
        fields.extend(array.unique.then(|| quote!(unique: true)));
        quote!(Items { #(#fields,)* ..Items::ANY })
    }

    fn members(&mut self, object: &Members) -> TokenStream {
        let mut fields = Vec::new();
        for (name, members) in
            [("properties", &object.properties), ("dependent_schemas", &object.dependent_schemas)]
        {
            if !members.is_empty() {
                let members: Vec<TokenStream> = members
                    .iter()
                    .map(|(name, rules)| {
                        let rules = self.rules(rules);
                        quote!((#name, &#rules))
                    })
                    .collect();
                fields.push(rule(name, &quote!(&[#(#members),*])));
            }
        }
        if !object.patterns.is_empty() {
            let patterns: Vec<TokenStream> = object
                .patterns
                .iter()
                .map(|(pattern, rules)| {
                    let (pattern, rules) = (self.add_pattern(pattern), self.rules(rules));
                    quote!((&#pattern, &#rules))
                })
                .collect();
            fields.push(quote!(patterns: &[#(#patterns),*]));
        }
        fields.extend(object.others.as_deref().map(|rules| self.some("others", rules)));
        fields.extend(object.names.as_deref().map(|rules| self.some("names", rules)));
        if !object.required.is_empty() {
            let required = &object.required;
            fields.push(quote!(required: &[#(#required),*]));
        }
        if !object.dependent_required.is_empty() {
            let dependent =
                object.dependent_required.iter().map(|(name, others)| quote!((#name, &[#(#others),*])));
            fields.push(quote!(dependent_required: &[#(#dependent),*]));
        }
        fields.extend(object.min_properties.map(|min| rule("min_properties", &count(min))));
        fields.extend(object.max_properties.map(|max| rule("max_properties", &count(max))));
        quote!(Members { #(#fields,)* ..Members::ANY })
    }
}

//! The tables that a document describes.

use super::super::{Additional, Items, Members, Property, Rules, Schema};

/// A table: a schema or rules.
#[derive(Clone, Copy)]
pub(super) enum Node<'t> {
    Schema(&'t Schema),
    Rules(&'static Rules),
}

impl<'t> Node<'t> {
    /// Returns the node of a schema. Aliases, and schemas that consist of rules, are the same node as their target.
    pub(super) fn of(schema: &'t Schema) -> Self {
        match schema.resolve() {
            Schema::Rules(rules) => Self::Rules(rules),
            Schema::AnyOf([only]) => Node::of(only),
            schema => Self::Schema(schema),
        }
    }

    /// Returns the address, which identifies a table, as tables are `static`s.
    pub(super) fn address(self) -> *const () {
        match self {
            Self::Schema(schema) => std::ptr::from_ref(schema).cast(),
            Self::Rules(rules) => std::ptr::from_ref(rules).cast(),
        }
    }

    /// Returns `true` if a reference to the table is shorter than the table.
    pub(super) fn is_large(self) -> bool {
        let mut is_large = matches!(self, Self::Schema(Schema::Enum(_) | Schema::Literals(_)));
        self.visit_parts("", &mut |_, _| is_large = true);
        is_large
    }

    /// Calls `found` for each part, with the name of its property or case, or otherwise `name`.
    pub(super) fn visit_parts(self, name: &'t str, found: &mut dyn FnMut(&'t str, Node<'t>)) {
        match self {
            Self::Schema(schema) => visit_schema(schema, name, found),
            Self::Rules(rules) => {
                visit_rules(rules, name, &mut |name, rules| found(name, Node::Rules(rules)))
            }
        }
    }
}

fn visit_schema<'t>(schema: &'t Schema, name: &'t str, found: &mut dyn FnMut(&'t str, Node<'t>)) {
    match schema {
        Schema::Array(array) => found(name, Node::of(array.items)),
        Schema::Map(values) => found(name, Node::of(values)),
        Schema::Tuple(schemas) | Schema::AnyOf(schemas) | Schema::OneOf(schemas) => {
            schemas.iter().for_each(|schema| found(name, Node::of(schema)));
        }
        Schema::Object(object) => {
            object.properties.iter().for_each(|property: &Property| {
                found(property.name(), Node::of(property.schema()));
            });
            if let Additional::Checked(schema) = object.additional {
                found(name, Node::of(schema));
            }
        }
        Schema::Tagged(tagged) => {
            tagged.cases.iter().for_each(|(name, schema)| found(name, Node::of(schema)));
        }
        _ => {}
    }
}

type FoundRules<'f, 't> = &'f mut dyn FnMut(&'t str, &'static Rules);

fn visit_rules<'t>(rules: &'static Rules, name: &'t str, found: FoundRules<'_, 't>) {
    if let Some(items) = rules.array {
        visit_items(items, name, found);
    }
    if let Some(members) = rules.object {
        visit_members(members, name, found);
    }
    let alternatives = rules.any_of.iter().chain(rules.one_of).copied();
    rules.all_of().chain(alternatives).for_each(|rules| found(name, rules));
    let optional = [rules.not, rules.unevaluated_items, rules.unevaluated_properties];
    optional.into_iter().flatten().for_each(|rules| found(name, rules));
    if let Some(condition) = rules.condition {
        for rules in [condition.test, condition.then, condition.otherwise] {
            found(name, rules);
        }
    }
}

fn visit_items<'t>(items: &Items, name: &'t str, found: FoundRules<'_, 't>) {
    let contained = items.contains.map(|contains| contains.rules);
    items.prefix.iter().copied().chain(items.rest).chain(contained).for_each(|rules| found(name, rules));
}

fn visit_members<'t>(members: &Members, name: &'t str, found: FoundRules<'_, 't>) {
    members.properties.iter().for_each(|(name, rules)| found(name, rules));
    members.patterns.iter().for_each(|(_, rules)| found(name, rules));
    members.others.into_iter().chain(members.names).for_each(|rules| found(name, rules));
    members.dependent_schemas.iter().for_each(|(_, rules)| found(name, rules));
}

//! Names the schemas that the rules of types refer to.

use std::collections::{HashMap, HashSet};

use super::Namer;
use crate::diagnostics::{Code, Diagnostic, Location};
use crate::model::{NamedRules, Rules, RulesId, Type};
use crate::names::Name;

impl Namer<'_, '_> {
    /// Names the rules that types refer to, and adds them to the model.
    pub(super) fn number_rules(&mut self) {
        let mut numbering = Numbering { numbers: HashMap::new(), order: Vec::new() };
        let mut types = std::mem::take(&mut self.model.types);
        for named in &mut types {
            numbering.of_type(&mut named.shape);
        }
        let mut names = Names::default();
        let mut at = 0;
        while at < numbering.order.len() {
            let schema = &self.schemas[numbering.order[at].0];
            let mut rules = schema.rules.clone();
            numbering.of_rules(&mut rules);
            refuse_open(&rules, self.diagnostics);
            let name = names.of(&schema.location);
            self.model.rules.push(NamedRules { name, module: schema.module, rules, is_generated: true });
            at += 1;
        }
        for named in &types {
            refuse_open_inside(&named.shape, self.diagnostics);
        }
        // The rules of a named type that others refer to are not repeated.
        for (root, id) in self.roots.all.iter().zip(&self.root_types) {
            if let Some(number) = numbering.numbers.get(&root.schema)
                && let Type::Checked(checked) = &mut types[id.0].shape
            {
                checked.rules = Rules { references: vec![*number], ..Rules::default() };
            }
        }
        self.model.types = types;
    }
}

/// The new number of each schema that rules refer to.
struct Numbering {
    numbers: HashMap<RulesId, RulesId>,
    order: Vec<RulesId>,
}

impl Numbering {
    fn of_type(&mut self, shape: &mut Type) {
        if let Type::Checked(checked) = shape {
            self.of_rules(&mut checked.rules);
        }
        shape.children_mut().into_iter().for_each(|part| self.of_type(part));
    }

    fn of_rules(&mut self, rules: &mut Rules) {
        rules.references_mut(&mut |id| {
            let order = &mut self.order;
            *id = *self.numbers.entry(*id).or_insert_with(|| {
                order.push(*id);
                RulesId(order.len() - 1)
            });
        });
    }
}

fn refuse_open_inside(shape: &Type, diagnostics: &mut Vec<Diagnostic>) {
    if let Type::Checked(checked) = shape {
        refuse_open(&checked.rules, diagnostics);
    }
    shape.children().into_iter().for_each(|part| refuse_open_inside(part, diagnostics));
}

/// Rules know no tags, so only a union that becomes a type of its own can be open.
fn refuse_open(rules: &Rules, diagnostics: &mut Vec<Diagnostic>) {
    if let (true, Some(location)) = (rules.notes.open, &rules.notes.location) {
        let message = "`x-open` requires a union that consists of tagged objects only";
        diagnostics.push(
            Diagnostic::at(Code::Alternatives, &location.join("x-open"), message)
                .note("keywords that a generated type cannot express are not allowed in this schema or around it")
                .help(
                    "give every alternative a required property with the same name and a distinct `const` string",
                ),
        );
    }
    rules.parts(false, &mut |part| refuse_open(part, diagnostics));
}

/// The names so far, in lower case: names that differ only by case would be the same static in Rust.
#[derive(Default)]
struct Names {
    taken: HashSet<String>,
    /// How many rules use each name; all but the first have a number appended.
    counts: HashMap<String, usize>,
}

impl Names {
    fn of(&mut self, location: &Location) -> String {
        let segments = location.pointer.segments();
        let last = segments.iter().rev().find_map(|segment| Name::new(segment));
        let base = last.map_or_else(|| "Root".to_owned(), |name| name.pascal);
        let count = self.counts.entry(base.to_lowercase()).or_insert(1);
        let mut name = base.clone();
        while !self.taken.insert(name.to_lowercase()) {
            *count += 1;
            name = format!("{base}{count}");
        }
        name
    }
}

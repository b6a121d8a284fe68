//! Rules as TypeScript: JSON Schema in an object literal, with references resolved on first use.

use std::collections::{BTreeMap, BTreeSet};

use super::{File, Form, key, literal, pattern, relative};
use crate::emit::json_schema::visit_rules;
use crate::emit::keywords::{Keywords, to_keywords};
use crate::model::{Model, NamedRules, Rules, RulesId};
use crate::names::INHERITED_NAMES;

/// The line width above which an expression is split into lines.
const WIDTH: usize = 80;

fn own<'f>(file: &'f File<'_>) -> impl Iterator<Item = &'f NamedRules> {
    file.model.rules.iter().filter(|named| named.module == file.at && named.is_generated)
}

/// The constants for this file's rules that others refer to.
pub(super) fn constants(file: &File<'_>, form: Form) -> Vec<String> {
    own(file)
        .map(|named| {
            let value = expression(file.model, &named.rules, "", form == Form::Ts);
            match form {
                Form::Ts => format!("export const ${}: f.Rules = {value};", named.name),
                Form::Js => format!("export const ${} = {value};", named.name),
                Form::Declarations => format!("export declare const ${}: f.Rules;", named.name),
            }
        })
        .collect()
}

/// Import statements for rules of other files.
pub(super) fn imports(file: &File<'_>, suffix: &str) -> Vec<String> {
    let mut targets = BTreeSet::new();
    for id in file.types() {
        visit_rules(&file.model.get(id).shape, &mut |rules| {
            rules.references(false, &mut |id| _ = targets.insert(id))
        });
    }
    for named in own(file) {
        named.rules.references(false, &mut |id| _ = targets.insert(id));
    }
    let mut by_module: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for id in targets {
        let module = file.model.rules[id.0].module;
        if module != file.at {
            by_module.entry(module).or_default().push(constant(file.model, id));
        }
    }
    let import = |(module, names): (usize, Vec<String>)| {
        let path = relative(file.stem, &file.model.modules[module].stem);
        format!("import {{ {} }} from {};", names.join(", "), file.import(&format!("{path}.{suffix}")))
    };
    by_module.into_iter().map(import).collect()
}

/// Rules as an expression, for a line that starts with `indent`.
pub(super) fn expression(model: &Model, rules: &Rules, indent: &str, is_typed: bool) -> String {
    Writer { model, is_typed }.written(&to_keywords(rules), indent)
}

/// The name of the constant that holds rules.
pub(super) fn constant(model: &Model, id: RulesId) -> String {
    format!("${}", model.rules[id.0].name)
}

struct Writer<'m> {
    model: &'m Model,
    is_typed: bool,
}

impl Writer<'_> {
    /// A member of an object literal. TypeScript does not apply an index signature to a name that every object inherits,
    /// so such a member states its type.
    fn member(&self, name: &str, keywords: &Keywords, value: &str) -> String {
        let is_inherited = matches!(keywords, Keywords::Members(_)) && INHERITED_NAMES.contains(&name);
        format!(
            "{}: {value}{}",
            key(name),
            if self.is_typed && is_inherited { " satisfies f.Rules" } else { "" }
        )
    }

    fn written(&self, keywords: &Keywords, indent: &str) -> String {
        let inner = format!("{indent}  ");
        let (open, close, parts): (_, _, Vec<String>) = match keywords {
            Keywords::Json(value) => return literal(value, ", "),
            Keywords::Pattern(pattern) => return pattern::expression(pattern),
            Keywords::Reference(id) => return format!("() => {}", constant(self.model, *id)),
            Keywords::ByPattern(members) if !members.iter().all(|(name, _)| pattern::is_native(name)) => (
                "[",
                "]",
                members
                    .iter()
                    .map(|(name, keywords)| {
                        format!("[{}, {}]", pattern::expression(name), self.written(keywords, &inner))
                    })
                    .collect(),
            ),
            Keywords::Members(members) | Keywords::ByPattern(members) => (
                "{",
                "}",
                members
                    .iter()
                    .map(|(name, keywords)| self.member(name, keywords, &self.written(keywords, &inner)))
                    .collect(),
            ),
            Keywords::List(items) => {
                ("[", "]", items.iter().map(|keywords| self.written(keywords, &inner)).collect())
            }
        };
        let length: usize = parts.iter().map(|part| part.len() + 2).sum();
        if indent.len() + length < WIDTH && parts.iter().all(|part| !part.contains('\n')) {
            let space = if open == "{" { " " } else { "" };
            return format!("{open}{space}{}{space}{close}", parts.join(", "));
        }
        let separator = format!(",\n{inner}");
        format!("{open}\n{inner}{},\n{indent}{close}", parts.join(&separator))
    }
}

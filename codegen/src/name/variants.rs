//! Names the alternatives of a union.

use super::Namer;
use crate::infer::{Alternative, Form, Object, Others, Shape};
use crate::names::{Name, distinct_names, numbered};

impl<'s> Namer<'s, '_> {
    /// A distinct name for each alternative's variant: from its title, the type that it refers to, its tag, a
    /// property that only it requires, or its kind of value.
    pub(super) fn variants(&mut self, alternatives: &[&Alternative<'s>]) -> Vec<String> {
        if let Some(tags) = tags(alternatives) {
            return distinct_names(&tags).iter().map(Name::rust_type).collect();
        }
        let names: Vec<String> = alternatives
            .iter()
            .map(|alternative| {
                let name = self.variant(alternative, alternatives);
                name.unwrap_or_else(|| kind(&alternative.form).to_owned())
            })
            .collect();
        numbered(names)
    }

    fn variant(&mut self, alternative: &Alternative<'s>, all: &[&Alternative<'s>]) -> Option<String> {
        let spelled = |text: &str| Name::new(text).map(|name| name.rust_type());
        if let Some(title) = alternative.notes.title.as_deref().and_then(spelled) {
            return Some(title);
        }
        match &alternative.form {
            Form::Reference(id) => {
                let id = self.root(*id);
                Some(self.model.get(id).rust.clone())
            }
            Form::Strings(strings) => match strings.values.as_slice() {
                [(text, _)] if !strings.open => spelled(text),
                _ => Some("Choice".to_owned()),
            },
            Form::Literals(values) => match values.as_slice() {
                [value] => spelled(&value.to_string()),
                _ => Some("Choice".to_owned()),
            },
            Form::Object(object) => tag(object).and_then(spelled).or_else(|| own_property(object, all)),
            _ => None,
        }
    }
}

/// The distinct tags of alternatives that are all objects with a tag.
fn tags<'a>(alternatives: &[&'a Alternative<'_>]) -> Option<Vec<&'a str>> {
    let tags: Option<Vec<&str>> = alternatives
        .iter()
        .map(|alternative| match &alternative.form {
            Form::Object(object) if alternative.notes.title.is_none() => tag(object),
            _ => None,
        })
        .collect();
    tags.filter(|tags| (1..tags.len()).all(|at| !tags[..at].contains(&tags[at])))
}

/// The first string that a required property must have.
fn tag<'o>(object: &'o Object<'_>) -> Option<&'o str> {
    object.properties.values().filter(|property| property.required).find_map(|property| {
        let Shape::Sum(sum) = &property.part.shape else { return None };
        match sum.alternatives.as_slice() {
            [Alternative { form: Form::Strings(strings), .. }] if !strings.open => {
                match strings.values.as_slice() {
                    [(text, _)] => Some(text.as_str()),
                    _ => None,
                }
            }
            _ => None,
        }
    })
}

/// The name of a property that only this alternative requires, or the kind if this is the only object.
fn own_property(object: &Object<'_>, all: &[&Alternative<'_>]) -> Option<String> {
    let objects: Vec<&Object<'_>> = all
        .iter()
        .filter_map(|alternative| match &alternative.form {
            Form::Object(object) => Some(object),
            _ => None,
        })
        .collect();
    if objects.len() == 1 {
        return None;
    }
    let requires = |object: &Object<'_>, name: &str| {
        object.properties.get(name).is_some_and(|property| property.required)
    };
    let own = object
        .properties
        .keys()
        .filter(|name| requires(object, name))
        .find(|name| objects.iter().filter(|other| requires(other, name)).count() == 1)?;
    Name::new(own).map(|name| name.rust_type())
}

fn kind(form: &Form<'_>) -> &'static str {
    match form {
        Form::Any => "Any",
        Form::Null => "Null",
        Form::Boolean => "Boolean",
        Form::Integer(_) => "Integer",
        Form::Number(_) => "Number",
        Form::Text(_) | Form::Int64 | Form::Uint64 => "Text",
        Form::Strings(_) | Form::Literals(_) | Form::Union(_) => "Choice",
        Form::Array(_) => "List",
        Form::Object(object) if object.properties.is_empty() && object.others != Others::Refused => "Map",
        Form::Object(_) | Form::Reference(_) => "Object",
    }
}

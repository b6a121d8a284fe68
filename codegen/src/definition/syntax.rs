//! Parses YAML and JSON to JSON values. Syntax errors are located, in the words of YAML.

use std::path::Path;

use serde_json::Value;

use crate::diagnostics::{Code, Diagnostic, Place, SourceId, second_document, second_of_equal_keys};

/// Parses a file.
///
/// # Errors
/// Returns the syntax error, or a diagnostic for each value that JSON cannot represent.
pub(crate) fn parse(path: &Path, text: &str, source: SourceId) -> Result<Value, Vec<Diagnostic>> {
    let json = path.extension().is_some_and(|extension| extension == "json");
    let parsed: Result<serde_yaml::Value, (Option<(usize, usize)>, String)> = if json {
        serde_json::from_str(text).map_err(|error| (Some((error.line(), error.column())), error.to_string()))
    } else {
        serde_yaml::from_str(text)
            .map_err(|error| (error.location().map(|at| (at.line(), at.column())), error.to_string()))
    };
    let yaml = parsed.map_err(|(position, message)| vec![syntax_error(source, text, position, &message)])?;
    let mut diagnostics = Vec::new();
    let value = to_json(yaml, &Place::root(source), &mut diagnostics);
    if diagnostics.is_empty() { Ok(value) } else { Err(diagnostics) }
}

fn syntax_error(source: SourceId, text: &str, position: Option<(usize, usize)>, message: &str) -> Diagnostic {
    if message.contains("duplicate entry")
        && let Some((line, column, key)) = second_of_equal_keys(text)
    {
        let message = format!("duplicate key `{key}`");
        return Diagnostic::at_position(Code::DuplicateKey, source, (line, column), message)
            .help("remove or rename one of them");
    }
    if message.contains("more than one document") {
        return Diagnostic::at_position(
            Code::Syntax,
            source,
            second_document(text).unwrap_or((1, 1)),
            "a file can contain only one YAML document",
        )
        .help("move the text after `---` to a separate file");
    }
    let ends = message.contains("unexpected end of stream")
        || position.is_some_and(|(line, _)| line > text.lines().count());
    if let Some(start) = context_start(message).filter(|_| ends) {
        return Diagnostic::at_position(
            Code::Syntax,
            source,
            start,
            "unterminated string or collection starting here",
        );
    }
    if let Some(at) = position.filter(|at| character_at(text, *at) == Some('\t')) {
        return Diagnostic::at_position(Code::Syntax, source, at, "tabs are not allowed as YAML indentation")
            .help("indent with spaces");
    }
    let message = message.split(" at line ").next().unwrap_or(message);
    if message.contains("recursion limit") {
        return Diagnostic::at_position(
            Code::Syntax,
            source,
            position.unwrap_or((1, 1)),
            "nested too deeply",
        )
        .note("definitions may be nested up to 128 levels deep")
        .help("move inner schemas to `$defs` and refer to them with `$ref`");
    }
    Diagnostic::at_position(
        Code::Syntax,
        source,
        position.unwrap_or((1, 1)),
        format!("syntax error: {message}"),
    )
}

/// The line and column in `…, while scanning a quoted scalar at line 4 column 14`.
fn context_start(context: &str) -> Option<(usize, usize)> {
    let (line, column) =
        context.split_once(", while ")?.1.rsplit_once(" at line ")?.1.split_once(" column ")?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

fn character_at(text: &str, (line, column): (usize, usize)) -> Option<char> {
    text.lines().nth(line.checked_sub(1)?)?.chars().nth(column.checked_sub(1)?)
}

/// Converts YAML to JSON. Reports values that JSON cannot represent.
fn to_json(yaml: serde_yaml::Value, place: &Place, diagnostics: &mut Vec<Diagnostic>) -> Value {
    match yaml {
        serde_yaml::Value::Null => Value::Null,
        serde_yaml::Value::Bool(value) => Value::Bool(value),
        serde_yaml::Value::String(text) => Value::String(text),
        serde_yaml::Value::Number(number) => match serde_json::to_value(&number) {
            Ok(value) if value.is_number() => value,
            _ => {
                diagnostics.push(Diagnostic::at(
                    Code::Shape,
                    place,
                    format!("`{number}` is not a JSON number"),
                ));
                Value::Null
            }
        },
        serde_yaml::Value::Sequence(items) => items
            .into_iter()
            .enumerate()
            .map(|(index, item)| to_json(item, &place.join(index), diagnostics))
            .collect(),
        serde_yaml::Value::Mapping(entries) => {
            let mut object = serde_json::Map::new();
            for (key, value) in entries {
                let written = match key {
                    serde_yaml::Value::String(key) => {
                        let value = to_json(value, &place.join(&key), diagnostics);
                        object.insert(key, value);
                        continue;
                    }
                    serde_yaml::Value::Number(key) => place.join(key),
                    serde_yaml::Value::Bool(key) => place.join(key),
                    serde_yaml::Value::Null => place.join("null"),
                    _ => place.clone(),
                };
                diagnostics.push(
                    Diagnostic::at_key(Code::Shape, &written, "mapping keys must be strings")
                        .help("put the key in quotes"),
                );
            }
            Value::Object(object)
        }
        serde_yaml::Value::Tagged(tagged) => {
            diagnostics.push(
                Diagnostic::at(Code::Shape, place, format!("unsupported YAML tag `{}`", tagged.tag))
                    .help("remove the tag, or put the text in quotes"),
            );
            Value::Null
        }
    }
}

//! Changes an imported definition until the compiler accepts it.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::definition::Keyword;
use crate::diagnostics::{Code, Diagnostic, Location};

/// The maximum number of rounds. Each changes at least one part.
const MAX_ROUNDS: usize = 200;

/// Errors that removing one keyword resolves. The schema then accepts more values.
const OF_A_KEYWORD: [Code; 11] = [
    Code::Shape,
    Code::UnknownKey,
    Code::UnknownKeyword,
    Code::UnsupportedKeyword,
    Code::CannotBeOpen,
    Code::Reference,
    Code::Pattern,
    Code::Format,
    Code::Limit,
    Code::IntegerRange,
    Code::Dialect,
];

/// Changes a definition until `check` reports no error. Returns what was changed, with the location in the document.
pub(super) fn accept(
    definition: &mut Value,
    origins: &mut HashMap<Vec<String>, Location>,
    check: &dyn Fn(&Value) -> Vec<Diagnostic>,
) -> Result<Vec<(Location, String)>, Vec<Diagnostic>> {
    let mut changes = Vec::new();
    for _ in 0..MAX_ROUNDS {
        let diagnostics = check(definition);
        if diagnostics.is_empty() {
            return Ok(changes);
        }
        let mut resolved: Vec<Vec<String>> = Vec::new();
        for diagnostic in &diagnostics {
            let Some(location) = diagnostic.location() else { continue };
            let path: Vec<String> = location.pointer.segments().into_iter().map(str::to_owned).collect();
            let is_outdated = get(definition, &path).is_none() && diagnostic.code() != Code::Shape;
            if is_outdated || resolved.iter().any(|known| path.starts_with(known)) {
                continue;
            }
            let Some(change) = resolve(definition, origins, &path, diagnostic.code()) else { continue };
            if let Some(origin) = origin(origins, &path) {
                changes.push((origin, format!("{change}: {}", diagnostic.message())));
            }
            resolved.push(path);
            // Another name, or another address, may resolve the other errors.
            if [Code::NameCollision, Code::ReservedName, Code::BadName, Code::AddressOverlap]
                .contains(&diagnostic.code())
            {
                break;
            }
        }
        if resolved.is_empty() {
            return Err(diagnostics);
        }
    }
    Err(check(definition))
}

/// Resolves an error at a path. Returns what was done.
fn resolve(
    definition: &mut Value,
    origins: &mut HashMap<Vec<String>, Location>,
    path: &[String],
    code: Code,
) -> Option<String> {
    let segments: Vec<&str> = path.iter().map(String::as_str).collect();
    if matches!(code, Code::NameCollision | Code::ReservedName | Code::BadName) {
        let suffix = match segments[..] {
            ["$defs", _] => Some("Schema"),
            ["channels", _] => Some("Channel"),
            ["channels", _, "topics" | "signals", _, ..] => Some("Message"),
            _ => None,
        };
        let named = &path[..path.len().min(4)];
        if let Some(renamed) = suffix.and_then(|suffix| rename(definition, origins, named, suffix)) {
            return Some(renamed);
        }
    }
    match segments[..] {
        ["channels", channel, "address"] if code == Code::AddressOverlap => {
            let address = get(definition, path)?.as_str()?.to_owned();
            let prefixed = format!("{channel}:{address}");
            *get_mut(definition, path)? = json!(prefixed);
            return Some(format!("the address `{address}` becomes `{prefixed}`"));
        }
        ["channels", _, "params", _, ..] => {
            *get_mut(definition, &path[..4])? = json!({ "type": "string" });
            return Some("any text is accepted".to_owned());
        }
        _ => {}
    }
    if OF_A_KEYWORD.contains(&code)
        && let Some(length) = keyword(&segments, code)
        && get(definition, &path[..length]).is_some()
    {
        remove(definition, &path[..length]);
        return Some(format!("`{}` is left out", path[length - 1]));
    }
    match segments[..] {
        ["$defs", _, ..] => {
            let schema = get_mut(definition, &path[..2])?;
            if schema.as_object().is_some_and(Map::is_empty) {
                return None;
            }
            *schema = json!({});
            Some("any value is accepted".to_owned())
        }
        ["channels", _, group @ ("topics" | "signals"), _, ..] => {
            remove(definition, &path[..4]);
            let is_empty = get(definition, &path[..3])?.as_object().is_some_and(Map::is_empty);
            if is_empty {
                remove(definition, &path[..if group == "topics" { 2 } else { 3 }]);
            }
            Some("the message is left out".to_owned())
        }
        ["channels", _, ..] => {
            remove(definition, &path[..2]);
            Some("the channel is left out".to_owned())
        }
        _ => None,
    }
}

/// Returns the length of the path to the innermost keyword of a path into a schema.
fn keyword(segments: &[&str], code: Code) -> Option<usize> {
    let start = match segments {
        ["$defs", _, ..] => 2,
        ["channels", _, "topics" | "signals", _, "payload", ..] => 5,
        ["channels", _, "result", ..] => 3,
        _ => return None,
    };
    let is_key = |at: usize| {
        at > start
            && ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"]
                .contains(&segments[at - 1])
    };
    if code == Code::UnknownKeyword && segments.len() > start {
        return Some(segments.len());
    }
    (start..segments.len())
        .rev()
        .find(|at| Keyword::named(segments[*at]).is_some() && !is_key(*at))
        .map(|at| at + 1)
}

/// Appends a suffix to a key, and changes the references to it.
fn rename(
    definition: &mut Value,
    origins: &mut HashMap<Vec<String>, Location>,
    path: &[String],
    suffix: &str,
) -> Option<String> {
    let (old, parent) = path.split_last()?;
    let siblings = get_mut(definition, parent)?.as_object_mut()?;
    let new = format!("{old}{suffix}");
    if siblings.contains_key(&new) || old.ends_with(suffix) {
        return None;
    }
    let renamed = std::mem::take(siblings).into_iter();
    *siblings = renamed.map(|(key, value)| (if key == *old { new.clone() } else { key }, value)).collect();
    let pointer =
        |last: &str| super::spelling::print_pointer(parent.iter().map(String::as_str).chain([last]));
    redirect(definition, &pointer(old), &pointer(&new));
    let below: Vec<Vec<String>> = origins.keys().filter(|known| known.starts_with(path)).cloned().collect();
    for known in below {
        if let Some(location) = origins.get(&known).cloned() {
            let renamed = [parent, std::slice::from_ref(&new), &known[path.len()..]].concat();
            origins.insert(renamed, location);
        }
    }
    Some(format!("the name becomes `{new}`"))
}

fn redirect(value: &mut Value, old: &str, new: &str) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                if key == "$ref"
                    && let Value::String(reference) = member
                    && let Some(rest) = reference.strip_prefix(old)
                    && (rest.is_empty() || rest.starts_with('/'))
                {
                    *reference = format!("{new}{rest}");
                } else {
                    redirect(member, old, new);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redirect(item, old, new)),
        _ => {}
    }
}

/// Returns the location in the document of a path in the definition, or of the nearest parent.
fn origin(origins: &HashMap<Vec<String>, Location>, path: &[String]) -> Option<Location> {
    (0..=path.len()).rev().find_map(|length| Some(origins.get(&path[..length])?.below(&path[length..])))
}

fn get<'v>(value: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, segment| match value {
        Value::Array(items) => items.get(segment.parse::<usize>().ok()?),
        value => value.get(segment),
    })
}

fn get_mut<'v>(value: &'v mut Value, path: &[String]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, segment| match value {
        Value::Array(items) => items.get_mut(segment.parse::<usize>().ok()?),
        value => value.get_mut(segment),
    })
}

fn remove(definition: &mut Value, path: &[String]) {
    if let Some((last, parent)) = path.split_last()
        && let Some(Value::Object(members)) = get_mut(definition, parent)
    {
        members.shift_remove(last);
    }
}

//! Names and addresses that a definition allows, derived from those of a document.

use std::collections::HashSet;

use crate::lower::may_be_in_param;
use crate::names::Name;

/// The names that are taken, in the spelling of types.
#[derive(Default)]
pub(super) struct Taken(HashSet<String>);

impl Taken {
    /// Returns an identifier that resembles the wanted name and that is free.
    pub(super) fn identifier(&mut self, wanted: &str, otherwise: &str) -> String {
        let name = to_identifier(wanted).unwrap_or_else(|| otherwise.to_owned());
        self.claim(&name)
    }

    /// Takes a name, with a number if it is not free.
    pub(super) fn claim(&mut self, name: &str) -> String {
        let mut numbers = 2..;
        let mut candidate = name.to_owned();
        while !self.0.insert(spelling(&candidate)) {
            candidate = format!("{name}{}", numbers.next().unwrap_or(0));
        }
        candidate
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains(&spelling(name))
    }
}

fn spelling(name: &str) -> String {
    Name::new(name).map_or_else(|| name.to_owned(), |name| name.pascal)
}

/// Returns an ASCII letter followed by ASCII letters, digits, `-` and `_`.
fn to_identifier(text: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(is_plain) {
        return Some(text.to_owned());
    }
    let plain: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' }).collect();
    let plain = plain.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    Name::new(plain).map(|name| name.camel).filter(|name| name.is_ascii())
}

/// A part of an address.
enum Part {
    Literal(String),
    Param(String),
}

/// An address that a definition allows, and how it differs from the document's.
pub(super) struct Address {
    pub(super) text: String,
    /// The params: the name in the document and the name in the definition.
    pub(super) params: Vec<(String, String)>,
    /// Why the address differs.
    pub(super) changes: Vec<&'static str>,
}

/// Adapts an address. An empty one becomes the channel's name.
pub(super) fn adapt(address: &str, channel: &str) -> Address {
    let mut changes = Vec::new();
    let mut text = address;
    if let Some(rest) = text.strip_prefix('/') {
        changes.push("a channel name needs no leading `/`");
        text = rest.trim_start_matches('/');
    }
    let mut params = Vec::new();
    let mut parts = Vec::new();
    let mut taken = Taken::default();
    for part in split(text) {
        match part {
            Part::Literal(literal) => {
                let allowed: String = literal.chars().map(|c| if is_allowed(c) { c } else { '-' }).collect();
                if allowed != literal {
                    changes.push("the address contains characters that a channel name cannot have");
                }
                parts.push(Part::Literal(allowed));
            }
            Part::Param(name) => {
                let own = taken.identifier(&name, "param");
                if own != name {
                    changes.push("a param needs a distinct name of letters and digits");
                }
                params.push((name, own.clone()));
                parts.push(Part::Param(own));
            }
        }
    }
    if separate(&mut parts) {
        changes.push("params must be separated by a character that their values cannot contain");
    }
    if parts.is_empty() {
        changes.push("an address cannot be empty");
        parts.push(Part::Literal(channel.to_owned()));
    }
    let print = |part: &Part| match part {
        Part::Literal(text) => text.clone(),
        Part::Param(name) => format!("{{{name}}}"),
    };
    changes.dedup();
    Address { text: parts.iter().map(print).collect(), params, changes }
}

fn split(address: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = address;
    while let Some((before, name, after)) = rest
        .split_once('{')
        .and_then(|(before, inner)| inner.split_once('}').map(|(name, after)| (before, name, after)))
    {
        if !before.is_empty() {
            parts.push(Part::Literal(before.to_owned()));
        }
        parts.push(Part::Param(name.to_owned()));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.to_owned()));
    }
    parts
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.~:/@!$&'()*+,;=|".contains(c)
}

/// Adds `:` between params that have no safe separator. Returns `true` if the address changes.
fn separate(parts: &mut Vec<Part>) -> bool {
    let mut separated: Vec<Part> = Vec::new();
    let mut changed = false;
    let count = parts.len();
    for (at, part) in std::mem::take(parts).into_iter().enumerate() {
        match (&part, separated.last_mut()) {
            (Part::Param(_), Some(Part::Param(_))) => {
                changed = true;
                separated.push(Part::Literal(":".to_owned()));
            }
            (Part::Param(_), Some(Part::Literal(literal)))
                if at > 1 && literal.chars().all(may_be_in_param) && count > 2 =>
            {
                changed = true;
                *literal = format!(":{literal}:").replace(":-:", ":").replace(":.:", ":").replace(":_:", ":");
            }
            _ => {}
        }
        separated.push(part);
    }
    *parts = separated;
    changed
}

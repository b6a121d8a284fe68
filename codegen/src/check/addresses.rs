//! Addresses: their holes, and that no two can give the same channel name.

use crate::diagnostics::{Code, Diagnostic, Place};
use crate::model::{AddressPart, Channel, Param};

/// Splits an address at its holes.
pub(super) fn parse(
    address: &str,
    params: &[Param],
    place: &Place,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<AddressPart> {
    let at = place.join("address");
    let mut error = |message: String, help: &str| {
        diagnostics.push(Diagnostic::at(Code::Address, &at, message).help(help))
    };
    let mut parts = Vec::new();
    let mut rest = address;
    while let Some(open) = rest.find('{') {
        let Some(length) = rest[open..].find('}') else {
            error("a hole of this address is not closed".to_owned(), "close it with `}`");
            return parts;
        };
        if open > 0 {
            parts.push(AddressPart::Literal(rest[..open].to_owned()));
        }
        let name = &rest[open + 1..open + length];
        match params.iter().position(|param| param.name.wire == name) {
            None if name.is_empty() => {
                error("a hole of this address has no name".to_owned(), "name a param between the braces")
            }
            None => error(
                format!("the hole `{{{name}}}` has no param"),
                &format!("add `{name}: {{ type: string }}` under `params`"),
            ),
            Some(index) if parts.contains(&AddressPart::Param(index)) => {
                error(
                    format!("the hole `{{{name}}}` stands here twice"),
                    "give each hole a param of its own",
                );
            }
            Some(index) => parts.push(AddressPart::Param(index)),
        }
        rest = &rest[open + length + 1..];
    }
    if !rest.is_empty() {
        parts.push(AddressPart::Literal(rest.to_owned()));
    }
    if address.is_empty() {
        error("an address cannot be empty".to_owned(), "write a name, such as the channel's");
    }
    refuse_literals(&parts, &mut error);
    for (index, param) in params.iter().enumerate() {
        if !parts.contains(&AddressPart::Param(index)) {
            let message = format!("the param `{}` has no hole in the address", param.name.wire);
            let place = place.join("params").join(&param.name.wire);
            diagnostics.push(
                Diagnostic::at_key(Code::Address, &place, message)
                    .help("put it into the address in braces, or remove it"),
            );
        }
    }
    parts
}

fn refuse_literals(parts: &[AddressPart], error: &mut impl FnMut(String, &str)) {
    for part in parts {
        let AddressPart::Literal(text) = part else { continue };
        if let Some(bad) =
            text.chars().find(|c| !(c.is_ascii_alphanumeric() || "-_.~:/@!$&'()*+,;=|".contains(*c)))
        {
            error(
                format!("the character {bad:?} cannot stand in an address"),
                "use letters, digits and any of -_.~:/@!$&'()*+,;=|",
            );
        }
    }
    for pair in parts.windows(3) {
        if let [AddressPart::Param(_), AddressPart::Literal(text), AddressPart::Param(_)] = pair
            && text.chars().all(may_fill_a_hole)
        {
            error(
                format!("`{text}` cannot separate two holes: it may also stand inside a param"),
                "separate holes with `:` or `/`",
            );
        }
    }
    if parts.windows(2).any(|pair| matches!(pair, [AddressPart::Param(_), AddressPart::Param(_)])) {
        error(
            "two holes stand side by side, so different params would give the same name".to_owned(),
            "separate them with `:` or `/`",
        );
    }
}

/// Params are percent-encoded into names; these characters are what is left.
fn may_fill_a_hole(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.~%".contains(c)
}

/// Refuses two addresses that could give the same name.
pub(super) fn refuse_overlaps(channels: &[Channel], places: &[Place], diagnostics: &mut Vec<Diagnostic>) {
    let patterns: Vec<Vec<Token>> = channels.iter().map(|channel| tokens(&channel.address)).collect();
    for (later, pattern) in patterns.iter().enumerate() {
        for earlier in 0..later {
            // An address without parts was refused for itself.
            if !pattern.is_empty() && can_meet(&patterns[earlier], pattern) {
                diagnostics.push(
                    Diagnostic::at(
                        Code::AddressOverlap,
                        &places[later].join("address"),
                        "another channel can have the same name",
                    )
                    .related(&places[earlier].join("address"), "the other address")
                    .note("a name has to tell which channel it belongs to")
                    .help("start each address with a text of its own, such as the channel's name"),
                );
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Token {
    Exactly(char),
    /// One character of a param.
    One,
    /// Any number of further characters of a param.
    More,
}

fn tokens(address: &[AddressPart]) -> Vec<Token> {
    let mut tokens = Vec::new();
    for part in address {
        match part {
            AddressPart::Literal(text) => tokens.extend(text.chars().map(Token::Exactly)),
            AddressPart::Param(_) => tokens.extend([Token::One, Token::More]),
        }
    }
    tokens
}

/// Whether two patterns have a name in common: both are read at once, character by character.
fn can_meet(one: &[Token], other: &[Token]) -> bool {
    let literal =
        one.iter().zip(other).take_while(|pair| matches!(pair, (Token::Exactly(_), Token::Exactly(_))));
    if literal.into_iter().any(|(a, b)| a != b) {
        return false;
    }
    let mut seen = std::collections::HashSet::new();
    let mut open = vec![(0, 0)];
    while let Some((i, j)) = open.pop() {
        if !seen.insert((i, j)) {
            continue;
        }
        let (a, b) = (one.get(i), other.get(j));
        if a.is_none() && b.is_none() {
            return true;
        }
        if a == Some(&Token::More) {
            open.push((i + 1, j));
        }
        if b == Some(&Token::More) {
            open.push((i, j + 1));
        }
        if let (Some(a), Some(b)) = (a, b)
            && share_a_character(*a, *b)
        {
            let step = |at: usize, token: &Token| if *token == Token::More { at } else { at + 1 };
            open.push((step(i, a), step(j, b)));
        }
    }
    false
}

fn share_a_character(a: Token, b: Token) -> bool {
    match (a, b) {
        (Token::Exactly(a), Token::Exactly(b)) => a == b,
        (Token::Exactly(c), _) | (_, Token::Exactly(c)) => may_fill_a_hole(c),
        _ => true,
    }
}

//! Parses addresses, and rejects two that can produce the same channel name.

use crate::diagnostics::{Code, Diagnostic, Place};
use crate::model::{AddressPart, Channel, Param};

/// Splits an address into literals and params.
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
            error("unclosed `{` in the address".to_owned(), "close it with `}`");
            return parts;
        };
        if open > 0 {
            parts.push(AddressPart::Literal(rest[..open].to_owned()));
        }
        let name = &rest[open + 1..open + length];
        match params.iter().position(|param| param.name.wire == name) {
            None if name.is_empty() => {
                error("empty `{}` in the address".to_owned(), "write the name of a param between the braces")
            }
            None => error(
                format!("param `{name}` is not declared"),
                &format!("add `{name}: {{ type: string }}` under `params`"),
            ),
            Some(index) if parts.contains(&AddressPart::Param(index)) => {
                error(
                    format!("param `{name}` is used twice in the address"),
                    "declare a separate param for each use",
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
        error("empty address".to_owned(), "write a name, such as the channel's");
    }
    refuse_literals(&parts, &mut error);
    for (index, param) in params.iter().enumerate() {
        if !parts.contains(&AddressPart::Param(index)) {
            let message = format!("param `{}` is not used in the address", param.name.wire);
            let place = place.join("params").join(&param.name.wire);
            diagnostics.push(
                Diagnostic::at_key(Code::Address, &place, message)
                    .help(format!("add `{{{}}}` to the address, or remove the param", param.name.wire)),
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
                format!("invalid character {bad:?} in the address"),
                "use only letters, digits and any of -_.~:/@!$&'()*+,;=|",
            );
        }
    }
    for pair in parts.windows(3) {
        if let [AddressPart::Param(_), AddressPart::Literal(text), AddressPart::Param(_)] = pair
            && text.chars().all(may_be_in_param)
        {
            error(
                format!("`{text}` cannot separate two params, because their values may contain it"),
                "separate the params with `:` or `/`",
            );
        }
    }
    if parts.windows(2).any(|pair| matches!(pair, [AddressPart::Param(_), AddressPart::Param(_)])) {
        error(
            "adjacent params: different values would produce the same channel name".to_owned(),
            "separate the params with `:` or `/`",
        );
    }
}

/// Returns `true` for the characters of a percent-encoded param.
fn may_be_in_param(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.~%".contains(c)
}

/// Reports addresses that can produce the same name as an earlier one.
pub(super) fn refuse_overlaps(channels: &[Channel], places: &[Place], diagnostics: &mut Vec<Diagnostic>) {
    let patterns: Vec<Vec<Token>> = channels.iter().map(|channel| tokens(&channel.address)).collect();
    for (later, pattern) in patterns.iter().enumerate() {
        for earlier in 0..later {
            // An address without parts has its own diagnostic.
            if !pattern.is_empty() && can_meet(&patterns[earlier], pattern) {
                diagnostics.push(
                    Diagnostic::at(
                        Code::AddressOverlap,
                        &places[later].join("address"),
                        "this address can produce the same channel name as another address",
                    )
                    .related(&places[earlier].join("address"), "the other address")
                    .note("a channel name must identify one channel of the definitions")
                    .help("start each address with a distinct prefix, such as the channel's name"),
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

/// Returns `true` if some name matches both patterns. Explores pairs of positions, one character at a time.
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
        (Token::Exactly(c), _) | (_, Token::Exactly(c)) => may_be_in_param(c),
        _ => true,
    }
}

//! Rejects two addresses that can produce the same channel name.

use crate::diagnostics::{Code, Diagnostic};
use crate::lower::may_be_in_param;
use crate::model::{AddressPart, Channel};

/// Reports addresses that can produce the same name as an earlier one.
pub(super) fn refuse_overlaps(channels: &[Channel], diagnostics: &mut Vec<Diagnostic>) {
    let patterns: Vec<Vec<Token>> = channels.iter().map(|channel| tokens(&channel.address)).collect();
    let starts: Vec<&str> = channels.iter().map(|channel| start(&channel.address)).collect();
    for (later, pattern) in patterns.iter().enumerate() {
        for earlier in 0..later {
            let (one, other) = (starts[earlier], starts[later]);
            if !one.starts_with(other) && !other.starts_with(one) {
                continue;
            }
            // An address without parts has its own diagnostic.
            if !pattern.is_empty() && can_meet(&patterns[earlier], pattern) {
                diagnostics.push(
                    Diagnostic::at(
                        Code::AddressOverlap,
                        &channels[later].location.join("address"),
                        "this address can produce the same channel name as another address",
                    )
                    .related(&channels[earlier].location.join("address"), "the other address")
                    .note("a channel name must identify one channel of the definitions")
                    .help("start each address with a distinct prefix, such as the channel's name"),
                );
            }
        }
    }
}

/// The literal that an address starts with.
fn start(address: &[AddressPart]) -> &str {
    match address.first() {
        Some(AddressPart::Literal(text)) => text,
        _ => "",
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

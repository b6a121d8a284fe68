//! Builds a channel's name from its address and params, and parses it.

use super::{AddressPart, ChannelDefinition};

/// Fills an address with params.
pub(super) fn write(definition: &ChannelDefinition, params: &[String]) -> String {
    let mut name = String::new();
    for part in definition.address {
        match part {
            AddressPart::Literal(text) => name.push_str(text),
            AddressPart::Param(index) => {
                write_encoded(&mut name, params.get(*index).map_or("", String::as_str));
            }
        }
    }
    name
}

/// Returns the decoded params of a name, in the order of the definition, or `None` if it does not match the address.
pub(super) fn read(definition: &ChannelDefinition, name: &str) -> Option<Vec<String>> {
    let mut matches = Vec::new();
    if !match_parts(definition.address, name, &mut matches) {
        return None;
    }
    let mut params = vec![None; definition.params.len()];
    for (index, encoded) in matches {
        let decoded = decode(encoded)?;
        let param = params.get_mut(index)?;
        if param.as_ref().is_some_and(|earlier| *earlier != decoded) {
            return None;
        }
        *param = Some(decoded);
    }
    params.into_iter().collect()
}

/// Matches a name. Params match greedily, and backtrack if the literal text after them does not match.
fn match_parts<'n>(parts: &[AddressPart], name: &'n str, matches: &mut Vec<(usize, &'n str)>) -> bool {
    let Some((part, rest)) = parts.split_first() else {
        return name.is_empty();
    };
    match part {
        AddressPart::Literal(text) => {
            name.strip_prefix(text).is_some_and(|name| match_parts(rest, name, matches))
        }
        AddressPart::Param(index) => {
            let longest = name.bytes().take_while(|byte| is_plain(*byte) || *byte == b'%').count();
            (1..=longest).rev().any(|length| {
                let before = matches.len();
                matches.push((*index, &name[..length]));
                let is_match = match_parts(rest, &name[length..], matches);
                if !is_match {
                    matches.truncate(before);
                }
                is_match
            })
        }
    }
}

/// Returns `true` if a byte needs no percent-encoding.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}

fn write_encoded(name: &mut String, param: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in param.bytes() {
        if is_plain(byte) || (byte == b':' && bug!(ColonNotEscaped)) {
            name.push(char::from(byte));
        } else {
            name.push('%');
            name.push(char::from(HEX[usize::from(byte >> 4)]));
            name.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

fn decode(encoded: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let (high, low) = (hex(rest.next()?)?, hex(rest.next()?)?);
            bytes.push(high << 4 | low);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

//! Parses the templates of channel names.

use crate::diagnostics::{Code, Diagnostic, Location};
use crate::model::{AddressPart, Param};

/// Splits an address into literals and params.
pub(super) fn parse(
    address: &str,
    params: &[Param],
    location: &Location,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<AddressPart> {
    let at = location.join("address");
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
            let location = location.join("params").join(&param.name.wire);
            diagnostics.push(
                Diagnostic::at_key(Code::Address, &location, message)
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
pub(crate) fn may_be_in_param(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.~%".contains(c)
}

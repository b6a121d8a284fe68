//! The tables of `docs/json-schema.md` and the explanations of `docs/diagnostics.md`, generated from those that the
//! compiler uses.

use crate::definition::{KEYWORDS, Role};
use crate::diagnostics::Code;
use crate::lower::{INTEGER_FORMATS, UNCHECKED_FORMATS};
use crate::model::Format;

/// Returns the tables as Markdown.
pub(crate) fn tables() -> String {
    [keywords(), drafts(), formats(), findings()].join("\n")
}

/// Returns the explanations of all diagnostics as Markdown.
pub(crate) fn diagnostics() -> String {
    let sections = Code::ALL.iter().map(|code| format!("## {}\n\n{}", code.as_str(), code.explanation()));
    sections.collect::<Vec<_>>().join("\n")
}

fn keywords() -> String {
    let rows = KEYWORDS.iter().filter_map(|keyword| match keyword.role {
        Role::Annotation(meaning) => Some(format!("| `{}` | {meaning} |\n", keyword.name)),
        Role::Constrains(_) => None,
    });
    format!(
        "### Annotations\n\nThese keywords do not restrict values.\n\n| keyword | meaning |\n|---|---|\n{}",
        rows.collect::<String>()
    )
}

fn drafts() -> String {
    let ranges = KEYWORDS.iter().filter_map(|keyword| Some((keyword.name, keyword.drafts?)));
    let rows = ranges.map(|(name, (first, last, _))| {
        let drafts = if first == last {
            first.name().to_owned()
        } else {
            format!("{} to {}", first.name(), last.name())
        };
        format!("| `{name}` | {drafts} |\n")
    });
    format!(
        "### Keywords that depend on the draft\n\nIn other drafts these keywords would have no effect, so they are an error there.\n\n\
         | keyword | drafts |\n|---|---|\n{}",
        rows.collect::<String>()
    )
}

/// Returns the formats that are checked, and the widths of integers.
pub(crate) fn known_formats() -> impl Iterator<Item = &'static str> {
    Format::STRING_FORMATS
        .iter()
        .map(|format| format.name())
        .chain(INTEGER_FORMATS.iter().map(|(name, ..)| *name))
}

fn formats() -> String {
    let listed =
        |names: Vec<&str>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let checked = listed(Format::STRING_FORMATS.iter().map(|format| format.name()).collect());
    let integers = INTEGER_FORMATS
        .iter()
        .map(|(name, least, most)| format!("| `{name}` | with `type: integer`: from {least} to {most} |\n"));
    format!(
        "### Formats\n\n| format | meaning |\n|---|---|\n\
         | {checked} | checked, with the same grammar in Rust and TypeScript |\n\
         | `int64`, `uint64` | with `type: string`: a 64-bit integer in decimal digits |\n\
         {}| {} | an annotation, not checked; `fanfare lint` warns about it |\n",
        integers.collect::<String>(),
        listed(UNCHECKED_FORMATS.to_vec())
    )
}

fn findings() -> String {
    let link = |code: &Code| format!("[{}](diagnostics.md#{})", code.as_str(), code.as_str().to_lowercase());
    let rows = Code::ALL.iter().map(|code| format!("| {} | {} |\n", link(code), code.finds()));
    format!(
        "### Errors and warnings\n\nErrors (`E`) prevent all output. Warnings (`W`) are reported by \
         `fanfare lint` only.\n\n| code | reports |\n|---|---|\n{}",
        rows.collect::<String>()
    )
}

//! What JSON Schema means here, as tables for the documentation: made from what decides it.

use crate::check::{INTEGER_FORMATS, UNCHECKED_FORMATS};
use crate::definition::{Dialect, Keywords};
use crate::diagnostics::Code;
use crate::model::Format;

/// The tables, as Markdown.
pub(crate) fn tables() -> String {
    [keywords(), drafts(), formats(), findings()].join("\n")
}

fn keywords() -> String {
    let rows = Keywords::ANNOTATIONS.iter().map(|(name, meaning)| format!("| `{name}` | {meaning} |\n"));
    format!(
        "### Keywords that check nothing\n\n| keyword | what it means here |\n|---|---|\n{}",
        rows.collect::<String>()
    )
}

fn drafts() -> String {
    let rows = Dialect::ranges().map(|(name, first, last)| {
        let drafts = if first == last {
            first.name().to_owned()
        } else {
            format!("{} to {}", first.name(), last.name())
        };
        format!("| `{name}` | {drafts} |\n")
    });
    format!(
        "### Keywords that not every draft has\n\nIn another draft they would bind nothing, and are refused there.\n\n\
         | keyword | drafts |\n|---|---|\n{}",
        rows.collect::<String>()
    )
}

fn formats() -> String {
    let listed =
        |names: Vec<&str>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let checked = listed(Format::ALL.iter().map(|format| format.keyword()).collect());
    let integers = INTEGER_FORMATS.iter().map(|(name, least, most)| {
        format!("| `{name}` | beside `type: integer`: from {least} to {most} |\n")
    });
    format!(
        "### Formats\n\n| format | what it means here |\n|---|---|\n\
         | {checked} | checked, by one grammar on both sides |\n\
         | `int64`, `uint64` | beside `type: string`: a 64-bit integer in decimal digits; beside `type: integer` refused |\n\
         {}| {} | not checked: an annotation, which `fanfare lint` names |\n",
        integers.collect::<String>(),
        listed(UNCHECKED_FORMATS.to_vec())
    )
}

fn findings() -> String {
    let rows = Code::ALL.iter().map(|code| format!("| {} | {} |\n", code.as_str(), code.finds()));
    format!(
        "### What is refused, and what is only named\n\nNothing is generated where there is an error (`E`); \
         `fanfare lint` names what deserves a look (`W`).\n\n| code | finds |\n|---|---|\n{}",
        rows.collect::<String>()
    )
}

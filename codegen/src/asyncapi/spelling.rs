//! The extensions with which an exported document keeps what AsyncAPI cannot express, and the form of JSON pointers.

use std::fmt::Write as _;

use serde_json::Value;

/// The prefix of keywords that AsyncAPI's schemas do not have, such as `x-fanfare-unevaluatedProperties`.
pub(super) const PREFIX: &str = "x-fanfare-";

/// In a document: it was exported by Fanfare, so addresses are those of the definition.
pub(super) const EXPORTED: &str = "x-fanfare-version";
/// In a channel: the extent of its history.
pub(super) const HISTORY: &str = "x-fanfare-history";
/// In a channel: the schema of the result of its runs.
pub(super) const RESULT: &str = "x-fanfare-result";
/// In a parameter: its schema.
pub(super) const SCHEMA: &str = "x-fanfare-schema";
/// In a message: the retained messages of its topic.
pub(super) const RETAIN: &str = "x-fanfare-retain";
/// In a message: its topic carries text streams.
pub(super) const STREAM: &str = "x-fanfare-stream";
/// In a message: the earlier names of its topic or signal that clients may still use.
pub(super) const ALIASES: &str = "x-fanfare-aliases";
/// In a message: the earlier names of its topic or signal that no longer work.
pub(super) const RENAMED_FROM: &str = "x-fanfare-renamed-from";
/// In a channel or a message: it is deprecated. AsyncAPI has this for schemas only.
pub(super) const DEPRECATED: &str = "x-fanfare-deprecated";
/// In a schema: its name in `$defs`, if it cannot be a key of AsyncAPI's components.
pub(super) const NAME: &str = "x-fanfare-name";
/// In a schema: the known values of an open enum.
pub(super) const KNOWN: &str = "x-fanfare-known";
/// In a schema: `true` if its union is open, `false` if it has `x-open: false`.
pub(super) const OPEN: &str = "x-fanfare-open";
/// In an alternative: it accepts what an open enum or union does not list.
pub(super) const OTHER: &str = "x-fanfare-other";
/// In the first schema of an `allOf`: its `$ref` was next to the other keywords.
pub(super) const SIBLING: &str = "x-fanfare-sibling";

/// The extensions of messages that are copied to topics and signals, after the keys there.
pub(super) const OF_MESSAGES: [(&str, &str); 4] =
    [("deprecated", DEPRECATED), ("retain", RETAIN), ("aliases", ALIASES), ("renamed-from", RENAMED_FROM)];

pub(super) fn is_sibling(schema: &Value) -> bool {
    schema.get(SIBLING).is_some()
}

pub(super) fn is_other(schema: &Value) -> bool {
    schema.get(OTHER).is_some()
}

/// Prints a reference to a path in the same document.
pub(super) fn print_pointer<'s>(segments: impl IntoIterator<Item = &'s str>) -> String {
    let mut pointer = String::from("#");
    for segment in segments {
        pointer.push('/');
        for byte in segment.replace('~', "~0").replace('/', "~1").bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~$@!*+,;=:()'&".contains(&byte) {
                pointer.push(char::from(byte));
            } else {
                let _ = write!(pointer, "%{byte:02X}");
            }
        }
    }
    pointer
}

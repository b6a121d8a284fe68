//! The formats of tools that show results at a line of a file: SARIF, and commands of GitHub workflows.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

/// Returns a SARIF 2.1.0 log of one tool.
pub(crate) fn sarif(tool: &str, rules: &[Value], results: &[Value]) -> String {
    let sarif = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": tool,
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            } },
            "results": results,
        }],
    });
    format!("{sarif:#}\n")
}

/// Returns a location in SARIF.
pub(crate) fn sarif_location(path: &Path, region: Option<Value>) -> Value {
    let mut location = json!({ "artifactLocation": { "uri": uri(&path.display().to_string()) } });
    if let Some(region) = region {
        location["region"] = region;
    }
    location
}

/// Returns a command that annotates a file in a GitHub workflow. `position` is `line=3`, with more properties if known.
pub(crate) fn github(level: &str, at: Option<(&Path, &str)>, title: &str, message: &str) -> String {
    let at = at
        .map(|(path, position)| format!("file={},{position},", escape_property(&path.display().to_string())));
    let (at, title) = (at.unwrap_or_default(), escape_property(title));
    format!("::{level} {at}title={title}::{}\n", escape_message(message))
}

fn escape_message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn escape_property(text: &str) -> String {
    escape_message(text).replace(':', "%3A").replace(',', "%2C")
}

/// Returns a path as a relative URI.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'\\' => uri.push('/'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                uri.push(byte.into())
            }
            byte => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}

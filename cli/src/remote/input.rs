//! Payloads from arguments, files and the standard input.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use super::failure::Failure;

/// Reads a payload: JSON, `@file`, or `-` for the standard input. `None` means the standard input if it is not a terminal.
pub(super) fn read_payload(argument: Option<&str>) -> Result<String, Failure> {
    match argument {
        None if std::io::stdin().is_terminal() => Err(Failure::usage("there is no payload")
            .help("pass JSON, `@file`, or `-` to read the standard input")),
        None | Some("-") => read_stdin(),
        Some(text) => match text.strip_prefix('@') {
            Some(path) => read_file(Path::new(path)),
            None => Ok(text.to_owned()),
        },
    }
}

pub(super) fn read_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(format!("the standard input: {error}")))?;
    Ok(text)
}

fn read_file(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

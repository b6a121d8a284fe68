//! Errors of the commands that talk to a server.

use std::io;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use fanfare::client::ClientError;
use serde_json::{Map, Value};

use super::output::{escape, paint};
use crate::{FAILURE, FINDINGS};

/// Why a command ends early.
pub(super) enum Failure {
    /// The reader of the output is gone, as after `| head -1`. Not an error.
    Closed,
    Error {
        message: String,
        help: Option<String>,
        exit_code: u8,
    },
}

impl Failure {
    /// The command cannot be executed.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::Error { message: message.into(), help: None, exit_code: FAILURE }
    }

    /// The server refuses the request. `data` may have the issues of a payload, which some messages contain.
    pub(super) fn refused(message: impl Into<String>, data: Option<&Value>) -> Self {
        let mut message = message.into();
        for issue in data.iter().filter_map(|data| data["issues"].as_array()).flatten() {
            let line = describe_issue(issue);
            if !message.contains(&line) {
                message.push_str(&format!("\n  {line}"));
            }
        }
        Self::Error { message, help: None, exit_code: FINDINGS }
    }

    pub(super) fn help(mut self, text: impl Into<String>) -> Self {
        if let Self::Error { help, .. } = &mut self {
            *help = Some(text.into());
        }
        self
    }

    pub(super) fn exit_code(mut self, code: u8) -> Self {
        if let Self::Error { exit_code, .. } = &mut self {
            *exit_code = code;
        }
        self
    }

    /// Returns the error for a command that reports errors in another way.
    pub(super) fn into_io(self) -> io::Error {
        match self {
            Self::Closed => io::ErrorKind::BrokenPipe.into(),
            Self::Error { message, help: None, .. } => io::Error::other(message),
            Self::Error { message, help: Some(help), .. } => {
                io::Error::other(format!("{message}\nhelp: {help}"))
            }
        }
    }

    /// Prints the error, and returns the exit code.
    pub(super) fn report(self) -> ExitCode {
        let Self::Error { message, help, exit_code } = self else { return ExitCode::SUCCESS };
        let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let message: Vec<String> = message.lines().map(escape).collect();
        anstream::eprintln!("{} {}", paint(red, "error:"), message.join("\n"));
        if let Some(help) = help {
            anstream::eprintln!("{} {}", paint(Style::new().bold(), "help:"), escape(&help));
        }
        ExitCode::from(exit_code)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::usage(format!("cannot write the output: {error}")),
        }
    }
}

/// Returns a refusal as programs receive it: the code of the error as the status, and its details.
pub(super) fn refusal_for_programs(error: &ClientError) -> Option<Value> {
    let ClientError::Refused { code, data: Some(data), .. } = error else { return None };
    let mut line = Map::new();
    line.insert("status".into(), Value::from(code.as_deref().unwrap_or("invalid")));
    line.extend(data.as_object()?.clone().into_iter().filter(|(name, _)| name != "code"));
    Some(Value::Object(line))
}

/// Describes an issue as in the Rust library: `/progress must be at most 100, got 101`.
fn describe_issue(issue: &Value) -> String {
    let path = issue["path"].as_str().filter(|path| !path.is_empty()).unwrap_or("the value");
    let message = issue["message"].as_str().unwrap_or("is not valid");
    match issue["value"].as_str() {
        Some(value) => format!("{path} {message}, got {value}"),
        None => format!("{path} {message}"),
    }
}

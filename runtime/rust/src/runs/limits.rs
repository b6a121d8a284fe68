//! How large the values of runs may be.

use super::RunError;
use super::context::Stop;
use super::error::Kind;
use crate::metrics::{self, Limit};

/// The most bytes of each kind of value.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) input: usize,
    pub(super) value: usize,
    pub(super) result: usize,
    pub(super) error: usize,
    pub(super) journal: usize,
}

/// The longest text that says how long a text was.
const SUFFIX: usize = "… (18446744073709551615 bytes in all)".len();

impl Default for Limits {
    fn default() -> Self {
        const KIB: usize = 1024;
        const MIB: usize = 1024 * KIB;
        Self { input: MIB, value: MIB, result: MIB, error: 8 * KIB, journal: 64 * MIB }
    }
}

impl Limits {
    pub(super) fn check_value(&self, call: &str, bytes: usize) -> Result<(), RunError> {
        if bytes <= self.value {
            return Ok(());
        }
        let what = format!("{call} has a value of");
        Err(too_large(Limit::RunValueBytes, &what, bytes, "max_value_bytes", self.value))
    }

    pub(super) fn check_result(&self, bytes: usize) -> Result<(), RunError> {
        if bytes <= self.result {
            return Ok(());
        }
        Err(too_large(Limit::RunResultBytes, "the result has", bytes, "max_result_bytes", self.result))
    }

    /// Returns why a run may not record anything more, if its journal has this many bytes. One that had too many when
    /// it was loaded can go on once the limit is raised.
    pub(super) fn check_journal(&self, loaded: usize, bytes: usize) -> Result<(), Stop> {
        if bytes <= self.journal {
            return Ok(());
        }
        metrics::limit_reached(Limit::RunJournalBytes);
        let why = format!("the run recorded more than `max_journal_bytes`, which is {}", self.journal);
        Err(if loaded > self.journal { Stop::Halted(why) } else { Stop::Failed(why) })
    }

    /// Cuts the text of an error that is too long, and says so at its end.
    pub(super) fn shorten(&self, error: RunError) -> RunError {
        let cut = |message: String| {
            // What was cut before is a little longer.
            if message.len() <= self.error + SUFFIX {
                return message;
            }
            metrics::limit_reached(Limit::RunErrorBytes);
            let end = (0..=self.error).rev().find(|end| message.is_char_boundary(*end)).unwrap_or(0);
            format!("{}… ({} bytes in all)", &message[..end], message.len())
        };
        RunError(match error.0 {
            Kind::Retry { message, after } => Kind::Retry { message: cut(message), after },
            Kind::Fail(message) => Kind::Fail(cut(message)),
        })
    }
}

fn too_large(limit: Limit, what: &str, bytes: usize, setting: &str, max: usize) -> RunError {
    metrics::limit_reached(limit);
    RunError::fail(format!(
        "{what} {bytes} bytes, more than `{setting}`, which is {max}: store it elsewhere and return where it is"
    ))
}

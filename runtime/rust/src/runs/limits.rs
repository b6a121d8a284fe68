//! Limits on the sizes of values that runs record.

use super::RunError;
use super::context::StopReason;
use super::error::Kind;
use crate::metrics::{self, Limit};

/// The maximum bytes of each kind of value.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) input: usize,
    pub(super) value: usize,
    pub(super) result: usize,
    pub(super) error: usize,
    pub(super) journal: usize,
}

/// The maximum length of the suffix of a truncated text.
const MAX_SUFFIX_BYTES: usize = "… (18446744073709551615 bytes in all)".len();

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
        Err(too_large(Limit::RunValueBytes, &what, bytes, "max_step_value_bytes", self.value))
    }

    pub(super) fn check_result(&self, bytes: usize) -> Result<(), RunError> {
        if bytes <= self.result {
            return Ok(());
        }
        Err(too_large(Limit::RunResultBytes, "the result has", bytes, "max_result_bytes", self.result))
    }

    /// Returns an error if a run may not record more because its journal has this many bytes. A run that had too many
    /// when it was loaded halts instead of failing: it can continue once the limit is raised.
    pub(super) fn check_journal(&self, loaded: usize, bytes: usize) -> Result<(), StopReason> {
        if bytes <= self.journal {
            return Ok(());
        }
        metrics::limit_reached(Limit::RunJournalBytes);
        let why = format!("the run recorded more than `max_journal_bytes` ({})", self.journal);
        Err(if loaded > self.journal { StopReason::Halted(why) } else { StopReason::Failed(why) })
    }

    /// Truncates the text of an error that is too long, and appends its full length.
    pub(super) fn shorten(&self, error: RunError) -> RunError {
        let cut = |message: String| {
            // An error that was truncated before is longer by the suffix.
            if message.len() <= self.error + MAX_SUFFIX_BYTES {
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
        "{what} {bytes} bytes, which exceeds `{setting}` ({max}): store it elsewhere and return a reference to it"
    ))
}

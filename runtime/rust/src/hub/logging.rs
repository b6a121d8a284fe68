//! The log lines of a hub for operators: the channels that it serves, and the tokens that it refuses.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Hub, SubscribeError};
use crate::metrics;
use crate::token::AuthError;

/// The number of channels that the first line names.
const MAX_NAMES: usize = 8;

/// The maximum length of the detail of a refusal, in characters.
const MAX_DETAIL: usize = 200;

/// The minimum time between two lines about refusals for the same reason.
const REFUSAL_INTERVAL: Duration = Duration::from_secs(1);

/// The lines that were logged.
#[derive(Default)]
pub(super) struct LogState {
    has_started: AtomicBool,
    refusals: Mutex<HashMap<&'static str, Refusals>>,
}

/// The refusals for one reason.
struct Refusals {
    logged_at: Instant,
    /// How many were not logged since then.
    unlogged: u64,
}

impl LogState {
    /// Counts a refusal. Returns how many were not logged since the previous line, or `None` if this one must not be
    /// logged either. Reasons are counted separately, so that a flood of one kind does not hide another.
    fn count_refusal(&self, reason: &'static str, now: Instant) -> Option<u64> {
        let mut all = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(refusals) = all.get_mut(reason) else {
            all.insert(reason, Refusals { logged_at: now, unlogged: 0 });
            return Some(0);
        };
        if now.saturating_duration_since(refusals.logged_at) < REFUSAL_INTERVAL {
            refusals.unlogged += 1;
            return None;
        }
        refusals.logged_at = now;
        Some(std::mem::take(&mut refusals.unlogged))
    }
}

impl Hub {
    /// Logs which channels the hub serves, once.
    pub(crate) fn log_start(&self) {
        if self.shared.log_state.has_started.swap(true, Ordering::Relaxed) {
            return;
        }
        let all = self.registry().channels;
        let names = all.iter().take(MAX_NAMES);
        let mut channels: Vec<_> =
            names.map(|definition| format!("{}@{}", definition.name, definition.fingerprint)).collect();
        if let Some(more) = all.len().checked_sub(MAX_NAMES).filter(|more| *more > 0) {
            channels.push(format!("and {more} more"));
        }
        let storage = match (self.storage().engine_name(), self.storage().file()) {
            (engine, Some(file)) => format!("{engine}, {}", file.display()),
            (engine, None) => engine.into(),
        };
        tracing::info!(
            count = all.len(),
            channels = channels.join(", "),
            storage,
            admin_routes = self.has_admin_routes(),
            version = env!("CARGO_PKG_VERSION"),
            "serving channels"
        );
    }

    /// Counts a refused token, session or signing key, and logs the reason: as a warning at most once per second and reason,
    /// and otherwise for debugging. A request without a token is never a warning, because scanners send many.
    pub(crate) fn record_refusal(&self, error: &AuthError) {
        let AuthError { reason, detail } = error;
        // The message of a parser may quote a part of the token, of any length.
        let end = detail.char_indices().nth(MAX_DETAIL).map_or(detail.len(), |(end, _)| end);
        let detail = &detail[..end];
        metrics::record_auth_failure(reason);
        let unlogged = if *reason == AuthError::MISSING {
            None
        } else {
            self.shared.log_state.count_refusal(reason, Instant::now())
        };
        match unlogged {
            Some(0) => tracing::warn!(reason, detail, "access denied"),
            Some(unlogged) => tracing::warn!(reason, detail, unlogged, "access denied"),
            None => tracing::debug!(reason, detail, "access denied"),
        }
    }

    /// Counts and logs a subscription that a token or a session does not allow.
    pub(crate) fn record_refused_subscription(&self, error: &SubscribeError) {
        match error {
            SubscribeError::Unauthorized(error) => self.record_refusal(error),
            SubscribeError::NotGranted => self.record_refusal(&AuthError::new(
                "topic",
                "the token or session does not grant the requested channel or topics",
            )),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_one_line_per_second_and_reason() {
        let (state, start) = (LogState::default(), Instant::now());
        let lines = (0..10_000_u32).filter_map(|number| {
            let now = start + Duration::from_millis(1) * number;
            state.count_refusal(if number % 5 == 0 { "expired" } else { "signature" }, now)
        });
        let lines: Vec<u64> = lines.collect();
        assert_eq!(lines.len(), 20, "two reasons for ten seconds: {lines:?}");
        let later = start + Duration::from_secs(60);
        let rest = ["expired", "signature"].map(|reason| state.count_refusal(reason, later).unwrap());
        let counted = lines.iter().sum::<u64>() + rest.iter().sum::<u64>() + lines.len() as u64;
        assert_eq!(counted, 10_000, "each refusal is logged or counted once");
    }
}

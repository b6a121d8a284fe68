//! JetStream, and the limits of the account.

use serde_json::Value;

use super::streams::Found;
use super::{Probe, Setup, StorageReport, is_nearly_full, json};

/// The minimum `max_payload` with which the engine works. A message, and the checkpoint of a channel with all of its
/// idempotency keys, must fit into it.
const MIN_PAYLOAD: usize = 256 * 1024;

/// The default of `max_payload`.
const DEFAULT_PAYLOAD: usize = 1024 * 1024;

/// The answer of JetStream about the account.
pub(super) struct Account {
    info: Value,
}

/// Checks that the account has JetStream. Returns `None` if it does not.
pub(super) async fn check(probe: &Probe, report: &mut StorageReport) -> Option<Account> {
    check_payload(probe.jetstream.client.server_info().max_payload, report);
    match probe.ask("$JS.API.INFO", &json!({})).await {
        Ok(info) => {
            report.ok("jetstream", "JetStream is enabled");
            Some(Account { info })
        }
        Err(failure) => {
            report.fail(
                "jetstream",
                failure.into_error().to_string(),
                "add `jetstream { store_dir: … }` to the configuration of the servers, enable it for the account, and \
                 allow the user to publish to `$JS.API.>` and to subscribe to `_INBOX.>`",
            );
            None
        }
    }
}

fn check_payload(max: usize, report: &mut StorageReport) {
    let message = format!("messages of up to {max} bytes are allowed");
    let help = "raise `max_payload` of all servers to 1 MB, which is the default, or more";
    if max < MIN_PAYLOAD {
        let message = format!("{message}, but the storage needs at least {MIN_PAYLOAD}");
        report.fail("max_payload", message, help);
    } else if max < DEFAULT_PAYLOAD {
        let message =
            format!("{message}: channels that retain many messages keep old ones longer than needed");
        report.warn("max_payload", message, help);
    } else {
        report.ok("max_payload", message);
    }
}

impl Account {
    /// Compares the limits with what is in use and with the streams that servers will create.
    pub(super) fn check_limits(&self, setup: &Setup, found: &Found, report: &mut StorageReport) {
        let replicas = found.replicas.or(setup.replicas).unwrap_or(1);
        // An account may have limits per number of replicas instead.
        let tier = self.info["tiers"].get(format!("R{replicas}")).unwrap_or(&self.info);
        let limits = &tier["limits"];
        let missing = found.missing.len() as u64;
        let before = report.findings.len();
        if limits["max_bytes_required"] == true && missing > 0 {
            report.fail(
                "limits",
                "the account requires a limit of bytes for each stream, so servers cannot create their streams",
                "remove `max_bytes_required` from the limits of the account",
            );
        }
        if let Some(max) = limits["max_streams"].as_u64() {
            let used = tier["streams"].as_u64().unwrap_or(0);
            if used + missing > max {
                report.fail(
                    "limits",
                    format!(
                        "the account may have {max} streams and has {used}, but the servers need {missing} more"
                    ),
                    "raise the account's `max_streams`, or use fewer shards",
                );
            }
        }
        if let Some(max) = limits["max_storage"].as_u64() {
            let used = tier["storage"].as_u64().unwrap_or(0);
            let help = "raise the account's storage limit";
            if used >= max {
                report.fail("limits", format!("all {max} bytes of the account's storage are in use"), help);
            } else if is_nearly_full(used, max) {
                report.warn(
                    "limits",
                    format!("{used} of {max} bytes of the account's storage are in use"),
                    help,
                );
            }
        }
        if report.findings.len() == before {
            report.ok("limits", "the account has room for the streams");
        }
    }
}

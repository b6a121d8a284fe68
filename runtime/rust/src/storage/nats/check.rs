//! Checks NATS servers, before or while servers use them. Nothing here creates, changes or deletes anything.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::{Event, HeaderMap, Request, ServerError};
use serde_json::{Value, json};

use super::credentials::{is_denied_permission, required_permissions};
use super::jetstream::{JetStream, RequestFailure};
use super::streams::Setup;
use super::{ConnectNats, StorageError};
use crate::storage::check::StorageReport;

mod account;
mod permissions;
mod replicas;
mod servers;
mod streams;
#[cfg(all(test, unix))]
mod tests;

/// The time within which a server must answer a request of a check.
const TIMEOUT: Duration = Duration::from_secs(3);

impl ConnectNats<'_> {
    /// Checks the NATS servers instead of connecting: their versions and clocks, JetStream and its limits, the
    /// permissions, and the streams with their replicas. It changes nothing, so servers may be using the streams.
    ///
    /// Set the same options as the servers do, because the check compares the streams with them.
    pub async fn check(self) -> StorageReport {
        let mut report = StorageReport::default();
        let setup = match self.setup() {
            Ok(setup) => setup,
            Err(error) => {
                report.fail("options", error.to_string(), "correct the option");
                return report;
            }
        };
        let denied = Denied::default();
        let urls = self.url.split(',').map(str::trim).collect();
        let connecting =
            self.credentials.connect_with(urls, |options| denied.collect(options).max_reconnects(1)).await;
        let client = match connecting {
            Ok(client) => client,
            Err(error) => {
                let help = "start the servers, and correct the URL, the credentials and the certificates";
                report.fail("connection", error.to_string(), help);
                return report;
            }
        };
        let probe = Probe { jetstream: JetStream { client }, setup, denied };
        let mut servers = servers::check(&self, &probe, &mut report).await;
        if let Some(account) = account::check(&probe, &mut report).await {
            let found = streams::check(&probe, &mut servers, &mut report).await;
            account.check_limits(&probe.setup, &found, &mut report);
            permissions::check(&probe, &found, &mut report).await;
        } else {
            probe.denied.report(&probe.setup.space, &mut report);
        }
        if servers.clocks.is_empty() {
            let help = format!("allow the user to publish to `{}`", servers::USER_INFO);
            report.warn("clock", "the clocks of the NATS servers cannot be read", help);
        }
        servers.clocks.report(&mut report);
        report
    }
}

/// Returns whether so much of a limit is used that the check warns.
fn is_nearly_full(used: u64, limit: u64) -> bool {
    used.saturating_mul(100) >= limit.saturating_mul(80)
}

/// A connection, and the settings of the servers.
struct Probe {
    jetstream: JetStream,
    setup: Setup,
    denied: Denied,
}

impl Probe {
    async fn ask(&self, subject: impl Into<String>, request: &Value) -> Result<Value, RequestFailure> {
        let request = Request::new().payload(request.to_string().into()).timeout(Some(TIMEOUT));
        self.jetstream.answer(subject.into(), request).await
    }

    /// Sends a message that no stream stores, because its headers name a stream that does not exist.
    async fn send_unstored(&self, subject: String) {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Expected-Stream", "no-stream-has-this-name");
        let request = Request::new().headers(headers).timeout(Some(TIMEOUT));
        // Only a denied permission matters here.
        let _ = self.jetstream.answer(subject, request).await;
    }
}

/// The permissions that the NATS servers have denied, in the words of their errors.
#[derive(Clone, Default)]
struct Denied(Arc<Mutex<Vec<String>>>);

impl Denied {
    fn collect(&self, options: async_nats::ConnectOptions) -> async_nats::ConnectOptions {
        let denied = self.clone();
        options.event_callback(move |event| {
            if let Event::ServerError(ServerError::Other(error)) = event
                && is_denied_permission(&error)
            {
                denied.0.lock().unwrap_or_else(PoisonError::into_inner).push(error);
            }
            async {}
        })
    }

    /// Returns the denied operations, such as `Publish to "a"`.
    fn list(&self) -> Vec<String> {
        let denied = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut denied: Vec<String> = denied
            .iter()
            .filter_map(|error| error.split_once(" for ").map(|(_, what)| what.to_owned()))
            // Servers do not send this request, so they do not need the permission.
            .filter(|what| !what.contains(servers::USER_INFO))
            .collect();
        denied.sort_unstable();
        denied.dedup();
        denied
    }

    /// Reports the denied operations. Returns `true` if there are none.
    fn report(&self, space: &str, report: &mut StorageReport) -> bool {
        let denied = self.list();
        if denied.is_empty() {
            return true;
        }
        report.fail(
            "permissions",
            format!("the user lacks permissions: {}", denied.join(", ")),
            required_permissions(space),
        );
        false
    }
}

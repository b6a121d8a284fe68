//! Authentication at the NATS servers, and TLS.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_nats::rustls::Error as TlsError;
use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions, Event, ServerAddr, ServerError};
use tokio::sync::watch;

use super::StorageError;
use crate::metrics;

/// The credentials of this process, and the certificates that it trusts.
#[derive(Default)]
pub(super) struct Credentials {
    pub(super) file: Option<PathBuf>,
    pub(super) nkey: Option<String>,
    pub(super) user: Option<(String, String)>,
    pub(super) token: Option<String>,
    pub(super) root_certificates: Option<PathBuf>,
    /// A certificate and its private key.
    pub(super) client_certificate: Option<(PathBuf, PathBuf)>,
}

/// Receives the refusals of requests for which the user lacks a permission.
pub(super) struct Refusals(watch::Receiver<Option<String>>);

impl Refusals {
    /// Waits until the servers have refused a request, and returns their reason.
    pub(super) async fn next(&mut self) -> String {
        match self.0.wait_for(Option::is_some).await.map(|refusal| refusal.clone()) {
            Ok(Some(refusal)) => refusal,
            // The connection is closed.
            _ => std::future::pending().await,
        }
    }
}

impl Credentials {
    /// Connects to one of the servers. The connection is restored whenever it is lost.
    pub(super) async fn connect(&self, urls: Vec<&str>) -> Result<(Client, Refusals), StorageError> {
        let (sender, refusals) = watch::channel(None);
        let sender = Arc::new(sender);
        let follow = |options: ConnectOptions| {
            options.event_callback(move |event| {
                let sender = Arc::clone(&sender);
                async move {
                    match event {
                        Event::Disconnected => metrics::record_disconnect(),
                        Event::ServerError(ServerError::Other(error)) => {
                            tracing::warn!(error, "a NATS server reported an error");
                            if is_denied_permission(&error) {
                                sender.send_replace(Some(error));
                            }
                        }
                        _ => {}
                    }
                }
            })
        };
        Ok((self.connect_with(urls, follow).await?, Refusals(refusals)))
    }

    /// Connects with changed options.
    pub(super) async fn connect_with(
        &self,
        urls: Vec<&str>,
        change: impl FnOnce(ConnectOptions) -> ConnectOptions,
    ) -> Result<Client, StorageError> {
        if urls.iter().any(|url| url.contains('@')) {
            // The client ignores credentials in URLs, and logs the URLs.
            return Err(StorageError::new(
                "the URL of NATS servers must not contain credentials: set `user_and_password` or `token` instead",
            ));
        }
        let mut options = change(self.options().await?);
        if requires_tls(&urls) {
            // Also required of servers that these servers name.
            options = options.require_tls(true);
        }
        options.connect(urls).await.map_err(|error| StorageError::new(self.explain(&error)))
    }

    async fn options(&self) -> Result<ConnectOptions, StorageError> {
        let mut options = ConnectOptions::new().name("fanfare").max_reconnects(None);
        let ways = [self.file.is_some(), self.nkey.is_some(), self.user.is_some(), self.token.is_some()];
        if ways.iter().filter(|is_set| **is_set).count() > 1 {
            return Err(StorageError::new(
                "several kinds of credentials for NATS are set: set only one of `credentials_file`, `nkey`, \
                 `user_and_password` and `token`",
            ));
        }
        if let Some(seed) = &self.nkey {
            options = options.nkey(seed.clone());
        }
        if let Some((user, password)) = &self.user {
            options = options.user_and_password(user.clone(), password.clone());
        }
        if let Some(token) = &self.token {
            options = options.token(token.clone());
        }
        if let Some(path) = &self.root_certificates {
            check_readable(path, "certificate authorities")?;
            options = options.add_root_certificates(path.clone()).require_tls(true);
        }
        if let Some((certificate, key)) = &self.client_certificate {
            check_readable(certificate, "client certificate")?;
            check_readable(key, "private key")?;
            options = options.add_client_certificate(certificate.clone(), key.clone()).require_tls(true);
        }
        if let Some(path) = &self.file {
            check_readable(path, "credentials")?;
            let with_file = options.credentials_file(path).await;
            options = with_file.map_err(|error| {
                StorageError::new(format!(
                    "cannot use the NATS credentials in {}: {error}; create the file with `nsc generate creds`",
                    path.display()
                ))
            })?;
        }
        Ok(options)
    }

    /// Describes why connecting failed and how to fix it. The text contains no secrets.
    fn explain(&self, error: &ConnectError) -> String {
        let is_set =
            self.file.is_some() || self.nkey.is_some() || self.user.is_some() || self.token.is_some();
        match (error.kind(), find_tls_error(error)) {
            (ConnectErrorKind::AuthorizationViolation, _) if is_set => {
                "the NATS server rejected the credentials: check that its configuration has this user, and that the \
                 credentials have not expired"
                    .to_owned()
            }
            (ConnectErrorKind::AuthorizationViolation, _) => {
                "the NATS server requires credentials: set `credentials_file`, `nkey`, `user_and_password` or `token`"
                    .to_owned()
            }
            (ConnectErrorKind::Authentication, _) => {
                "cannot authenticate at the NATS server: the seed of the nkey is invalid; it must begin with `SU`"
                    .to_owned()
            }
            (_, Some(TlsError::InvalidCertificate(reason))) => format!(
                "the certificate of the NATS server failed verification ({reason:?}): set `root_certificates` to its \
                 authority, and use a host name of the certificate in the URL"
            ),
            (_, Some(TlsError::AlertReceived(alert))) => format!(
                "the NATS server ended the TLS handshake ({alert:?}): if it requires a client certificate, set \
                 `client_certificate` to one that it accepts"
            ),
            _ => format!("the connection to the NATS servers failed: {error}"),
        }
    }
}

/// Returns whether an error of a server says that the user lacks a permission.
pub(super) fn is_denied_permission(error: &str) -> bool {
    error.to_lowercase().starts_with("permissions violation")
}

/// Describes how to grant the permissions that servers need.
pub(super) fn required_permissions(space: &str) -> String {
    format!(
        "allow it to publish to `$JS.API.>` and `{space}.>`, and to subscribe to `{space}-live.>` and `_INBOX.>`"
    )
}

/// Returns whether all URLs begin with `tls://`. Then no other server may get the credentials without TLS either.
pub(super) fn requires_tls(urls: &[&str]) -> bool {
    urls.iter().all(|url| url.parse::<ServerAddr>().is_ok_and(|address| address.tls_required()))
}

fn check_readable(path: &Path, content: &str) -> Result<(), StorageError> {
    std::fs::File::open(path).map(drop).map_err(|error| {
        StorageError::new(format!("cannot read the {content} for NATS in {}: {error}", path.display()))
    })
}

/// Returns the TLS error that caused an error.
fn find_tls_error(error: &ConnectError) -> Option<&TlsError> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(tls) = error.downcast_ref::<TlsError>() {
            return Some(tls);
        }
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests;

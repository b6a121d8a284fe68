//! TLS to other servers, with the root certificates of the system.

#[cfg(feature = "postgres")]
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls_native_certs::CertificateResult;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Returns the configuration of connections that trust the system's root certificates.
///
/// # Errors
/// Returns an error if the system has no root certificates.
pub(crate) fn client_config() -> Result<Arc<ClientConfig>, String> {
    /// Read once, because that takes some milliseconds.
    static CONFIG: OnceLock<Result<Arc<ClientConfig>, String>> = OnceLock::new();
    CONFIG
        .get_or_init(|| {
            configure(rustls_native_certs::load_native_certs()).map_err(|why| {
                format!(
                    "the system has no root certificates{why}: install them (on Debian, the package ca-certificates), \
                     or set SSL_CERT_FILE"
                )
            })
        })
        .clone()
}

/// Returns the configuration of connections that trust the root certificates in a file only.
///
/// # Errors
/// Returns an error if the file cannot be read, or has no certificates.
#[cfg(feature = "postgres")]
pub(crate) fn client_config_with_roots(file: &Path) -> Result<Arc<ClientConfig>, String> {
    configure(rustls_native_certs::load_certs_from_paths(Some(file), None))
        .map_err(|why| format!("`{}` has no root certificates{why}", file.display()))
}

fn configure(found: CertificateResult) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(found.errors.first().map_or_else(String::new, |error| format!(" ({error})")));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

//! TLS to the database. The server's certificate is always verified.

use std::borrow::Cow;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::StorageError;
use super::certificate::end_point;
use crate::tls;

/// Encrypts connections if the server and `sslmode` allow it.
#[derive(Clone)]
pub(super) struct Tls {
    /// The configuration with the root certificates of the URL, if it names some. Otherwise the system's are used.
    config: Option<Arc<ClientConfig>>,
}

/// A connection to encrypt.
pub(super) struct TlsTo {
    host: String,
    config: Option<Arc<ClientConfig>>,
}

pub(super) struct Encrypted<S>(TlsStream<S>);

impl Tls {
    /// Takes the parameters of TLS from a URL that the driver does not know. Returns the rest of the URL.
    ///
    /// # Errors
    /// Returns an error if the file with the root certificates cannot be used.
    pub(super) fn from_url(url: &str) -> Result<(String, Self), StorageError> {
        let (url, roots) = take_tls_params(url);
        let config = match roots.as_deref() {
            None | Some("system") => None,
            Some(file) => {
                let config = tls::client_config_with_roots(Path::new(file));
                let error = |error| StorageError::new(format!("invalid PostgreSQL URL: {error}"));
                Some(config.map_err(error)?)
            }
        };
        Ok((url, Self { config }))
    }
}

/// Removes `sslrootcert` from a URL, and returns it. Replaces the values of `sslmode` that verify certificates with
/// `require`, which always does here.
fn take_tls_params(url: &str) -> (String, Option<String>) {
    let is_url = url.starts_with("postgres://") || url.starts_with("postgresql://");
    let (before, params, separator) = match url.split_once('?') {
        Some((before, params)) if is_url => (format!("{before}?"), params, '&'),
        _ if is_url => return (url.to_owned(), None),
        _ => (String::new(), url, ' '),
    };
    let mut roots = None;
    let mut kept: Vec<Cow<'_, str>> = Vec::new();
    for param in params.split(separator) {
        match param.split_once('=') {
            Some(("sslrootcert", file)) => roots = Some(if is_url { decode(file) } else { file.to_owned() }),
            Some(("sslmode", "verify-ca" | "verify-full")) => kept.push("sslmode=require".into()),
            _ => kept.push(param.into()),
        }
    }
    (before + &kept.join(&separator.to_string()), roots)
}

/// Decodes `%2F` and the like.
fn decode(text: &str) -> String {
    let mut decoded = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).filter(|_| *first == b'%').and_then(|hex| str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        decoded.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Tls {
    type Stream = Encrypted<S>;
    type TlsConnect = TlsTo;
    type Error = String;

    fn make_tls_connect(&mut self, host: &str) -> Result<TlsTo, String> {
        Ok(TlsTo { host: host.to_owned(), config: self.config.clone() })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for TlsTo {
    type Stream = Encrypted<S>;
    type Error = String;
    type Future = Pin<Box<dyn Future<Output = Result<Encrypted<S>, String>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let config = self.config.map_or_else(tls::client_config, Ok)?;
            let name = ServerName::try_from(self.host).map_err(|error| error.to_string())?;
            let encrypted = TlsConnector::from(config).connect(name, stream).await;
            encrypted.map(Encrypted).map_err(|error| {
                format!(
                    "{error}; add `sslrootcert=` and the file with the certificate of your certificate authority to the \
                     URL, or use `sslmode=disable` on a trusted network"
                )
            })
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> tokio_postgres::tls::TlsStream for Encrypted<S> {
    fn channel_binding(&self) -> ChannelBinding {
        let certificate = self.0.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let end_point = certificate.and_then(|certificate| end_point(certificate));
        end_point.map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn params_of_tls_are_taken_from_both_forms_of_urls() {
        let cases = [
            ("postgres://a@b/c", "postgres://a@b/c", None),
            ("postgres://a@b/c?sslmode=require&x=y", "postgres://a@b/c?sslmode=require&x=y", None),
            (
                "postgresql://a@b/c?sslrootcert=%2Fetc%2Fa%20b.crt&sslmode=verify-full&x=y",
                "postgresql://a@b/c?sslmode=require&x=y",
                Some("/etc/a b.crt"),
            ),
            ("postgres://a@b/c?sslrootcert=/%zz%2", "postgres://a@b/c?", Some("/%zz%2")),
            ("host=b sslmode=verify-ca sslrootcert=/r user=a", "host=b sslmode=require user=a", Some("/r")),
            ("host=b password='a?b' user=a", "host=b password='a?b' user=a", None),
        ];
        for (url, rest, roots) in cases {
            assert_eq!(take_tls_params(url), (rest.to_owned(), roots.map(str::to_owned)), "{url}");
        }
    }

    #[test]
    fn a_missing_file_of_root_certificates_is_an_error() {
        let error = Tls::from_url("postgres://a@b/c?sslrootcert=/missing.crt").err().unwrap().to_string();
        assert!(error.contains("/missing.crt"), "{error}");
    }
}

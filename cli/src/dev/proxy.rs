//! Forwards requests to a server: HTTP, event streams and WebSocket connections.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, COOKIE, HOST, ORIGIN, REFERER, SET_COOKIE, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;
use axum::routing::any;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::io::copy_bidirectional;
use tokio::time::timeout;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::error::error;
use super::keys;
use crate::remote::access::ROUTES;

/// How long a connection and the first response may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The maximum size of the description of a server.
const MAX_DESCRIPTION: usize = 64 * 1024;

/// Headers about one connection, or about the page that sent the request. A server would not accept Studio's origin.
const NOT_FORWARDED: [HeaderName; 12] = [
    HOST,
    ORIGIN,
    REFERER,
    COOKIE,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    ACCEPT_ENCODING,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("sec-fetch-site"),
    HeaderName::from_static("sec-fetch-mode"),
    HeaderName::from_static("sec-fetch-dest"),
];

/// A key or token of the server, and the one that Studio has in its place. So the key is neither in the terminal nor in
/// the browser.
#[derive(Clone)]
pub(super) struct Bearer {
    of_server: String,
    pub(super) own: String,
}

impl Bearer {
    pub(super) fn new(of_server: String) -> Self {
        // Studio recognizes a token by its dots, and then offers less.
        let is_token = of_server.split('.').count() == 3;
        let own = if is_token { [(); 3].map(|()| keys::random()).join(".") } else { keys::random() };
        Self { of_server, own }
    }
}

/// A server that requests are forwarded to.
#[derive(Clone)]
pub(super) struct Remote {
    /// The URL without a slash at its end.
    url: Arc<str>,
    bearer: Option<Bearer>,
    client: Client<HttpsConnector<HttpConnector>, Body>,
}

impl Remote {
    /// Creates a client of the server at a URL, which pages use as `apiBaseUrl`.
    ///
    /// # Errors
    /// Returns a message if the URL is not valid, or the system has no root certificates for HTTPS.
    pub(super) fn new(url: &str, bearer: Option<Bearer>) -> Result<Self, String> {
        let invalid = |why: &str| format!("the URL {url:?} {why}: pass one like http://localhost:3000");
        let uri: Uri = url.parse().map_err(|_| invalid("is not valid"))?;
        if uri.authority().is_none_or(|authority| authority.as_str().contains('@')) || uri.query().is_some() {
            return Err(invalid("must have a host, and no user and no query"));
        }
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(invalid("must begin with `http://` or `https://`")),
        };
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(TIMEOUT));
        connector.set_nodelay(true);
        let tls = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(configure_tls(is_tls)?);
        let connector = tls.https_or_http().enable_http1().wrap_connector(connector);
        let url = url.trim_end_matches('/').trim_end_matches(ROUTES).trim_end_matches('/').into();
        Ok(Self { url, bearer, client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn bearer(&self) -> Option<&Bearer> {
        self.bearer.as_ref()
    }

    /// Checks that the server can be reached, has admin routes and accepts the key. Returns its version, which it states
    /// only if there is a key.
    ///
    /// # Errors
    /// Returns a message with the reason and the fix.
    pub(super) async fn check(&self) -> Result<Option<String>, String> {
        let url = &self.url;
        let response = self.get("admin/server").await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => match self.bearer {
                None => return Ok(None),
                Some(_) => {
                    return Err(format!(
                        "{url} does not accept the key: pass its signing key or an admin token with `--key` or \
                         `FANFARE_SIGNING_KEY`"
                    ));
                }
            },
            StatusCode::NOT_FOUND if self.get("healthz").await?.status() != StatusCode::NOT_FOUND => {
                return Err(format!(
                    "{url} has no admin routes: enable them in the server with `HubBuilder::admin_routes(true)`"
                ));
            }
            StatusCode::NOT_FOUND => {
                return Err(format!(
                    "there is no Fanfare server at {url}: pass the URL that its pages have as `apiBaseUrl`"
                ));
            }
            status => return Err(format!("{url} answered {status} to a request for its admin routes")),
        }
        let body = timeout(TIMEOUT, to_bytes(response.into_body(), MAX_DESCRIPTION)).await;
        let description: Option<Value> =
            body.ok().and_then(Result::ok).and_then(|body| serde_json::from_slice(&body).ok());
        let version = description.as_ref().and_then(|description| description["version"].as_str());
        let version =
            version.ok_or_else(|| format!("{url} is not a Fanfare server: its response has no version"))?;
        Ok(Some(version.to_owned()))
    }

    /// Returns a router that forwards all requests for the routes of a hub.
    pub(super) fn router(&self) -> Router {
        Router::new().route(&format!("{ROUTES}/{{*route}}"), any(forward)).with_state(self.clone())
    }

    async fn get(&self, route: &str) -> Result<Response, String> {
        let mut request = Request::builder().method(Method::GET).uri(format!("{}{ROUTES}/{route}", self.url));
        if let Some(bearer) = &self.bearer {
            request = request.header(AUTHORIZATION, format!("Bearer {}", bearer.of_server));
        }
        let request = request.body(Body::empty()).map_err(|_| {
            "the key contains characters that are not valid in an HTTP header: pass the signing key or an admin token".to_owned()
        })?;
        let response = timeout(TIMEOUT, self.client.request(request)).await;
        let response = response.map_err(|_| format!("{} did not answer within 10 seconds", self.url))?;
        response.map(|response| response.map(Body::new)).map_err(|error| self.unreachable(&error))
    }

    fn unreachable(&self, error: &dyn std::error::Error) -> String {
        let mut cause = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        format!("cannot reach {} ({cause}): is the server running?", self.url)
    }

    /// Replaces Studio's own key by that of the server.
    fn authorize(&self, headers: &mut HeaderMap) {
        let Some(Bearer { of_server, own }) = &self.bearer else { return };
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.split_once(' '));
        let has_own = given.is_some_and(|(scheme, key)| scheme.eq_ignore_ascii_case("bearer") && key == own);
        if let (true, Ok(value)) = (has_own, HeaderValue::try_from(format!("Bearer {of_server}"))) {
            headers.insert(AUTHORIZATION, value);
        }
    }
}

async fn forward(State(remote): State<Remote>, mut request: Request) -> Response {
    let path = request.uri().path_and_query().map_or("", |path| path.as_str());
    let Ok(uri) = format!("{}{path}", remote.url).parse::<Uri>() else {
        return error(StatusCode::BAD_REQUEST, "the path is not valid");
    };
    *request.uri_mut() = uri;
    let is_upgrade = request.headers().contains_key(UPGRADE);
    let of_page = is_upgrade.then(|| hyper::upgrade::on(&mut request));
    let headers = request.headers_mut();
    for name in &NOT_FORWARDED {
        headers.remove(name);
    }
    remove_connection_headers(headers, is_upgrade);
    remote.authorize(headers);
    let mut response = match remote.client.request(request).await {
        Ok(response) => response,
        Err(failure) => return error(StatusCode::BAD_GATEWAY, remote.unreachable(&failure)),
    };
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let of_server = hyper::upgrade::on(&mut response);
        tokio::spawn(async move {
            let Some(of_page) = of_page else { return };
            if let (Ok(page), Ok(server)) = (of_page.await, of_server.await) {
                // Either side may close the connection at any time.
                let _ = copy_bidirectional(&mut TokioIo::new(page), &mut TokioIo::new(server)).await;
            }
        });
    } else {
        // A cookie would be that of every server of this machine: cookies ignore ports.
        for name in [CONNECTION, TRANSFER_ENCODING, SET_COOKIE] {
            response.headers_mut().remove(name);
        }
    }
    response.map(Body::new)
}

/// Removes `Connection` and the headers that it names, which are about one connection only. An upgrade needs both.
fn remove_connection_headers(headers: &mut HeaderMap, is_upgrade: bool) {
    let named: Vec<String> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !(is_upgrade && name == "upgrade"))
        .collect();
    for name in &named {
        headers.remove(name.as_str());
    }
    headers.remove(CONNECTION);
    if is_upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
}

/// Returns the settings of TLS, with the root certificates of the system if they are needed.
fn configure_tls(is_needed: bool) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    if is_needed {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err("the system has no root certificates: install them (on Debian, the package ca-certificates), \
                        or set SSL_CERT_FILE"
                .to_owned());
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

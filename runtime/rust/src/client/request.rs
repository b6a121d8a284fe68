//! HTTP requests.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, Response, header};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::backoff::Backoff;
use super::target::{Target, encode};
use super::{ClientError, Shared};

/// A request without a response after this time has failed.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The largest response that is read.
const MAX_RESPONSE: usize = 4 * 1024 * 1024;

/// How many unused connections are kept.
const MAX_IDLE: usize = 8;

/// The delay before a request is sent again, and its maximum.
const RETRY_DELAY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(4));

pub(super) type Query = Vec<(&'static str, String)>;

/// Sends requests, and keeps connections for the next ones.
#[derive(Clone, Default)]
pub(super) struct Requests {
    idle: Arc<Mutex<Vec<SendRequest<Body>>>>,
}

/// A request to send.
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) route: String,
    pub(super) query: Query,
    pub(super) bearer: String,
    pub(super) idempotency_key: Option<String>,
    pub(super) body: String,
}

impl Outgoing {
    /// Returns the request with another body in place of its own.
    fn with_body(
        &self,
        target: &Target,
        content_type: &str,
        body: Body,
    ) -> Result<Request<Body>, ClientError> {
        let query: Vec<String> =
            self.query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let mut request = Request::builder()
            .method(&self.method)
            .uri(format!("{}?{}", target.path(&self.route), query.join("&")))
            .header(header::HOST, &target.authority)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.bearer))
            .header(header::CONTENT_TYPE, content_type);
        if let Some(key) = &self.idempotency_key {
            request = request.header("idempotency-key", key);
        }
        request.body(body).map_err(|error| ClientError::Protocol(format!("invalid request: {error}")))
    }
}

impl Shared {
    /// Sends a request with a text as its body, while the text is written.
    pub(super) async fn send_text(&self, request: &Outgoing, text: Body) -> Result<Value, ClientError> {
        let target = self.target()?;
        self.requests.send(&target, request.with_body(&target, "text/stream", text)?).await
    }

    /// Sends a request, and repeats it if there is no response or the server fails. The caller ensures that this is safe.
    pub(super) async fn send(&self, request: Outgoing) -> Result<Value, ClientError> {
        let target = self.target()?;
        let mut backoff = Backoff::new(RETRY_DELAY);
        for attempt in 0.. {
            match self.requests.send_once(&target, &request).await {
                Err(error)
                    if attempt < self.max_retries
                        && error.is_transient()
                        && error.retry_after() <= TIMEOUT =>
                {
                    sleep(backoff.next(error.retry_after())).await;
                }
                result => return result,
            }
        }
        unreachable!("the last attempt returns")
    }
}

impl Requests {
    /// Sends a request once, and returns the JSON of the response.
    pub(super) async fn send_once(&self, target: &Target, request: &Outgoing) -> Result<Value, ClientError> {
        let request = request.with_body(target, "application/json", Body::from(request.body.clone()))?;
        let responded = timeout(TIMEOUT, self.send(target, request)).await;
        responded.unwrap_or_else(|_| Err(ClientError::Unreachable("no response within 30 seconds".into())))
    }

    async fn send(&self, target: &Target, request: Request<Body>) -> Result<Value, ClientError> {
        let unreachable = |error: hyper::Error| ClientError::Unreachable(error.to_string());
        let mut connection = match self.take_idle() {
            Some(idle) => idle,
            None => open(target).await?,
        };
        let response = connection.send_request(request).await.map_err(unreachable)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let value = read_body(response).await?;
        // A server that fails or stops is left: the next connection may lead to another one.
        if status < 500 {
            let mut idle = self.idle();
            idle.truncate(MAX_IDLE - 1);
            idle.push(connection);
        }
        if (200..300).contains(&status) { Ok(value) } else { Err(refusal(status, &headers, &value)) }
    }

    /// Closes the unused connections, because the network or the server may be gone.
    pub(super) fn forget_idle(&self) {
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<SendRequest<Body>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_idle(&self) -> Option<SendRequest<Body>> {
        let mut idle = self.idle();
        idle.retain(|connection| !connection.is_closed());
        let ready = idle.iter().position(SendRequest::is_ready)?;
        Some(idle.swap_remove(ready))
    }
}

async fn open(target: &Target) -> Result<SendRequest<Body>, ClientError> {
    let socket = target.connect().await?;
    let (sender, connection) =
        handshake(TokioIo::new(socket)).await.map_err(|error| ClientError::Unreachable(error.to_string()))?;
    tokio::spawn(async move {
        // The request reports the error.
        let _ = connection.await;
    });
    Ok(sender)
}

async fn read_body(response: Response<Incoming>) -> Result<Value, ClientError> {
    let body = to_bytes(Body::new(response.into_body()), MAX_RESPONSE).await;
    let body =
        body.map_err(|error| ClientError::Unreachable(format!("the response is incomplete: {error}")))?;
    Ok(serde_json::from_slice(&body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).chars().take(200).collect())))
}

/// Returns the error of a response that is not a success.
pub(super) fn refusal(status: u16, headers: &HeaderMap, body: &Value) -> ClientError {
    let message = body["error"].as_str().or_else(|| body.as_str()).unwrap_or_default().to_owned();
    let code = body["data"]["code"].as_str().map(str::to_owned);
    let data = body.get("data").filter(|data| !data.is_null()).cloned().map(Box::new);
    let seconds = headers.get(header::RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
    let retry_after = seconds.map(Duration::from_secs);
    ClientError::Refused { status: Some(status), code, message, data, retry_after }
}

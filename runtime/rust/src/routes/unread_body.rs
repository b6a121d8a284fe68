//! Reads the part of a request's body that its handler did not read, so that the client receives the response.
//!
//! A handler may respond without reading the body, for example because it is too large or the caller is not
//! authorized. If the server then closes the connection while the client is still writing, the system resets it and the
//! client loses the response. The next request on a pooled connection may fail as well.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, Version, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// If the rest of a body arrives within this time, it is read before the response is sent and the connection stays
/// usable.
const WAIT: Duration = Duration::from_secs(1);
/// Reading a larger rest costs more than a new connection.
const MAX_WAIT_BYTES: u64 = 16 * 1024 * 1024;
/// How long to keep reading after the response, and how long to wait for more data. nginx has the same limits.
const LINGER: Duration = Duration::from_secs(30);
const LINGER_IDLE: Duration = Duration::from_secs(5);

const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// Reads the rest of a request's body if it is small and arrives soon. Otherwise the response has `Connection: close`,
/// and the rest is read after it.
pub(crate) async fn discard_unread_body(request: Request, next: Next) -> Response {
    // HTTP/2 resets one stream without affecting the others.
    if request.version() > Version::HTTP_11 || request.body().is_end_stream() {
        return next.run(request).await;
    }
    let waits_for_continue = request.headers().contains_key(header::EXPECT);
    let (sender, mut receiver) = oneshot::channel();
    let mut response = next
        .run(request.map(|body| Body::new(TrackedBody { body, is_read: false, left: Some(sender) })))
        .await;
    // Nothing is received if the body was read to its end, or if the handler still holds it.
    let Ok(UnreadBody { body, is_read }) = receiver.try_recv() else { return response };
    // Reading would send `100 Continue`, and the client would send a body that is not needed.
    if waits_for_continue && !is_read {
        response.headers_mut().insert(header::CONNECTION, CLOSE);
        return response;
    }
    let fits = body.size_hint().lower() <= MAX_WAIT_BYTES;
    let mut rest = body.into_data_stream();
    if !fits || timeout(WAIT, discard(&mut rest, MAX_WAIT_BYTES)).await != Ok(true) {
        response.headers_mut().insert(header::CONNECTION, CLOSE);
        tokio::spawn(timeout(LINGER, async move { discard(&mut rest, u64::MAX).await }));
    }
    response
}

/// Reads a body to its end. Returns `false` if it is too large or stops arriving.
async fn discard(rest: &mut BodyDataStream, max_bytes: u64) -> bool {
    let mut bytes = 0;
    while let Ok(chunk) = timeout(LINGER_IDLE, rest.next()).await {
        let Some(Ok(chunk)) = chunk else { return true };
        bytes += chunk.len() as u64;
        if bytes > max_bytes {
            return false;
        }
    }
    false
}

/// A request body that sends its unread rest when the handler drops it.
struct TrackedBody {
    body: Body,
    is_read: bool,
    /// `None` once the body has ended.
    left: Option<oneshot::Sender<UnreadBody>>,
}

struct UnreadBody {
    body: Body,
    /// Set once the handler has begun to read.
    is_read: bool,
}

impl HttpBody for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.is_read = true;
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) || self.body.is_end_stream() {
            self.left = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for TrackedBody {
    fn drop(&mut self) {
        if let Some(left) = self.left.take() {
            let _ = left.send(UnreadBody { body: std::mem::take(&mut self.body), is_read: self.is_read });
        }
    }
}

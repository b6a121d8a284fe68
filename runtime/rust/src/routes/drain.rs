//! Reads what a handler leaves of a request's body, so that the client receives the answer.
//!
//! A handler may answer without reading the body: it is too large, or the caller may not send it. If the server
//! then closes the connection while the client still writes, the system resets it, and the client loses the answer.
//! The next request on a pooled connection may fail as well.

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

/// A body whose rest arrives this fast is read before the answer is sent, and the connection stays usable.
const WAIT: Duration = Duration::from_secs(1);
/// A larger rest is not worth reading to keep a connection.
const MAX_WAIT_BYTES: u64 = 16 * 1024 * 1024;
/// How long to read on after the answer, and how long to wait for more. nginx has the same limits.
const LINGER: Duration = Duration::from_secs(30);
const LINGER_IDLE: Duration = Duration::from_secs(5);

const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// Reads the rest of a request's body, if it is small and arrives soon. Otherwise the answer has
/// `Connection: close`, and the rest is read after it.
pub(crate) async fn drain(request: Request, next: Next) -> Response {
    // HTTP/2 ends one stream without harm to the others.
    if request.version() > Version::HTTP_11 || request.body().is_end_stream() {
        return next.run(request).await;
    }
    let waits_for_continue = request.headers().contains_key(header::EXPECT);
    let (sender, mut receiver) = oneshot::channel();
    let mut response =
        next.run(request.map(|body| Body::new(Lent { body, is_read: false, left: Some(sender) }))).await;
    // A body that was read to its end, or that the handler has passed on, does not come back.
    let Ok(Left { body, is_read }) = receiver.try_recv() else { return response };
    // Reading would ask a client for a body that it has not begun to send.
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

/// Reads a body to its end and returns `true`, unless it is too large or stops arriving.
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

/// The body of a request, which returns what is left of it when the handler drops it.
struct Lent {
    body: Body,
    is_read: bool,
    /// `None` once the body has ended.
    left: Option<oneshot::Sender<Left>>,
}

struct Left {
    body: Body,
    /// Whether the handler has begun to read it.
    is_read: bool,
}

impl HttpBody for Lent {
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

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(left) = self.left.take() {
            let _ = left.send(Left { body: std::mem::take(&mut self.body), is_read: self.is_read });
        }
    }
}

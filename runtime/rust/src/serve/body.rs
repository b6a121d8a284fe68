//! Bodies that report the progress of a request and its response.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};

use super::open_connections::OpenConnection;

/// A request body. Reports when all of it has arrived or its handler drops it.
pub(super) struct RequestBody {
    body: Incoming,
    connection: Arc<OpenConnection>,
    request: u64,
}

impl RequestBody {
    /// Begins a request.
    pub(super) fn new(body: Incoming, connection: Arc<OpenConnection>) -> Self {
        let request = connection.begin_request();
        if body.is_end_stream() {
            connection.finish_request(request);
        }
        Self { body, connection, request }
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) || self.body.is_end_stream() {
            self.connection.finish_request(self.request);
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

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.connection.finish_request(self.request);
    }
}

/// A response body. The server drops it once it is written.
pub(super) struct ResponseBody {
    body: Body,
    connection: Arc<OpenConnection>,
}

impl ResponseBody {
    pub(super) fn new(body: Body, connection: Arc<OpenConnection>) -> Self {
        Self { body, connection }
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.connection.finish_response();
    }
}

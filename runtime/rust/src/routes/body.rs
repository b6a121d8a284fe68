//! Reading request bodies, up to a limit.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use futures_util::StreamExt;

use super::HttpError;

/// How long a body may take to arrive.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Reads a body of at most `limit` bytes.
pub(super) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Vec<u8>, HttpError> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: usize| length > limit) {
        return Err(too_large(limit));
    }
    tokio::time::timeout(TIMEOUT, collect(body, limit)).await.unwrap_or_else(|_| Err(HttpError::timed_out()))
}

async fn collect(body: Body, limit: usize) -> Result<Vec<u8>, HttpError> {
    let mut bytes = Vec::new();
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk
            .map_err(|error| HttpError::bad_request(format!("failed to read the request body: {error}")))?;
        if bytes.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn too_large(limit: usize) -> HttpError {
    HttpError::too_large(format!(
        "the request body exceeds {limit} bytes: send a reference to large data instead"
    ))
}

//! A server without a network, shared by all targets that need one.

use std::sync::{Mutex, OnceLock, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use fanfare::{Hub, Rate, Run, RunError, Runs, Sqlite, routes};
use futures_util::{FutureExt, StreamExt};
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::definitions::channels::{REGISTRY, room::Room};
use crate::sign::{now, sign};

/// The key of the server.
pub(crate) const KEY: &str = "the signing key of a fuzzed server";

/// The issuer that tokens must name.
const ISSUER: &str = "rt.inngest.com";

/// How often the body of a response is polled. Event streams never end.
const MAX_POLLS: usize = 32;

pub(crate) struct Server {
    runtime: Mutex<Runtime>,
    router: Router,
    /// Executes one job, which makes the calls in its input.
    pub(crate) runs: Runs,
    /// A token to publish to a channel and to send signals.
    pub(crate) token: String,
    /// A token to subscribe to the same channel.
    pub(crate) reader: String,
}

/// A response, with the part of its body that has arrived.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Returns the server. The first call starts it.
pub(crate) fn start() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (router, runs) = runtime.block_on(serve());
        let [token, reader] = [true, false].map(|publish| sign(KEY, r#"{"alg":"HS256"}"#, &claims(publish)));
        Server { runtime: Mutex::new(runtime), router, runs, token, reader }
    })
}

async fn serve() -> (Router, Runs) {
    let storage = Sqlite::in_memory().expect("a storage in memory");
    let hub = Hub::builder(&REGISTRY).signing_key(KEY).issuer(ISSUER).storage(storage);
    // All requests come from one client, so rates are unlimited.
    let hub = hub
        .max_connection_rate(Rate::UNLIMITED)
        .max_publish_rate(Rate::UNLIMITED)
        .max_signal_rate(Rate::UNLIMITED)
        .max_auth_failure_rate(Rate::UNLIMITED)
        .build()
        .expect("a hub");
    let mut runs = Runs::builder(&hub);
    runs.register("fuzzed", |run: Run<Room>, calls: String| async move {
        crate::targets::journal::make_calls(&run, &calls).await?;
        Ok::<_, RunError>(())
    });
    (routes(hub), runs.build().await.expect("runs"))
}

fn claims(publish: bool) -> String {
    let topic = |name| serde_json::json!({ "kind": "run", "channel": "room:1", "name": name });
    let topics: Vec<_> = ["any", "order", "said"].map(topic).into();
    let signals = serde_json::json!([{ "channel": "room:1", "name": "approve" }]);
    let claims = serde_json::json!({
        "iss": ISSUER, "iat": now(), "exp": now() + 86_000, "jti": "fuzzed",
        "topics": topics, "signals": signals, "publish": publish,
    });
    claims.to_string()
}

impl Server {
    /// Runs a future to completion.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.lock().unwrap_or_else(PoisonError::into_inner).block_on(future)
    }

    /// Sends a request and returns the response.
    pub(crate) fn answer(&self, request: Request<Body>) -> Answer {
        self.block_on(async {
            let response = self.router.clone().oneshot(request).await;
            let (parts, body) = response.unwrap_or_else(|never| match never {}).into_parts();
            let mut chunks = body.into_data_stream();
            let mut body = Vec::new();
            // Another task writes an event stream, so it gets time between two polls.
            for _ in 0..MAX_POLLS {
                tokio::task::yield_now().await;
                match chunks.next().now_or_never() {
                    Some(Some(Ok(chunk))) => body.extend_from_slice(&chunk),
                    Some(_) => break,
                    None => {}
                }
            }
            Answer { status: parts.status, headers: parts.headers, body }
        })
    }
}

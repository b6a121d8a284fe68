//! A server on loopback.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use fanfare::{Channel, Hub, HubBuilder, Serve};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::client::{Client, Refusal};
use super::definition::REGISTRY;
use super::http::{self, Answer};

pub(crate) const KEY: &str = "signkey-test-00112233445566778899aabbccddeeff";

pub(crate) struct Server {
    pub(crate) hub: Hub,
    pub(crate) address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(|builder| builder).await
    }

    pub(crate) async fn start_with(set_up: impl FnOnce(HubBuilder) -> HubBuilder) -> Self {
        Self::serve(set_up(Hub::builder(&REGISTRY).signing_key(KEY)).build().unwrap()).await
    }

    /// Serves the routes with axum's server.
    pub(crate) async fn serve(hub: Hub) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = fanfare::routes(hub.clone()).merge(fanfare::healthz(hub.clone()));
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { hub, address, serving }
    }

    /// Serves with the library's own server, with settings and additional routes.
    pub(crate) async fn serve_ours(hub: Hub, app: Router, set_up: impl FnOnce(Serve) -> Serve) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = set_up(fanfare::serve(listener, app.merge(fanfare::routes(hub.clone())), &hub));
        Self { hub, address, serving: tokio::spawn(serve.into_future()) }
    }

    /// Waits until the server ends by itself.
    pub(crate) async fn ended(self) {
        self.serving.await.unwrap();
    }

    /// Stops the server and its connections, so that its storage is closed.
    pub(crate) async fn stop(self) {
        self.hub.shutdown().await;
        self.serving.abort();
        let _ = self.serving.await;
    }

    pub(crate) fn token(&self, channel: &Channel, topics: &[&'static str]) -> String {
        let grant = channel.grant(topics.iter().copied());
        self.hub.token(grant).expires_in(Duration::from_secs(600)).mint().unwrap()
    }

    /// Returns a new client that has subscribed. It has not read its first frame, `ready`, yet.
    pub(crate) async fn subscribe(&self, channel: &Channel, topics: &[&'static str]) -> Client {
        Client::connect(self, &self.token(channel, topics), None).await.unwrap()
    }

    pub(crate) async fn resume(&self, channel: &Channel, topics: &[&'static str], since: &str) -> Client {
        let since = serde_json::json!({ channel.name(): since });
        Client::connect(self, &self.token(channel, topics), Some(&since)).await.unwrap()
    }

    pub(crate) async fn guest(&self, channel: &Channel, topics: &[&'static str]) -> Client {
        Client::connect_guest(self, &self.token(channel, topics)).await.unwrap()
    }

    pub(crate) async fn refusal(&self, token: &str) -> Refusal {
        Client::connect(self, token, None).await.map(|_| ()).unwrap_err()
    }

    /// Publishes over HTTP with the signing key.
    pub(crate) async fn publish(&self, channel: &str, topic: &str, body: &[u8]) -> Answer {
        let path = format!("publish?channel={channel}&topic={topic}");
        http::post(self.address, &path, Some(KEY), body).await
    }

    /// Reads from an admin route with the signing key.
    pub(crate) async fn admin(&self, path: &str) -> serde_json::Value {
        let answer = http::admin(self.address, path, Some(KEY)).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    /// Reads all pages of an admin route, with something to do between pages.
    pub(crate) async fn admin_pages(
        &self,
        path: &str,
        mut between: impl AsyncFnMut(),
    ) -> Vec<serde_json::Value> {
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        for _ in 0..1000 {
            let separator = if path.contains('?') { '&' } else { '?' };
            let cursor_part = cursor.map_or(String::new(), |cursor| format!("{separator}cursor={cursor}"));
            let page = self.admin(&format!("{path}{cursor_part}")).await;
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            cursor = page["next"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return items;
            }
            between().await;
        }
        panic!("{path} does not end");
    }

    /// Waits until a run has an activity.
    #[cfg(feature = "sqlite")]
    pub(crate) async fn settle(&self, run_id: &str, activity: &str) {
        let path = format!("run?run_id={run_id}");
        for _ in 0..500 {
            if self.admin(&path).await["activity"] == activity {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{run_id}: {}", self.admin(&path).await);
    }

    /// Performs an action through an admin route with the signing key.
    #[cfg(feature = "sqlite")]
    pub(crate) async fn act(&self, path: &str) -> Answer {
        http::post(self.address, &format!("admin/{path}"), Some(KEY), b"").await
    }

    pub(crate) async fn ask_for_token(&self, bearer: Option<&str>, body: &Value) -> Answer {
        http::post(self.address, "token", bearer, body.to_string().as_bytes()).await
    }
}

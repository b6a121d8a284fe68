//! Requests without generated code.

use std::borrow::Cow;
use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;

use axum::body::Body;
use axum::http::Method;
use futures_util::Stream;
use serde_json::Value;

use super::request::{Outgoing, Query};
use super::{Client, ClientError, TokenRequest};

impl Client {
    /// Reads a route of the protocol, such as `admin/runs`, and returns the JSON of the response. For programs without
    /// generated code.
    ///
    /// ```no_run
    /// # async fn example(client: &fanfare::client::Client) -> Result<(), fanfare::client::ClientError> {
    /// use fanfare::client::TokenRequest;
    ///
    /// let failed = client.get("admin/runs", TokenRequest::admin()).query("state", "failed").await?;
    /// println!("{}", failed["items"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn get(&self, route: impl Into<String>, access: TokenRequest) -> ClientRequest<'_> {
        self.request(Method::GET, route.into(), access)
    }

    /// Posts to a route of the protocol, such as `publish`, and returns the JSON of the response. For programs without
    /// generated code. The server checks the payload.
    ///
    /// If there is no response, the request is sent again, with the same idempotency key.
    ///
    /// ```no_run
    /// # async fn example(client: &fanfare::client::Client) -> Result<(), fanfare::client::ClientError> {
    /// use fanfare::client::{TokenAccess, TokenRequest};
    ///
    /// let access = TokenAccess::Publish { topic: "said".into() };
    /// let request = client.post("publish", TokenRequest::new("room:1", access));
    /// let published = request.query("channel", "room:1").query("topic", "said").body(r#""hello""#).await?;
    /// println!("{}", published["id"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn post(&self, route: impl Into<String>, access: TokenRequest) -> ClientRequest<'_> {
        self.request(Method::POST, route.into(), access)
    }

    fn request(&self, method: Method, route: String, access: TokenRequest) -> ClientRequest<'_> {
        let (query, body) = (Query::new(), String::new());
        ClientRequest { client: self, method, route, access, query, idempotency_key: None, body }
    }
}

/// A request, which is sent when awaited. Returned by [`Client::get`] and [`Client::post`].
#[must_use = "nothing is sent until it is awaited"]
pub struct ClientRequest<'c> {
    client: &'c Client,
    method: Method,
    route: String,
    access: TokenRequest,
    query: Query,
    idempotency_key: Option<String>,
    body: String,
}

impl ClientRequest<'_> {
    /// Adds a parameter.
    pub fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, json: impl Into<String>) -> Self {
        self.body = json.into();
        self
    }

    /// Makes it safe to repeat the call: the key counts once per channel. Default: a random key for each call.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    pub(super) fn with(mut self, query: Query, idempotency_key: Option<Cow<'_, str>>, body: String) -> Self {
        self.query = query;
        self.idempotency_key = idempotency_key.map(Cow::into_owned);
        self.body(body)
    }
}

impl ClientRequest<'_> {
    /// Publishes a text to a topic of text streams, while it is written. The text is UTF-8, and may be cut anywhere. Waits
    /// until it ends. It is sent once: if the connection is lost, or the text ends with an error, its subscribers learn
    /// that it is incomplete.
    ///
    /// # Errors
    /// Returns an error if the server refuses the text, or the connection is lost.
    pub async fn send_text<T>(self, text: T) -> Result<Value, ClientError>
    where
        T: Stream<Item = io::Result<Vec<u8>>> + Send + 'static,
    {
        let client = self.client;
        let request = self.into_outgoing().await?;
        client.shared.send_text(&request, Body::from_stream(text)).await
    }

    /// Gets a token if one is needed.
    async fn into_outgoing(self) -> Result<Outgoing, ClientError> {
        let Self { client, method, route, access, query, idempotency_key, body } = self;
        let bearer = client.shared.bearer(access).await?;
        let random_key = || format!("{:032x}", rand::random::<u128>());
        let idempotency_key = (method == Method::POST).then(|| idempotency_key.unwrap_or_else(random_key));
        Ok(Outgoing { method, route, query, bearer, idempotency_key, body })
    }
}

impl<'c> IntoFuture for ClientRequest<'c> {
    type Output = Result<Value, ClientError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'c>>;

    fn into_future(self) -> Self::IntoFuture {
        let client = self.client;
        Box::pin(async move { client.shared.send(self.into_outgoing().await?).await })
    }
}

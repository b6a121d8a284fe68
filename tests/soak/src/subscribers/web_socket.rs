//! Frames through a WebSocket.

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The server said no.
    Status(u16),
    /// The network broke.
    Broken,
}

impl<E: std::error::Error> From<E> for Refusal {
    fn from(_: E) -> Self {
        Self::Broken
    }
}

pub(super) struct WebSocket {
    stream: WebSocketStream<TcpStream>,
}

impl WebSocket {
    pub(super) async fn open(door: u16, query: &str, protocols: &str) -> Result<Self, Refusal> {
        let mut request =
            format!("ws://127.0.0.1:{door}/v1/realtime/connect{query}").into_client_request()?;
        request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_str(protocols)?);
        let stream = TcpStream::connect(("127.0.0.1", door)).await?;
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((stream, _)) => Ok(Self { stream }),
            Err(Error::Http(response)) => Err(Refusal::Status(response.status().as_u16())),
            Err(_) => Err(Refusal::Broken),
        }
    }

    pub(super) async fn send(&mut self, text: String) -> Result<(), Refusal> {
        Ok(self.stream.send(Message::text(text)).await?)
    }

    /// The next text; nothing where the connection is over.
    pub(super) async fn next(&mut self) -> Option<String> {
        loop {
            match self.stream.next().await?.ok()? {
                Message::Text(text) => return Some(text.as_str().to_owned()),
                Message::Close(_) => return None,
                // Pings are answered below.
                _ => {}
            }
        }
    }
}

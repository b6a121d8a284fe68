//! Reads frames from a WebSocket.

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Why a connection could not be opened.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The server refused it with a status.
    Status(u16),
    /// The connection failed.
    Broken,
}

impl<E: std::error::Error> From<E> for Refusal {
    fn from(_: E) -> Self {
        Self::Broken
    }
}

pub(crate) struct WebSocket {
    stream: WebSocketStream<TcpStream>,
    /// The code that the server closed it with.
    pub(crate) close_code: Option<u16>,
}

impl WebSocket {
    pub(crate) async fn open(port: u16, query: &str, protocols: &str) -> Result<Self, Refusal> {
        let mut request =
            format!("ws://127.0.0.1:{port}/v1/realtime/connect{query}").into_client_request()?;
        request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_str(protocols)?);
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((stream, _)) => Ok(Self { stream, close_code: None }),
            Err(Error::Http(response)) => Err(Refusal::Status(response.status().as_u16())),
            Err(_) => Err(Refusal::Broken),
        }
    }

    pub(crate) async fn send(&mut self, text: String) -> Result<(), Refusal> {
        Ok(self.stream.send(Message::text(text)).await?)
    }

    /// Returns the next text, or `None` after the end of the connection.
    pub(crate) async fn next(&mut self) -> Option<String> {
        loop {
            match self.stream.next().await?.ok()? {
                Message::Text(text) => return Some(text.as_str().to_owned()),
                Message::Close(close) => {
                    self.close_code = close.map(|close| close.code.into());
                    return None;
                }
                // The library answers pings.
                _ => {}
            }
        }
    }
}

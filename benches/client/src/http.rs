//! A minimal HTTP client, to publish and to request tokens.

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A keep-alive connection.
pub struct Http {
    socket: TcpStream,
    server: String,
    received: Vec<u8>,
}

impl Http {
    pub async fn connect(server: &str) -> Result<Self, String> {
        let socket = TcpStream::connect(server).await.map_err(|error| error.to_string())?;
        socket.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok(Self { socket, server: server.to_owned(), received: Vec::new() })
    }

    /// Sends a request. Returns the body of the response, as an error unless the status is 2xx.
    pub async fn post(&mut self, path: &str, body: &str) -> Result<String, String> {
        let (server, length) = (&self.server, body.len());
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {server}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        self.socket.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
        loop {
            if let Some((successful, body)) = self.answer() {
                return if successful { Ok(body) } else { Err(body) };
            }
            match self.socket.read_buf(&mut self.received).await {
                Ok(0) => return Err("the server closed the connection".into()),
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Requests a token of Fanfare for topics, which are JSON.
    pub async fn request_token(&mut self, topics: &str) -> Result<String, String> {
        let answer = self.post("/v1/realtime/token?expires_in=3600", topics).await?;
        let token = answer.split('"').nth(3);
        token.map(str::to_owned).ok_or_else(|| format!("expected a token, got {answer}"))
    }

    fn answer(&mut self) -> Option<(bool, String)> {
        let start = memmem::find(&self.received, b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&self.received[..start]).to_ascii_lowercase();
        let end = match head.split_once("content-length:") {
            Some((_, rest)) => start + rest.lines().next()?.trim().parse::<usize>().ok()?,
            None if head.contains("chunked") => memmem::find(&self.received, b"0\r\n\r\n")? + 5,
            None => start,
        };
        let body = String::from_utf8_lossy(self.received.get(start..end)?).into_owned();
        self.received.drain(..end);
        Some((head.starts_with("http/1.1 2"), body))
    }
}

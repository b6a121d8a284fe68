//! A minimal HTTP/1.1 client: requests as text, and responses that arrive in parts.

use crate::Result;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The head of a response.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    /// The status code.
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    /// Reads a head from the start of the bytes and returns it with its length. Returns `None` if it is incomplete.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<(Self, usize)>> {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(length) = response.parse(bytes)? else { return Ok(None) };
        let headers = response.headers.iter().map(|header| {
            (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned())
        });
        Ok(Some((Self { status: response.code.unwrap_or(0), headers: headers.collect() }, length)))
    }

    /// Returns the value of a header. The name must be in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A response whose body has a known length.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
}

/// Reads the responses of one connection with pipelined requests.
#[derive(Debug, Default)]
pub(crate) struct Responses {
    bytes: Vec<u8>,
}

impl Responses {
    /// Returns the buffer to read into.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Takes the next response if it is complete.
    pub(crate) fn take(&mut self) -> Result<Option<Response>> {
        let Some((head, start)) = Head::read(&self.bytes)? else { return Ok(None) };
        let length: usize = head.header("content-length").unwrap_or("0").parse()?;
        if self.bytes.len() < start + length {
            return Ok(None);
        }
        let body = self.bytes[start..start + length].to_vec();
        self.bytes.drain(..start + length);
        Ok(Some(Response { head, body }))
    }
}

/// The bytes that this process has sent to servers.
static SENT: AtomicU64 = AtomicU64::new(0);

/// Counts sent bytes.
pub(crate) fn count_sent(bytes: &[u8]) {
    SENT.fetch_add(bytes.len() as u64, Ordering::Relaxed);
}

/// Returns the number of sent bytes.
pub(crate) fn sent() -> u64 {
    SENT.load(Ordering::Relaxed)
}

/// A keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    responses: Responses,
}

impl Connection {
    pub(crate) async fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, responses: Responses::default() })
    }

    /// Sends a request and waits for its response. Each header ends with a line break.
    pub(crate) async fn request(&mut self, start: &str, headers: &str, body: &str) -> Result<Response> {
        let length = body.len();
        let request =
            format!("{start} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
        count_sent(request.as_bytes());
        self.stream.write_all(request.as_bytes()).await?;
        loop {
            if let Some(response) = self.responses.take()? {
                return Ok(response);
            }
            if self.stream.read_buf(self.responses.buffer()).await? == 0 {
                return Err("the server closed the connection before it answered".into());
            }
        }
    }
}

/// Sends a request on its own connection. Each header ends with a line break.
pub(crate) async fn request(port: u16, start: &str, headers: &str, body: &str) -> Result<Response> {
    let headers = format!("{headers}Connection: close\r\n");
    Connection::open(port).await?.request(start, &headers, body).await
}

/// Decodes a chunked body as it arrives.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    bytes: Vec<u8>,
}

impl Chunks {
    /// Adds received bytes, and appends the content of all complete chunks to `content`. Returns `true` if the body has
    /// ended.
    pub(crate) fn take(&mut self, arrived: &[u8], content: &mut Vec<u8>) -> Result<bool> {
        self.bytes.extend_from_slice(arrived);
        let mut taken = 0;
        let ended = loop {
            let Ok(size) = httparse::parse_chunk_size(&self.bytes[taken..]) else {
                return Err("the body is not a valid chunked body".into());
            };
            let httparse::Status::Complete((start, length)) = size else { break false };
            let length = usize::try_from(length)?;
            if self.bytes.len() < taken + start + length + 2 {
                break false;
            }
            content.extend_from_slice(&self.bytes[taken + start..taken + start + length]);
            taken += start + length + 2;
            if length == 0 {
                break true;
            }
        };
        self.bytes.drain(..taken);
        Ok(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_that_arrive_in_parts_are_read_one_by_one() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 404 Not Found\r\n\r\n";
        let (mut responses, mut statuses) = (Responses::default(), Vec::new());
        for byte in text.bytes() {
            responses.buffer().push(byte);
            if let Some(response) = responses.take().unwrap() {
                statuses.push((response.head.status, response.body));
            }
        }
        assert_eq!(statuses, [(200, b"ab".to_vec()), (404, Vec::new())]);
    }

    #[test]
    fn chunks_that_arrive_in_parts_are_joined() {
        let (mut chunks, mut content) = (Chunks::default(), Vec::new());
        let ends: Vec<bool> = b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"
            .iter()
            .map(|byte| chunks.take(&[*byte], &mut content).unwrap())
            .collect();
        assert_eq!(content, b"abc0123456789");
        assert!(*ends.last().unwrap() && !ends[..ends.len() - 1].contains(&true));
    }
}

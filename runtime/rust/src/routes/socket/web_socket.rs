//! A WebSocket that writes frames from shared memory.
//!
//! `tungstenite` reads frames, and answers pings and close frames. It does not write messages, because it would first
//! copy each frame into a buffer of the connection. A message goes to many connections, so the copies would cost more
//! than the rest of a delivery outside the system, and each buffer would stay as large as the connection's largest
//! write.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWrite;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::frame::Frame;
use crate::wire::MAX_CLIENT_FRAME;

/// Small, because each idle connection holds it in memory and clients send little.
const READ_BUFFER: usize = 512;

/// The maximum number of frames and bytes per system call.
const MAX_FRAMES: usize = 16;
const MAX_BYTES: usize = 128 * 1024;

pub(super) struct WebSocket {
    stream: WebSocketStream<TokioIo<Upgraded>>,
    /// The client has sent a ping, and its answer may still have to be written.
    has_answered: bool,
    /// The client has sent a close frame, after which nothing may be written.
    is_closing: bool,
    /// A frame of the client could not be read.
    has_failed: bool,
}

impl WebSocket {
    pub(super) async fn new(upgraded: Upgraded) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_frame_size(Some(MAX_CLIENT_FRAME))
            .max_message_size(Some(MAX_CLIENT_FRAME));
        let upgraded = TokioIo::new(upgraded);
        let stream = WebSocketStream::from_raw_socket(upgraded, Role::Server, Some(config)).await;
        Self { stream, has_answered: false, is_closing: false, has_failed: false }
    }

    /// Reads a message. Returns `None` if the connection is closed. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Result<Message, Error>> {
        let message = self.stream.next().await;
        self.has_answered |= matches!(message, Some(Ok(Message::Ping(_))));
        self.is_closing |= matches!(message, Some(Ok(Message::Close(_))));
        self.has_failed |= matches!(message, Some(Err(_)));
        message
    }

    /// Writes frames, as many per system call as fit. If this is cancelled, part of a frame may be written, and the
    /// connection can only be dropped.
    pub(super) async fn write(&mut self, frames: &[Frame]) -> Result<(), Error> {
        if self.is_closing {
            return Err(Error::ConnectionClosed);
        }
        if self.has_answered {
            // Part of a pong may be written.
            self.stream.flush().await?;
            self.has_answered = false;
        }
        let (mut stream, mut unwritten) = (Pin::new(self.stream.get_mut()), Unwritten { frames, cut: 0 });
        poll_fn(|context| {
            ready!(unwritten.poll_write(stream.as_mut(), context))?;
            stream.as_mut().poll_flush(context)
        })
        .await?;
        Ok(())
    }

    pub(super) fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Sends a close frame.
    pub(super) async fn close(&mut self, frame: CloseFrame) -> Result<(), Error> {
        self.stream.send(Message::Close(Some(frame))).await
    }
}

/// Frames that are being written.
struct Unwritten<'f> {
    frames: &'f [Frame],
    /// The number of bytes of the first frame that are written.
    cut: usize,
}

impl Unwritten<'_> {
    fn poll_write<S: AsyncWrite>(
        &mut self,
        mut stream: Pin<&mut S>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.frames.is_empty() {
            let written = match self.frames.first().map(Frame::parts) {
                // The usual case is one slice, which the system writes without importing a list of slices.
                Some([[], shared]) if self.frames.len() == 1 => {
                    let rest = &shared[self.cut..];
                    stream.as_mut().poll_write(context, &rest[..rest.len().min(MAX_BYTES)])
                }
                _ => self.poll_write_slices(stream.as_mut(), context),
            };
            match ready!(written)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.advance(written),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_slices<S: AsyncWrite>(
        &self,
        stream: Pin<&mut S>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); 2 * MAX_FRAMES];
        let (mut skipped, mut room) = (self.cut, MAX_BYTES);
        let bytes = self.frames.iter().flat_map(Frame::parts);
        for (slice, bytes) in slices.iter_mut().zip(bytes) {
            let start = skipped.min(bytes.len());
            let end = bytes.len().min(start + room);
            *slice = IoSlice::new(&bytes[start..end]);
            (skipped, room) = (skipped - start, room - (end - start));
        }
        let slices = &slices[..2 * self.frames.len().min(MAX_FRAMES)];
        if stream.is_write_vectored() {
            stream.poll_write_vectored(context, slices)
        } else {
            stream.poll_write(context, &join(slices))
        }
    }

    fn advance(&mut self, written: usize) {
        self.cut += written;
        while let Some((first, later)) = self.frames.split_first()
            && self.cut >= first.length()
        {
            self.cut -= first.length();
            self.frames = later;
        }
    }
}

/// Joins slices for a stream that would write them one by one, such as the streams of some TLS libraries.
fn join(slices: &[IoSlice<'_>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(slices.iter().map(|slice| slice.len()).sum());
    for slice in slices {
        bytes.extend_from_slice(slice);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::protocol::frame::FrameSocket;

    use super::*;
    use crate::history::Batch;
    use crate::wire::SharedText;

    /// A stream that accepts a few bytes at a time, and is pending every other time.
    struct Slow {
        received: Vec<u8>,
        step: usize,
        is_ready: bool,
        is_vectored: bool,
    }

    impl AsyncWrite for Slow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.is_ready = !self.is_ready;
            if !self.is_ready {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let length = bytes.len().min(self.step);
            self.received.extend_from_slice(&bytes[..length]);
            Poll::Ready(Ok(length))
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            context: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.poll_write(context, &join(slices))
        }

        fn is_write_vectored(&self) -> bool {
            self.is_vectored
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn frames_are_whole_wherever_writes_are_cut() {
        let lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 300_000];
        let texts =
            lengths.map(|length| "x".repeat(length)).into_iter().chain((0..40).map(|n| n.to_string()));
        let mut expected: Vec<(u8, String)> = texts.map(|text| (1, text)).collect();
        let mut frames: Vec<Frame> =
            expected.iter().map(|(_, text)| Frame::from(SharedText::from(text.as_str()))).collect();
        for (messages, alone, with_id) in
            [(&["1"][..], "1", "[\"a\",1]"), (&["1", "22"], "[1,22]", "[\"a\",1,22]")]
        {
            let messages = messages.iter().map(|message| (*message).into()).collect();
            let batch = Batch::new("room".into(), messages);
            for (id, text) in [(None, alone), (Some("\"a\""), with_id), (None, alone)] {
                frames.push(Frame::encode_batch(id, &batch));
                expected.push((1, text.into()));
            }
        }
        frames.insert(3, Frame::ping());
        expected.insert(3, (9, String::new()));
        for (step, is_vectored) in [(1_000_000, true), (70_000, false), (4_099, true), (7, true)] {
            let mut stream = Slow { received: Vec::new(), step, is_ready: false, is_vectored };
            let mut unwritten = Unwritten { frames: &frames, cut: 0 };
            poll_fn(|context| unwritten.poll_write(Pin::new(&mut stream), context)).await.unwrap();
            let mut socket = FrameSocket::new(io::Cursor::new(stream.received));
            for (opcode, text) in &expected {
                let read = socket.read(None).unwrap().unwrap();
                assert_eq!((u8::from(read.header().opcode), read.header().is_final), (*opcode, true));
                assert!(read.payload() == text.as_bytes());
            }
            assert!(socket.read(None).unwrap().is_none());
        }
    }
}

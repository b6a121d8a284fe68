//! A subscriber that counts what arrives.

use crate::protocol::Protocol;
use crate::stats::{Stats, add};
use bench_hub::connection::Connection;
use bench_hub::frame::{self, CLOSE, PING, PONG};
use bench_hub::message::Markers;
use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;
use tokio::io::AsyncWriteExt;

/// The size of the read buffer, more than any server writes at once.
const ROOM: usize = 4 * 1024 * 1024;

/// The bytes at the end of a payload that may contain the start of a marker, if payloads can split markers.
const OVERLAP: usize = 40;

/// The state that all subscribers share. They read into one buffer, one at a time.
pub(crate) struct Desk {
    pub(crate) stats: Stats,
    protocol: Protocol,
    markers: Markers,
    room: RefCell<Vec<u8>>,
}

impl Desk {
    pub(crate) fn new(protocol: Protocol, subscribers: usize) -> Rc<Self> {
        let (stats, markers) = (Stats::new(subscribers), Markers::default());
        Rc::new(Self { stats, protocol, markers, room: RefCell::new(vec![0; ROOM]) })
    }
}

struct Subscriber {
    desk: Rc<Desk>,
    /// An incomplete frame.
    rest: Vec<u8>,
    /// An incomplete marker: NATS splits messages at its buffers' ends, regardless of frames.
    cut: Vec<u8>,
    last: Option<u64>,
}

/// Reads until the connection ends.
pub(crate) async fn read(connection: Connection, desk: Rc<Desk>) {
    let Connection { mut socket, received } = connection;
    let mut subscriber = Subscriber { desk: Rc::clone(&desk), rest: received, cut: Vec::new(), last: None };
    let mut answers = Vec::new();
    // Frames may have arrived with the handshake.
    let mut open = subscriber.take(0, &mut answers);
    while open && socket.readable().await.is_ok() {
        let start = subscriber.rest.len();
        let read = socket.try_read(&mut desk.room.borrow_mut()[start..]);
        open = match read {
            Ok(0) => false,
            Ok(length) => subscriber.take(length, &mut answers),
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        if !answers.is_empty() {
            open &= socket.write_all(&answers).await.is_ok();
            answers.clear();
        }
    }
    add(&desk.stats.closed, 1);
}

impl Subscriber {
    /// Counts the messages in the first `length` bytes of the buffer after `rest`. Returns `false` if the server closes
    /// the connection.
    fn take(&mut self, length: usize, answers: &mut Vec<u8>) -> bool {
        let desk = Rc::clone(&self.desk);
        let mut room = desk.room.borrow_mut();
        room[..self.rest.len()].copy_from_slice(&self.rest);
        let received = &room[..self.rest.len() + length];
        let now = bench_hub::now();
        let (mut at, mut messages, mut open) = (0, 0, true);
        while let Some(head) = frame::read(&received[at..]) {
            let payload = &received[at + head.start..at + head.end];
            at += head.end;
            match head.kind {
                PING => answers.extend(frame::from_client(PONG, payload)),
                CLOSE => open = false,
                _ => messages += self.count(payload, now, answers),
            }
        }
        self.rest.clear();
        self.rest.extend_from_slice(&received[at..]);
        if messages > 0 {
            desk.stats.delivered(messages, now);
        }
        open
    }

    fn count(&mut self, payload: &[u8], now: u64, answers: &mut Vec<u8>) -> u64 {
        let desk = Rc::clone(&self.desk);
        add(&desk.stats.frames, 1);
        let (mut messages, mut last) = (0, self.last);
        let found = |marker: bench_hub::message::Marker| {
            if last.is_some_and(|last| marker.sequence <= last) {
                add(&desk.stats.out_of_order, 1);
            }
            last = Some(marker.sequence);
            messages += 1;
            desk.stats.took(marker, now);
        };
        if desk.protocol.is_nats() {
            self.cut.extend_from_slice(payload);
            let end = desk.markers.scan(&self.cut, found);
            let end = end.max(self.cut.len().saturating_sub(OVERLAP));
            self.cut.drain(..end);
        } else {
            desk.markers.scan(payload, found);
        }
        self.last = last;
        if messages == 0
            && let Some((kind, answer)) = desk.protocol.answer(payload)
        {
            answers.extend(frame::from_client(kind, answer));
        }
        messages
    }
}

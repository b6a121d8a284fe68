//! A subscriber that counts what arrives.

use crate::protocol::Protocol;
use crate::stats::{Stats, add};
use bench_hub::connection::Connection;
use bench_hub::frame;
use bench_hub::message::Markers;
use std::cell::RefCell;
use std::rc::Rc;

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

#[derive(Default)]
struct Subscriber {
    /// An incomplete marker: NATS splits messages at its buffers' ends, regardless of frames.
    cut: Vec<u8>,
    last: Option<u64>,
}

/// Counts messages until the connection ends.
pub(crate) async fn read(connection: Connection, desk: Rc<Desk>) {
    let mut subscriber = Subscriber::default();
    let count = |payload: &[u8], now, answers: &mut Vec<u8>| subscriber.count(&desk, payload, now, answers);
    connection.read(&desk.room, count).await;
    add(&desk.stats.closed, 1);
}

impl Subscriber {
    fn count(&mut self, desk: &Desk, payload: &[u8], now: u64, answers: &mut Vec<u8>) {
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
        if messages > 0 {
            desk.stats.delivered(messages, now);
        } else if let Some((kind, answer)) = desk.protocol.answer(payload) {
            answers.extend(frame::from_client(kind, answer));
        }
    }
}

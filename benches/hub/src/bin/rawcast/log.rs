//! Appends messages to one log of frames. Each subscriber has a cursor into it.

use crate::Broadcast;
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// The maximum bytes per write.
const MAX_WRITE: usize = 256 * 1024;

/// How many delivered bytes the log keeps before it removes them.
const SLACK: usize = 4 * 1024 * 1024;

/// How long to wait before writing to a full socket again.
const RETRY: Duration = Duration::from_millis(1);

pub(crate) struct Log {
    frames: RwLock<Frames>,
    subscribers: Mutex<Vec<Subscriber>>,
    /// The end of the log, which the flushing thread waits on.
    head: Mutex<usize>,
    longer: Condvar,
}

#[derive(Default)]
struct Frames {
    /// The offset of the first byte that is kept.
    base: usize,
    bytes: Vec<u8>,
}

struct Subscriber {
    socket: TcpStream,
    cursor: usize,
}

impl Log {
    pub(crate) fn start() -> Arc<Self> {
        let log = Arc::new(Self {
            frames: RwLock::default(),
            subscribers: Mutex::default(),
            head: Mutex::new(0),
            longer: Condvar::new(),
        });
        let flushing = Arc::clone(&log);
        std::thread::spawn(move || flushing.flush());
        log
    }

    fn flush(&self) {
        let mut flushed = 0;
        let mut behind = false;
        loop {
            flushed = self.wait(flushed, behind);
            let mut slowest = usize::MAX;
            {
                let frames = self.frames.read().unwrap_or_else(PoisonError::into_inner);
                lock(&self.subscribers).retain_mut(|subscriber| {
                    let there = subscriber.take(&frames).is_ok();
                    slowest = slowest.min(if there { subscriber.cursor } else { usize::MAX });
                    there
                });
            }
            behind = slowest < flushed;
            self.forget(slowest.min(flushed));
        }
    }

    /// Waits until the log is longer than `flushed`, or at most [`RETRY`] if a subscriber is behind.
    fn wait(&self, flushed: usize, behind: bool) -> usize {
        let head = lock(&self.head);
        let until = |head: &mut usize| *head <= flushed;
        let head = if behind {
            self.longer.wait_timeout_while(head, RETRY, until).unwrap_or_else(PoisonError::into_inner).0
        } else {
            self.longer.wait_while(head, until).unwrap_or_else(PoisonError::into_inner)
        };
        *head
    }

    fn forget(&self, slowest: usize) {
        let base = self.frames.read().unwrap_or_else(PoisonError::into_inner).base;
        if slowest - base > SLACK {
            let mut frames = self.frames.write().unwrap_or_else(PoisonError::into_inner);
            frames.bytes.drain(..slowest - base);
            frames.base = slowest;
        }
    }
}

impl Broadcast for Log {
    fn subscribe(&self, socket: TcpStream) {
        let cursor = *lock(&self.head);
        lock(&self.subscribers).push(Subscriber { socket, cursor });
    }

    fn broadcast(&self, frame: &[u8]) {
        self.frames.write().unwrap_or_else(PoisonError::into_inner).bytes.extend_from_slice(frame);
        *lock(&self.head) += frame.len();
        self.longer.notify_one();
    }
}

impl Subscriber {
    /// Writes as much as the socket accepts at once.
    fn take(&mut self, frames: &Frames) -> std::io::Result<()> {
        let unread = &frames.bytes[(self.cursor.max(frames.base) - frames.base).min(frames.bytes.len())..];
        if unread.is_empty() {
            return Ok(());
        }
        match self.socket.write(&unread[..unread.len().min(MAX_WRITE)]) {
            Ok(written) => self.cursor += written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

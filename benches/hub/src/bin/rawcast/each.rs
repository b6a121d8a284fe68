//! Writes each message to each socket.

use crate::Broadcast;
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};

#[derive(Default)]
pub(crate) struct Each {
    sockets: Mutex<Vec<TcpStream>>,
}

impl Broadcast for Each {
    fn subscribe(&self, socket: TcpStream) {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner).push(socket);
    }

    fn broadcast(&self, frame: &[u8]) {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.retain_mut(|socket| write(socket, frame).is_ok());
    }
}

/// Waits while a socket is full, so that nothing is lost.
fn write(socket: &mut TcpStream, mut frame: &[u8]) -> std::io::Result<()> {
    while !frame.is_empty() {
        match socket.write(frame) {
            Ok(written) => frame = &frame[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

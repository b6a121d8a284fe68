//! A minimal codec for WebSocket frames.

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// The opcode of a frame and the range of its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub kind: u8,
    pub start: usize,
    pub end: usize,
}

/// Reads the head of a server's frame. Returns `None` if the frame is incomplete.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Head> {
    let kind = bytes.first()? & 0x0f;
    let (start, length) = match bytes.get(1)? & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        length => (2, usize::from(length)),
    };
    let end = start + length;
    (bytes.len() >= end).then_some(Head { kind, start, end })
}

/// Encodes a frame of a server.
#[must_use]
pub fn from_server(kind: u8, payload: &[u8]) -> Vec<u8> {
    write(kind, payload, &[])
}

/// Encodes a frame of a client. Its mask is zero, which leaves the payload unchanged.
#[must_use]
pub fn from_client(kind: u8, payload: &[u8]) -> Vec<u8> {
    write(kind, payload, &[0; 4])
}

fn write(kind: u8, payload: &[u8], mask: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 14);
    frame.push(0x80 | kind);
    let masked = if mask.is_empty() { 0 } else { 0x80 };
    match payload.len() {
        length @ 0..126 => frame.push(masked | u8::try_from(length).unwrap_or(0)),
        length @ 126..65_536 => {
            frame.push(masked | 126);
            frame.extend_from_slice(&u16::try_from(length).unwrap_or(0).to_be_bytes());
        }
        length => {
            frame.push(masked | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(mask);
    frame.extend_from_slice(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_size_round_trip() {
        for length in [0, 125, 126, 65_535, 65_536] {
            let frame = from_server(TEXT, &vec![b'x'; length]);
            let head = read(&frame).unwrap();
            assert_eq!((head.kind, head.end - head.start, head.end), (TEXT, length, frame.len()));
            assert_eq!(read(&frame[..frame.len() - 1]), None);
        }
    }
}

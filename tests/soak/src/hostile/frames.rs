//! Sends invalid frames.

use super::raw::{BINARY, COMPRESSED, End, FINAL, Raw, TEXT, frame, text};
use crate::Result;
use tokio::task::JoinSet;

/// The number of connections that send frames that are too large.
const CONNECTIONS: usize = 200;
const MEGABYTE: usize = 1024 * 1024;

/// Each kind of malformed frame closes its connection with a specific code.
pub(super) async fn send_malformed(port: u16) -> Result<String> {
    let garbage = text("no frame").repeat(16);
    let deep = text(&"[".repeat(32 * 1024)).repeat(16);
    let unmasked = vec![FINAL | TEXT, 2, b'{', b'}'];
    let cases: [(&str, Vec<u8>, u16); 6] = [
        ("16 frames that are not JSON", garbage, 4400),
        ("16 frames that are nested 32,768 deep", deep, 4400),
        ("a binary frame", frame(FINAL | BINARY, b"{}"), 1003),
        ("text that is not UTF-8", frame(FINAL | TEXT, &[0xff, 0xfe]), 1002),
        ("a frame that is not masked", unmasked, 1002),
        ("a frame marked as compressed", frame(FINAL | COMPRESSED | TEXT, b"{}"), 1002),
    ];
    for (what, bytes, code) in &cases {
        let mut socket = Raw::connect(port, None).await?;
        socket.send(bytes).await?;
        let end = socket.end().await?;
        if end != End::Closed(*code) {
            return Err(format!("after {what}, expected close code {code}, got {end:?}").into());
        }
    }
    Ok(format!("{} kinds of malformed frames, each closed with its code", cases.len()))
}

/// The server does not negotiate compression, so small frames cannot expand in memory.
pub(super) async fn send_compressed(port: u16) -> Result<String> {
    let offers =
        ["permessage-deflate", "permessage-deflate; client_max_window_bits", "x-webkit-deflate-frame"];
    for offer in offers {
        let headers = format!("Sec-WebSocket-Protocol: fanfare.v1\r\nSec-WebSocket-Extensions: {offer}\r\n");
        let socket = Raw::open(port, "", &headers).await?;
        if socket.head.status != 101 || socket.head.header("sec-websocket-extensions").is_some() {
            return Err(format!("the server negotiated {offer}").into());
        }
    }
    Ok("compression offered in 3 ways, not negotiated".into())
}

/// A frame that is too large is refused by its length, before it is received.
pub(super) async fn send_too_large(port: u16) -> Result<String> {
    let mut connections = JoinSet::new();
    for index in 0..CONNECTIONS {
        connections.spawn(async move {
            let mut socket = Raw::connect(port, None).await?;
            let bytes = if index % 2 == 0 { frame(FINAL | TEXT, &vec![b' '; MEGABYTE]) } else { fragments() };
            // The server may close the connection before it has received everything.
            let _ = socket.send(&bytes).await;
            socket.end().await
        });
    }
    let mut received = 0;
    while let Some(end) = connections.join_next().await {
        match end?? {
            End::Closed(1009) => received += 1,
            // The client's own system discarded the close frame, because the client was still sending.
            End::Gone => {}
            end @ End::Closed(_) => return Err(format!("after a frame of 1 MB: {end:?}").into()),
        }
    }
    Ok(format!("{CONNECTIONS} frames of 1 MB, half of them in fragments: all closed, {received} with 1009"))
}

/// A megabyte in fragments of 1 KB.
fn fragments() -> Vec<u8> {
    let mut bytes = frame(TEXT, &[b' '; 1024]);
    bytes.extend(frame(0, &[b' '; 1024]).repeat(MEGABYTE / 1024));
    bytes
}

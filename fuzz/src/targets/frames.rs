//! Frames in both directions: each that is read can be written and read again.

use std::str::from_utf8;

use fanfare::wire::{ClientFrame, ServerMessage, read_client_frame, read_server_frames};

/// The longest `ref` of a client, in characters.
const MAX_REFERENCE: usize = 64;

pub(crate) fn check_client(input: &[u8]) {
    let Ok(text) = from_utf8(input) else { return };
    let reference = match read_client_frame(text) {
        Err(bad) => bad.reference,
        Ok(frame) => {
            let written = serde_json::to_string(&frame).expect("a frame is JSON");
            assert_eq!(read_client_frame(&written).as_ref(), Ok(&frame), "{written}");
            match frame {
                ClientFrame::Sub { reference, .. } | ClientFrame::Unsub { reference, .. } => reference,
                _ => None,
            }
        }
    };
    let length = reference.map_or(0, |reference| reference.chars().count());
    assert!(length <= MAX_REFERENCE, "a ref of {length} characters");
}

pub(crate) fn check_server(input: &[u8]) {
    let Ok(text) = from_utf8(input) else { return };
    let Ok(message) = read_server_frames(text) else { return };
    for frame in &message.frames {
        let written = serde_json::to_string(frame).expect("a frame is JSON");
        let alone = ServerMessage { reference: None, frames: vec![frame.clone()] };
        assert_eq!(read_server_frames(&written), Ok(alone), "{written}");
    }
    if let Some(reference) = &message.reference {
        let written = serde_json::to_string(&(reference, &message.frames)).expect("frames are JSON");
        let nested = serde_json::to_value(&message.frames).expect("frames are JSON");
        let frames = nested.as_array().cloned().unwrap_or_default();
        let mut array = vec![serde_json::Value::from(reference.as_str())];
        array.extend(frames);
        let array = serde_json::Value::from(array).to_string();
        assert_eq!(read_server_frames(&array).as_ref(), Ok(&message), "{written}");
    }
}

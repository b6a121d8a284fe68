//! Frames in both directions: each that is read can be written and read again.

use std::str::from_utf8;

use fanfare::wire::{ClientFrame, ServerFrames, read_client_frame, read_server_frames};

/// The longest `ref` of a client, in characters.
const MAX_REFERENCE: usize = 64;

pub(crate) fn check_client(input: &[u8]) {
    let Ok(text) = from_utf8(input) else { return };
    let subscription_id = match read_client_frame(text) {
        Err(bad) => bad.subscription_id,
        Ok(frame) => {
            let written = serde_json::to_string(&frame).expect("a frame is JSON");
            assert_eq!(read_client_frame(&written).as_ref(), Ok(&frame), "{written}");
            match frame {
                ClientFrame::Sub { subscription_id, .. } | ClientFrame::Unsub { subscription_id, .. } => {
                    subscription_id
                }
                _ => None,
            }
        }
    };
    let length = subscription_id.map_or(0, |subscription_id| subscription_id.chars().count());
    assert!(length <= MAX_REFERENCE, "a ref of {length} characters");
}

pub(crate) fn check_server(input: &[u8]) {
    let Ok(text) = from_utf8(input) else { return };
    let Ok(message) = read_server_frames(text) else { return };
    for frame in &message.frames {
        let written = serde_json::to_string(frame).expect("a frame is JSON");
        let alone = ServerFrames { subscription_id: None, frames: vec![frame.clone()] };
        assert_eq!(read_server_frames(&written), Ok(alone), "{written}");
    }
    if let Some(subscription_id) = &message.subscription_id {
        let written = serde_json::to_string(&(subscription_id, &message.frames)).expect("frames are JSON");
        let nested = serde_json::to_value(&message.frames).expect("frames are JSON");
        let frames = nested.as_array().cloned().unwrap_or_default();
        let mut array = vec![serde_json::Value::from(subscription_id.as_str())];
        array.extend(frames);
        let array = serde_json::Value::from(array).to_string();
        assert_eq!(read_server_frames(&array).as_ref(), Ok(&message), "{written}");
    }
}

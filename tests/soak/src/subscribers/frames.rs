//! Parses what the server sends: one frame, or several in an array, which may start with a `ref`.

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use std::fmt;

/// The fields of all frames that this test receives.
#[derive(Debug, Deserialize)]
pub(crate) struct Frame {
    pub(crate) kind: String,
    #[serde(rename = "ref")]
    pub(crate) reference: Option<String>,
    pub(crate) channel: Option<String>,
    pub(crate) topic: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) stream_id: Option<String>,
    /// Why a text stream is incomplete.
    pub(crate) error: Option<String>,
    pub(crate) created_at: Option<String>,
    pub(crate) position: Option<String>,
    pub(crate) after: Option<String>,
    pub(crate) before: Option<String>,
    pub(crate) next_in: Option<u64>,
    pub(crate) data: Option<Payload>,
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
}

/// The payloads of this test: an object with a number, or a chunk of a text stream. Run events have neither.
#[derive(Debug, Default)]
pub(crate) struct Payload {
    pub(crate) number: Option<u32>,
    pub(crate) text: Option<String>,
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PayloadVisitor)
    }
}

struct PayloadVisitor;

impl<'de> Visitor<'de> for PayloadVisitor {
    type Value = Payload;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object or a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Payload, E> {
        Ok(Payload { number: None, text: Some(text.into()) })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Payload, A::Error> {
        #[derive(Deserialize)]
        struct Numbered {
            number: Option<u32>,
        }
        let Numbered { number } = Deserialize::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(Payload { number, text: None })
    }
}

/// Parses the frames of one text, and sets the `ref` of each.
pub(crate) fn read(text: &str) -> serde_json::Result<Vec<Frame>> {
    serde_json::from_str::<Frames>(text).map(|frames| frames.0)
}

struct Frames(Vec<Frame>);

impl<'de> Deserialize<'de> for Frames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FramesVisitor).map(Self)
    }
}

struct FramesVisitor;

impl<'de> Visitor<'de> for FramesVisitor {
    type Value = Vec<Frame>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a frame or an array of frames")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Frame::deserialize(de::value::MapAccessDeserializer::new(map)).map(|frame| vec![frame])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut frames = Vec::new();
        let mut mark = None;
        while let Some(item) = sequence.next_element::<Item>()? {
            match item {
                Item::Mark(reference) if frames.is_empty() && mark.is_none() => mark = Some(reference),
                Item::Mark(_) => return Err(de::Error::custom("a ref that is not the first item")),
                Item::Frame(mut frame) => {
                    frame.reference = frame.reference.or_else(|| mark.clone());
                    frames.push(*frame);
                }
            }
        }
        Ok(frames)
    }
}

enum Item {
    Mark(String),
    Frame(Box<Frame>),
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ItemVisitor;
        impl<'de> Visitor<'de> for ItemVisitor {
            type Value = Item;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a frame or a ref")
            }

            fn visit_str<E>(self, text: &str) -> Result<Item, E> {
                Ok(Item::Mark(text.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Item, A::Error> {
                let frame = Frame::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Item::Frame(Box::new(frame)))
            }
        }
        deserializer.deserialize_any(ItemVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_an_array_and_an_array_with_a_ref_parse() {
        let data = r#"{"kind":"data","channel":"c","topic":"left","id":"1","data":{"number":7,"text":""}}"#;
        for (text, reference) in [
            (data.to_owned(), None),
            (format!("[{data}]"), None),
            (format!(r#"["7",{data}]"#), Some("7".to_owned())),
        ] {
            let frames = read(&text).unwrap();
            assert_eq!(frames.len(), 1);
            assert_eq!(
                (&frames[0].reference, frames[0].data.as_ref().unwrap().number),
                (&reference, Some(7))
            );
        }
        for text in ["", "7", "[7]", r#"["7","8"]"#, r#"{"channel":"c"}"#] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}

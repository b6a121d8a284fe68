//! The types that subscribers receive from topics.

use super::message::{Content, TextPart};
use crate::channel::TextStream;
use crate::payload::{Decode, ShapeError};

/// The content of a topic, as subscribers receive it: a `Topic<Status>` delivers `Status`, a `Topic<str>` delivers
/// `String`, and a `Topic<TextStream>` delivers [`TextPart`]s.
///
/// Every payload type of generated code implements it.
pub trait Receive: sealed::Sealed {
    /// The type of [`Message::data`](super::Message::data).
    type Received: Send + 'static;

    #[doc(hidden)]
    fn read(content: Content) -> Result<Self::Received, ShapeError>;
}

impl<P> Receive for P
where
    P: ToOwned<Owned: Decode + Send + 'static> + ?Sized,
{
    type Received = P::Owned;

    fn read(content: Content) -> Result<P::Owned, ShapeError> {
        match content {
            Content::Payload(payload) => P::Owned::from_value(payload),
            Content::Text(_) => Err(ShapeError::new("a payload")),
        }
    }
}

impl Receive for TextStream {
    type Received = TextPart;

    fn read(content: Content) -> Result<TextPart, ShapeError> {
        match content {
            Content::Text(part) => Ok(part),
            Content::Payload(_) => Err(ShapeError::new("a part of a text stream")),
        }
    }
}

mod sealed {
    pub trait Sealed {}
    impl<P: ?Sized> Sealed for P {}
}

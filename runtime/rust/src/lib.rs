//! Typed realtime channels: the server library.

pub mod channel;
pub mod formats;
pub mod payload;
pub mod schema;
pub mod wire;

pub use channel::{
    AddressPart, Channel, ChannelDefinition, Grant, History, ParamDefinition, ParamError, Registry,
    Retain, Topic, TopicDefinition,
};
pub use payload::{DecodeError, Int64, Invalid, Mismatch, Payload, Read, Uint64, decode};
#[doc(hidden)]
pub use payload::private as __private;
pub use schema::{Issue, Schema};
pub use wire::MessageId;

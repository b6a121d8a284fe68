//! The parameters of statements that engines share.

use std::borrow::Cow;

use tokio_postgres::types::{ToSql, Type};

use super::connection;
use super::text::escape;
use crate::storage::sql::Param;

/// A parameter in the form that the driver takes.
pub(super) enum Converted<'p> {
    Int(Option<i64>),
    Text(Option<Cow<'p, str>>),
    Bytes(Option<Cow<'p, [u8]>>),
}

pub(super) type OwnedParam = Converted<'static>;

impl<'p> Converted<'p> {
    pub(super) fn new(param: &Param<'p>) -> Self {
        match *param {
            Param::Int(number) => Self::Int(number),
            Param::Text(text) => Self::Text(text.map(escape)),
            Param::Bytes(bytes) => Self::Bytes(bytes.map(Cow::Borrowed)),
        }
    }

    pub(super) fn into_owned(self) -> OwnedParam {
        match self {
            Self::Int(number) => Converted::Int(number),
            Self::Text(text) => Converted::Text(text.map(|text| Cow::Owned(text.into_owned()))),
            Self::Bytes(bytes) => Converted::Bytes(bytes.map(|bytes| Cow::Owned(bytes.into_owned()))),
        }
    }

    pub(super) fn with_type(&self) -> connection::Param<'_> {
        let (value, kind): (&(dyn ToSql + Sync), Type) = match self {
            Self::Int(number) => (number, Type::INT8),
            Self::Text(text) => (text, Type::TEXT),
            Self::Bytes(bytes) => (bytes, Type::BYTEA),
        };
        (value, kind)
    }
}

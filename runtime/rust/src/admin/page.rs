//! Pages of lists.

use std::time::SystemTime;

use serde::{Serialize, Serializer};

use super::AdminError;
use crate::wire::timestamp;

/// The default of [`PageRequest::limit`].
const DEFAULT_LIMIT: usize = 50;

/// The maximum of [`PageRequest::limit`].
const MAX_LIMIT: usize = 500;

/// A part of a list. It can have fewer items than requested, even none, while there is a next page.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The cursor of the next page, for [`PageRequest::cursor`]. `None` on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> Page<T> {
    pub(super) fn new(items: Vec<T>, next: Option<String>) -> Self {
        Self { items, next }
    }
}

/// The page of a list to return. Default: the first one, with at most 50 items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    limit: usize,
    cursor: Option<String>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: DEFAULT_LIMIT, cursor: None }
    }
}

impl PageRequest {
    /// Requests the first page.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the most items of the page, from 1 to 500. Values outside of this range are replaced by the nearest one.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.clamp(1, MAX_LIMIT);
        self
    }

    /// Requests the page that a cursor names, which is [`Page::next`] of the page before.
    #[must_use]
    pub fn cursor(mut self, cursor: impl Into<String>) -> Self {
        self.cursor = Some(cursor.into());
        self
    }

    pub(super) fn max_items(&self) -> usize {
        self.limit
    }

    /// Reads the cursor.
    pub(super) fn read_cursor<C>(
        &self,
        read: impl FnOnce(&str) -> Option<C>,
    ) -> Result<Option<C>, AdminError> {
        let cursor = self.cursor.as_deref();
        cursor.map(|cursor| read(cursor).ok_or(AdminError::InvalidCursor)).transpose()
    }
}

/// Writes a time as text, as all frames do.
pub(super) fn write_time<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&timestamp(*time))
}

/// Writes a time that may be unknown.
#[expect(clippy::ref_option, reason = "serde passes references")]
pub(super) fn write_optional_time<S: Serializer>(
    time: &Option<SystemTime>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    time.map(timestamp).serialize(serializer)
}

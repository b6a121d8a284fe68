//! Definitions that the examples in `docs/studio.md` use without showing them.

pub(crate) use axum::Router;
pub(crate) use fanfare::{BuildError, Hub, Sqlite};
pub(crate) use generated as channels;

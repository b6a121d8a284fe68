//! Definitions that the examples in `docs/definition.md` use without showing them.

pub(crate) use generated::pipeline::{Approve, ApproveVerdict};

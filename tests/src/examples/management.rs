//! Definitions that the examples in `docs/management.md` use without showing them.

pub(crate) use std::time::Duration;

pub(crate) use fanfare::admin::{PageRequest, RunFilter, RunStateName};
pub(crate) use fanfare::{Hub, HubBuilder, RunActionError, Runs, TokenError};

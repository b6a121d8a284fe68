//! Definitions that the example in `docs/guides/vite.md` uses without showing them.

pub(crate) use fanfare::HubBuilder;

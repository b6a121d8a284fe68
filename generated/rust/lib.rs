//! The channels of `schemas/`, as an application includes them.

#![allow(missing_docs, reason = "docs come from the definitions' descriptions")]

include!("channels.rs");

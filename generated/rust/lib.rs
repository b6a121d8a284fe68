//! The channels of `schemas/`, as an application includes them.

include!("channels.rs");

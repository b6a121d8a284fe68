//! Code that the load client and the servers share.

pub mod control;

pub use bench_client::{argument, connection, frame, http, message, now, number};

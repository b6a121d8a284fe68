//! Code that the load clients and the servers share.

pub mod control;
pub mod process;

pub use bench_client::{argument, connection, frame, http, message, now, number};

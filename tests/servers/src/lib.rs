//! Real NATS and PostgreSQL servers for tests and benchmarks, in temporary folders.

#![cfg(unix)]

pub mod nats;
pub mod postgres;
mod process;

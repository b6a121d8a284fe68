//! Compiles the Rust that the README shows.

#![doc = include_str!("../../README.md")]

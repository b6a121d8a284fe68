//! Compiles channel definitions into Rust, TypeScript and zod.

mod check;
mod definition;
mod diagnostics;
mod model;
mod names;

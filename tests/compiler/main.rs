//! Holds the compiler to its promises. Tests are data: a folder a case.
//!
//! `UPDATE=1 cargo test -p fanfare-tests --test compiler` writes what the compiler makes now; read the difference
//! before you commit it.

mod cases;
mod deep;
mod editors;
mod errors;
mod fingerprints;
mod floors;
mod fresh;
mod golden;
mod warnings;

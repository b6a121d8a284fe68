//! Tests of the compiler. Test cases are data, with one folder per case.
//!
//! `UPDATE=1 cargo test -p fanfare-tests --test compiler` writes the current output as the expected one. Review the diff
//! before you commit it.

mod asyncapi;
mod asyncapi_values;
mod breaking;
mod cases;
mod deep;
mod editors;
mod errors;
mod explain;
mod explanations;
mod fingerprints;
mod fresh;
mod from_rust_types;
mod golden;
mod histories;
mod imports;
mod layers;
mod links;
mod message_formats;
mod metaschemas;
mod prose;
mod real_schemas;
mod repeated;
mod warnings;

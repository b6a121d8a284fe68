//! The fuzz targets.

pub(crate) mod addresses;
pub(crate) mod cursors;
pub(crate) mod definitions;
pub(crate) mod frames;
pub(crate) mod journal;
pub(crate) mod patterns;
pub(crate) mod payloads;
pub(crate) mod requests;
pub(crate) mod schemas;
pub(crate) mod tokens;

use std::str::from_utf8;

/// Splits an input into `COUNT` parts at line breaks, or returns `None` if it has fewer lines or is not UTF-8.
fn lines<const COUNT: usize>(input: &[u8]) -> Option<[&str; COUNT]> {
    let lines: Vec<&str> = from_utf8(input).ok()?.splitn(COUNT, '\n').collect();
    lines.try_into().ok()
}

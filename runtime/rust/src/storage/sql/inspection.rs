//! Reading runs and channels for administrators, in SQL.

pub(in crate::storage) mod calls;
pub(in crate::storage) mod channels;
pub(in crate::storage) mod runs;

use super::Row;

/// How many rows a statement reads at a time, while those of a page are chosen.
const CHUNK: i64 = 256;

/// Returns whether a statement returned as many rows as it may, so that there may be more.
fn is_full(rows: &[Row]) -> bool {
    i64::try_from(rows.len()).is_ok_and(|rows| rows >= CHUNK)
}

//! Finding the properties of an object among those that a table declares.

use super::positions::Positions;

/// Finds names in a list: they mostly come in the order of the list.
#[derive(Default)]
pub(super) struct Finder {
    /// The name that is expected next.
    next: usize,
    seen: Positions,
}

/// Where a name stands in the list.
pub(super) struct Listed {
    pub(super) index: usize,
    /// Whether it was found before.
    pub(super) again: bool,
}

impl Finder {
    pub(super) fn find(&mut self, length: usize, is_at: impl Fn(usize) -> bool) -> Option<Listed> {
        let next = self.next;
        let index =
            (next..length).find(|index| is_at(*index)).or_else(|| (0..next).find(|index| is_at(*index)))?;
        self.next = index + 1;
        Some(Listed { index, again: !self.seen.insert(index) })
    }

    pub(super) fn seen(&self, index: usize) -> bool {
        self.seen.contain(index)
    }
}

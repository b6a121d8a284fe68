//! Finding the properties of an object among those that a table declares.

use super::positions::Positions;

/// Finds names in a list: they mostly come in the order of the list.
#[derive(Default)]
pub(super) struct Finder {
    /// The name that is expected next.
    next: usize,
    /// How many different names were found.
    found: usize,
    seen: Positions,
}

/// Where a name stands in the list.
pub(super) struct Listed {
    pub(super) index: usize,
    /// Whether it was found before.
    pub(super) again: bool,
}

impl Finder {
    #[inline]
    pub(super) fn find(&mut self, length: usize, is_at: impl Fn(usize) -> bool) -> Option<Listed> {
        let index =
            if self.next < length && is_at(self.next) { self.next } else { self.search(length, &is_at)? };
        self.next = index + 1;
        let is_new = self.seen.insert(index);
        self.found += usize::from(is_new);
        Some(Listed { index, again: !is_new })
    }

    #[inline(never)]
    fn search(&self, length: usize, is_at: &dyn Fn(usize) -> bool) -> Option<usize> {
        (self.next + 1..length).chain(0..self.next).find(|index| is_at(*index))
    }

    pub(super) fn found_all(&self, length: usize) -> bool {
        self.found == length
    }

    pub(super) fn seen(&self, index: usize) -> bool {
        self.seen.contain(index)
    }
}

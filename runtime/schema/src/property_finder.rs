//! Finding the properties of an object in a declared list.

use super::index_set::IndexSet;

/// Finds names in a list. Values usually have them in the order of the list.
#[derive(Default)]
pub(super) struct PropertyFinder {
    /// The index that is expected next.
    next: usize,
    /// The number of different names found.
    found: usize,
    seen: IndexSet,
}

/// A name found in the list.
pub(super) struct FoundProperty {
    pub(super) index: usize,
    /// Whether the name was found before.
    pub(super) is_duplicate: bool,
}

impl PropertyFinder {
    #[inline]
    pub(super) fn find(&mut self, length: usize, is_at: impl Fn(usize) -> bool) -> Option<FoundProperty> {
        let index =
            if self.next < length && is_at(self.next) { self.next } else { self.search(length, &is_at)? };
        self.next = index + 1;
        let is_new = self.seen.insert(index);
        self.found += usize::from(is_new);
        Some(FoundProperty { index, is_duplicate: !is_new })
    }

    #[inline(never)]
    fn search(&self, length: usize, is_at: &dyn Fn(usize) -> bool) -> Option<usize> {
        (self.next + 1..length).chain(0..self.next).find(|index| is_at(*index))
    }

    pub(super) fn found_all(&self, length: usize) -> bool {
        self.found == length
    }

    pub(super) fn seen(&self, index: usize) -> bool {
        self.seen.contains(index)
    }
}

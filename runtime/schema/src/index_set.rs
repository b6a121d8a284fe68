//! Sets of indexes.

/// A set of items of an array, or members of an object. Allocates only for indexes from 64 on.
#[derive(Default)]
pub(super) struct IndexSet {
    first: u64,
    /// Two words instead of the three of a `Vec`, because there is one of these for every object.
    rest: Box<[u64]>,
}

impl IndexSet {
    /// Adds an index. Returns `true` if it is new.
    #[inline]
    pub(super) fn insert(&mut self, position: usize) -> bool {
        let word = match position / 64 {
            0 => &mut self.first,
            block => self.word(block - 1),
        };
        let bit = 1 << (position % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    #[cold]
    fn word(&mut self, index: usize) -> &mut u64 {
        self.grow((index + 1).next_power_of_two());
        &mut self.rest[index]
    }

    fn grow(&mut self, words: usize) {
        if self.rest.len() < words {
            let mut rest = std::mem::take(&mut self.rest).into_vec();
            rest.resize(words, 0);
            self.rest = rest.into_boxed_slice();
        }
    }

    /// Adds all indexes of another set.
    pub(super) fn insert_all(&mut self, other: &Self) {
        self.first |= other.first;
        self.grow(other.rest.len());
        for (word, other) in self.rest.iter_mut().zip(&other.rest) {
            *word |= other;
        }
    }

    pub(super) fn contains(&self, position: usize) -> bool {
        let bit = 1 << (position % 64);
        let word = match position / 64 {
            0 => self.first,
            block => self.rest.get(block - 1).copied().unwrap_or(0),
        };
        word & bit != 0
    }
}

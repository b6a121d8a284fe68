//! Sets of positions.

/// Which items of an array, or members of an object, are meant. Allocates only beyond 64.
#[derive(Default)]
pub(super) struct Positions {
    first: u64,
    /// Two words instead of a `Vec`'s three: there is one of these for every object.
    rest: Box<[u64]>,
}

impl Positions {
    /// Adds a position, and tells whether it was missing.
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

    /// Adds all positions of another set.
    pub(super) fn insert_all(&mut self, other: &Self) {
        self.first |= other.first;
        self.grow(other.rest.len());
        for (word, other) in self.rest.iter_mut().zip(&other.rest) {
            *word |= other;
        }
    }

    pub(super) fn contain(&self, position: usize) -> bool {
        let bit = 1 << (position % 64);
        let word = match position / 64 {
            0 => self.first,
            block => self.rest.get(block - 1).copied().unwrap_or(0),
        };
        word & bit != 0
    }
}

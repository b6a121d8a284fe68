//! Sets of positions.

/// Which items of an array, or members of an object, are meant. Allocates only beyond 64.
#[derive(Default)]
pub(super) struct Positions {
    first: u64,
    rest: Vec<u64>,
}

impl Positions {
    /// Adds a position, and tells whether it was missing.
    pub(super) fn insert(&mut self, position: usize) -> bool {
        let bit = 1 << (position % 64);
        let word = match position / 64 {
            0 => &mut self.first,
            block => {
                if self.rest.len() < block {
                    self.rest.resize(block, 0);
                }
                &mut self.rest[block - 1]
            }
        };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Adds all positions of another set.
    pub(super) fn insert_all(&mut self, other: &Self) {
        self.first |= other.first;
        if self.rest.len() < other.rest.len() {
            self.rest.resize(other.rest.len(), 0);
        }
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

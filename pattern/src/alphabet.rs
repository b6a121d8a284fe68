//! Partitions code points into equivalence classes: no set of the pattern distinguishes
//! the members of a class.

use std::collections::BTreeMap;

use crate::Error;
use crate::code_points::{CodePoints, MAX_CODE_POINT};

/// The maximum of runs of code points times sets, which determines the size of tables.
const MAX_CELLS: usize = 1_000_000;

/// The classes of all code points, and the sets that contain them.
#[derive(Debug)]
pub(crate) struct Alphabet {
    /// The first code point of each run of one class.
    starts: Vec<u32>,
    /// The class of each run.
    classes: Vec<u16>,
    of_ascii: [u16; 128],
    /// For each set, a bit per class that it contains.
    rows: Vec<Vec<u64>>,
    /// The transpose: for each class, the sets that contain it.
    containing: Vec<Vec<bool>>,
    count: usize,
    /// The set of word characters, if the pattern contains a word boundary.
    word: Option<u16>,
}

impl Alphabet {
    pub(crate) fn new(sets: &[CodePoints], word: Option<u16>) -> Result<Self, Error> {
        let ends = |set: &CodePoints| -> Vec<u32> {
            set.ranges().iter().flat_map(|(first, last)| [*first, last + 1]).collect()
        };
        let mut starts: Vec<u32> = sets.iter().flat_map(ends).chain([0]).collect();
        starts.retain(|start| *start <= MAX_CODE_POINT);
        starts.sort_unstable();
        starts.dedup();
        if starts.len() > usize::from(u16::MAX) || starts.len().saturating_mul(sets.len()) > MAX_CELLS {
            return Err(Error::TooManyClasses);
        }

        let mut members: Vec<Vec<u16>> = vec![Vec::new(); starts.len()];
        for (number, set) in (0_u16..).zip(sets) {
            for (first, last) in set.ranges() {
                let from = starts.partition_point(|start| start < first);
                let to = starts.partition_point(|start| start <= last);
                members[from..to].iter_mut().for_each(|inside| inside.push(number));
            }
        }
        let mut numbers: BTreeMap<Vec<u16>, u16> = BTreeMap::new();
        let mut classes = Vec::with_capacity(starts.len());
        for inside in members {
            let next = u16::try_from(numbers.len()).unwrap_or(u16::MAX);
            classes.push(*numbers.entry(inside).or_insert(next));
        }
        let count = numbers.len();
        let mut rows = vec![vec![0_u64; count.div_ceil(64)]; sets.len()];
        let mut containing = vec![vec![false; sets.len()]; count];
        for (inside, class) in &numbers {
            for set in inside {
                rows[usize::from(*set)][usize::from(*class / 64)] |= 1 << (class % 64);
                containing[usize::from(*class)][usize::from(*set)] = true;
            }
        }
        let mut alphabet = Self { starts, classes, of_ascii: [0; 128], rows, containing, count, word };
        for byte in 0..128_u8 {
            alphabet.of_ascii[usize::from(byte)] = alphabet.find(byte.into());
        }
        Ok(alphabet)
    }

    /// The number of classes.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    #[inline]
    pub(crate) fn class(&self, character: char) -> u16 {
        let code_point = u32::from(character);
        match self.of_ascii.get(code_point as usize) {
            Some(class) => *class,
            None => self.find(code_point),
        }
    }

    fn find(&self, code_point: u32) -> u16 {
        self.classes[self.starts.partition_point(|start| *start <= code_point) - 1]
    }

    #[inline]
    pub(crate) fn contains(&self, set: u16, class: u16) -> bool {
        self.containing[usize::from(class)][usize::from(set)]
    }

    /// The sets that contain a class.
    #[inline]
    pub(crate) fn containing(&self, class: u16) -> &[bool] {
        &self.containing[usize::from(class)]
    }

    pub(crate) fn row(&self, set: u16) -> &[u64] {
        &self.rows[usize::from(set)]
    }

    pub(crate) fn are_disjoint(&self, one: u16, other: u16) -> bool {
        self.row(one).iter().zip(self.row(other)).all(|(one, other)| one & other == 0)
    }

    /// Returns `true` if a class consists of word characters; `false` without a word boundary.
    #[inline]
    pub(crate) fn is_word(&self, class: u16) -> bool {
        self.word.is_some_and(|set| self.contains(set, class))
    }

    pub(crate) fn runs(&self) -> impl Iterator<Item = (u32, u16)> {
        self.starts.iter().copied().zip(self.classes.iter().copied())
    }

    /// The classes of each set.
    pub(crate) fn sets(&self) -> impl Iterator<Item = Vec<u16>> {
        let classes = u16::try_from(self.count).unwrap_or(u16::MAX);
        let count = u16::try_from(self.rows.len()).unwrap_or(u16::MAX);
        (0..count).map(move |set| (0..classes).filter(|class| self.contains(set, *class)).collect())
    }

    /// The number of the set of word characters.
    pub(crate) fn word(&self) -> Option<u16> {
        self.word
    }
}

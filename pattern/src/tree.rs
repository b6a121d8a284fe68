//! Patterns as syntax trees.

use crate::Error;
use crate::code_points::CodePoints;

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    /// Matches without reading anything.
    Empty,
    /// One character from a set.
    Set(CodePoints),
    Sequence(Vec<Tree>),
    Alternatives(Vec<Tree>),
    Repeat {
        part: Box<Tree>,
        least: u32,
        /// `None` for no limit.
        most: Option<u32>,
    },
    Start,
    End,
    /// `\b`, or `\B` if negated.
    WordBoundary {
        negated: bool,
    },
    Look {
        ahead: bool,
        negated: bool,
        part: Box<Tree>,
    },
}

/// The maximum number of states after expanding repetitions.
const MAX_STATES: u64 = 10_000;

impl Tree {
    /// Rejects patterns that would need too many states, before allocating any.
    pub(crate) fn check_size(&self) -> Result<(), Error> {
        if self.count_states() > MAX_STATES { Err(Error::TooLarge) } else { Ok(()) }
    }

    /// The number of program steps for the tree, at least one per repetition.
    fn count_states(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Set(_) | Self::Start | Self::End | Self::WordBoundary { .. } => 1,
            Self::Sequence(parts) => parts.iter().map(Self::count_states).fold(0, u64::saturating_add),
            Self::Alternatives(parts) => {
                parts.iter().map(Self::count_states).fold(parts.len() as u64, u64::saturating_add)
            }
            Self::Repeat { part, least, most } => {
                let copies = u64::from(most.unwrap_or((*least).max(1)));
                part.count_states().saturating_add(1).saturating_mul(copies)
            }
            Self::Look { part, .. } => part.count_states().saturating_add(2),
        }
    }

    /// Calls `found` for each part, outer parts first.
    pub(crate) fn visit(&self, found: &mut dyn FnMut(&Self)) {
        found(self);
        match self {
            Self::Sequence(parts) | Self::Alternatives(parts) => {
                for part in parts {
                    part.visit(found);
                }
            }
            Self::Repeat { part, .. } | Self::Look { part, .. } => part.visit(found),
            _ => {}
        }
    }

    /// Creates alternatives, merged into one set if they are distinct single characters.
    pub(crate) fn alternatives(mut parts: Vec<Self>) -> Self {
        if parts.len() == 1 {
            return parts.pop().unwrap_or(Self::Empty);
        }
        let sets: Option<Vec<&CodePoints>> =
            parts.iter().map(|part| if let Self::Set(set) = part { Some(set) } else { None }).collect();
        let merged = sets.and_then(|sets| {
            let mut ranges: Vec<_> = sets.iter().flat_map(|set| set.ranges().iter().copied()).collect();
            ranges.sort_unstable();
            // A character in two sets leaves a backtracking engine two open paths.
            let are_disjoint = ranges.windows(2).all(|pair| pair[0].1 < pair[1].0);
            are_disjoint.then(|| CodePoints::from_ranges(ranges))
        });
        merged.map_or(Self::Alternatives(parts), Self::Set)
    }
}

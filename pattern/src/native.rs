//! Proves that a backtracking engine matches a pattern in linear time. A pattern without
//! a proof counts as slow.

use crate::alphabet::Alphabet;
use crate::program::{Program, Step};
use crate::tree::Tree;

/// The maximum number of characters that an engine may read in vain per start position.
const MAX_EFFORT: u64 = 100;

/// The same limit if the pattern is anchored, so that there is one start position.
const MAX_EFFORT_ONCE: u64 = 10_000;

/// The maximum number of alternatives that an engine may leave open per character. It needs memory for each, and fails on
/// a text of one mebibyte with more than seven.
const MAX_OPEN: usize = 4;

/// The maximum number of steps of the proof.
const MAX_VISITED: u64 = 500_000;

/// Returns `true` if backtracking is provably linear.
pub(crate) fn is_linear(tree: &Tree, program: Option<&Program>, alphabet: &Alphabet) -> bool {
    let Some(program) = program else { return false };
    let mut lookarounds_are_short = true;
    tree.visit(&mut |part| {
        if let Tree::Look { part, .. } = part {
            lookarounds_are_short &= effort(part) <= MAX_EFFORT;
        }
    });
    if !lookarounds_are_short {
        return false;
    }
    let mut asserts = false;
    tree.visit(&mut |part| asserts |= matches!(part, Tree::Look { .. } | Tree::WordBoundary { .. }));
    if asserts && !program.is_anchored() && may_be_empty(tree) {
        // V8 also tries these inside surrogate pairs, although no match may begin there.
        return false;
    }
    if program.is_anchored() {
        effort(tree) <= MAX_EFFORT_ONCE || is_deterministic(program, alphabet)
    } else {
        effort(tree) <= MAX_EFFORT || length(tree) <= MAX_EFFORT && is_deterministic(program, alphabet)
    }
}

/// The maximum number of characters that all paths through a part read together.
fn effort(tree: &Tree) -> u64 {
    ways(tree).saturating_mul(length(tree).saturating_add(1))
}

/// The number of paths through a part.
fn ways(tree: &Tree) -> u64 {
    match tree {
        Tree::Sequence(parts) => parts.iter().map(ways).fold(1, u64::saturating_mul),
        Tree::Alternatives(parts) => parts.iter().map(ways).fold(0, u64::saturating_add),
        Tree::Repeat { most: None, .. } => u64::MAX,
        Tree::Repeat { part, least, most: Some(most) } => {
            let ways = ways(part);
            let mut total = 0_u64;
            for count in *least..=*most {
                total = total.saturating_add(ways.saturating_pow(count));
                if total > MAX_EFFORT_ONCE {
                    return u64::MAX;
                }
            }
            total
        }
        Tree::Look { part, .. } => ways(part),
        Tree::Empty | Tree::Set(_) | Tree::Start | Tree::End | Tree::WordBoundary { .. } => 1,
    }
}

/// The maximum number of characters that a part reads.
fn length(tree: &Tree) -> u64 {
    match tree {
        Tree::Sequence(parts) => parts.iter().map(length).fold(0, u64::saturating_add),
        Tree::Alternatives(parts) => parts.iter().map(length).max().unwrap_or(0),
        Tree::Repeat { most: None, .. } => u64::MAX,
        Tree::Repeat { part, most: Some(most), .. } => length(part).saturating_mul(u64::from(*most)),
        Tree::Look { part, .. } => length(part),
        Tree::Set(_) => 1,
        Tree::Empty | Tree::Start | Tree::End | Tree::WordBoundary { .. } => 0,
    }
}

/// Returns `true` if a part can match without reading.
fn may_be_empty(tree: &Tree) -> bool {
    match tree {
        Tree::Sequence(parts) => parts.iter().all(may_be_empty),
        Tree::Alternatives(parts) => parts.iter().any(may_be_empty),
        Tree::Repeat { part, least, .. } => *least == 0 || may_be_empty(part),
        Tree::Set(_) => false,
        _ => true,
    }
}

/// Returns `true` if the next character always determines the path, and only one path
/// leads to each set. Backtracking then fails immediately, since no other path is open.
fn is_deterministic(program: &Program, alphabet: &Alphabet) -> bool {
    let mut visited = 0;
    let after_reading = (0_u32..).zip(&program.steps).filter(|(_, step)| matches!(step, Step::Read(_)));
    let mut starts = std::iter::once(0).chain(after_reading.map(|(at, _)| at + 1));
    starts.all(|start| is_decided(program, alphabet, start, &mut visited))
}

fn is_decided(program: &Program, alphabet: &Alphabet, start: u32, visited: &mut u64) -> bool {
    let mut taken: Vec<u64> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut open = vec![start];
    let mut splits = 0;
    while let Some(at) = open.pop() {
        splits += usize::from(matches!(program.steps[at as usize], Step::Split(_)));
        if splits > MAX_OPEN {
            return false;
        }
        *visited += 1;
        if *visited > MAX_VISITED || !seen.insert(at) {
            return false;
        }
        if let Step::Read(set) = program.steps[at as usize] {
            let row = alphabet.row(set);
            taken.resize(row.len(), 0);
            if row.iter().zip(&taken).any(|(new, old)| new & old != 0) {
                return false;
            }
            taken.iter_mut().zip(row).for_each(|(old, new)| *old |= new);
        }
        open.extend(program.successors(at).0.into_iter().flatten());
    }
    true
}

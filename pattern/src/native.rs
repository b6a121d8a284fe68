//! Which patterns an engine that backtracks matches in linear time too. What is not
//! proven counts as slow.

use crate::alphabet::Alphabet;
use crate::program::{Program, Step};
use crate::tree::Tree;

/// How many characters an engine may look at in vain for each start that it tries.
const MAX_EFFORT: u64 = 100;

/// The same, if it tries one start only.
const MAX_EFFORT_ONCE: u64 = 10_000;

/// How many ways an engine may leave open for each character that it reads: it needs memory for each of them, and fails
/// for a text of a mebibyte if there are more than seven.
const MAX_OPEN: usize = 4;

/// The most steps that the proof may take.
const MAX_VISITED: u64 = 500_000;

/// Returns whether backtracking is proven to be linear.
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
        // V8 tries these in the middle of surrogate pairs too, where nothing may match.
        return false;
    }
    if program.is_anchored() {
        effort(tree) <= MAX_EFFORT_ONCE || is_deterministic(program, alphabet)
    } else {
        effort(tree) <= MAX_EFFORT || length(tree) <= MAX_EFFORT && is_deterministic(program, alphabet)
    }
}

/// How many characters all ways through a part read together, at most.
fn effort(tree: &Tree) -> u64 {
    ways(tree).saturating_mul(length(tree).saturating_add(1))
}

/// How many ways lead through a part.
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

/// How many characters a part reads at most.
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

/// Whether a part can match without reading.
fn may_be_empty(tree: &Tree) -> bool {
    match tree {
        Tree::Sequence(parts) => parts.iter().all(may_be_empty),
        Tree::Alternatives(parts) => parts.iter().any(may_be_empty),
        Tree::Repeat { part, least, .. } => *least == 0 || may_be_empty(part),
        Tree::Set(_) => false,
        _ => true,
    }
}

/// Whether the next character always decides which way to go, and only one way leads
/// to each set. Then whoever goes back finds at once that no other way is open.
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

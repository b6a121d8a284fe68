//! The positions of keys and values in a text.

use std::ops::Range;

/// The spans of all keys and values of a document, in bytes. Every value follows the collection that contains it.
#[derive(Debug, Default)]
pub(crate) struct Spans(Vec<Node>);

#[derive(Debug)]
struct Node {
    /// The key and its span, if the value is in a mapping.
    key: Option<(String, Range<usize>)>,
    value: Range<usize>,
    is_collection: bool,
    /// The index of the first node that is not inside this value.
    end: usize,
}

impl Spans {
    /// Adds a value that starts here. Returns its index, for [`close`](Self::close).
    pub(crate) fn open(
        &mut self,
        key: Option<(String, Range<usize>)>,
        value: Range<usize>,
        is_collection: bool,
    ) -> usize {
        self.0.push(Node { key, value, is_collection, end: self.0.len() + 1 });
        self.0.len() - 1
    }

    /// Ends a value at a byte. The values added since [`open`](Self::open) are inside it.
    pub(crate) fn close(&mut self, index: usize, end: usize) {
        let inside = self.0.len();
        let node = &mut self.0[index];
        node.end = inside;
        node.value.end = node.value.end.max(end);
    }

    /// The number of values so far.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Removes all values from an index on.
    pub(crate) fn truncate(&mut self, index: usize) {
        self.0.truncate(index);
    }

    /// The span of the key at a path, or of the nearest parent that was found.
    pub(super) fn key(&self, path: &[&str]) -> Range<usize> {
        match self.nearest(path) {
            Some((node, _)) => node.key.as_ref().map_or(&node.value, |(_, span)| span).clone(),
            None => 0..0,
        }
    }

    /// The span of the value at a path. A mapping or sequence is shown by its key, if it has one.
    pub(super) fn value(&self, path: &[&str]) -> Range<usize> {
        match self.nearest(path) {
            Some((node, true)) if !node.is_collection => node.value.clone(),
            _ => self.key(path),
        }
    }

    /// Returns the node at a path, or its nearest parent, and whether it is the node at the path.
    fn nearest(&self, path: &[&str]) -> Option<(&Node, bool)> {
        let mut at = 0;
        for segment in path {
            match self.child(at, segment) {
                Some(child) => at = child,
                None => return self.0.get(at).map(|node| (node, false)),
            }
        }
        self.0.get(at).map(|node| (node, true))
    }

    fn child(&self, parent: usize, segment: &str) -> Option<usize> {
        let end = self.0.get(parent)?.end;
        let next = |at: usize| Some(self.0[at].end).filter(|at| *at < end);
        let first = Some(parent + 1).filter(|at| *at < end);
        let mut children = std::iter::successors(first, |at| next(*at)).enumerate();
        children
            .find(|(index, at)| match &self.0[*at].key {
                Some((key, _)) => key == segment,
                None => index.to_string() == segment,
            })
            .map(|(_, at)| at)
    }
}

/// The byte at a line and column, both from 1.
pub(crate) fn position(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let line = text[start..].lines().next().unwrap_or_default();
    start + line.char_indices().nth(column.saturating_sub(1)).map_or(line.len(), |(at, _)| at)
}

/// The span of the word at a byte.
pub(super) fn word(text: &str, start: usize) -> Range<usize> {
    let rest = text[start..].lines().next().unwrap_or_default();
    let length = rest.find(|c: char| c.is_whitespace() || ",:{}[]".contains(c)).unwrap_or(rest.len());
    start..start + length.max(usize::from(!rest.is_empty() && rest.is_char_boundary(1)))
}

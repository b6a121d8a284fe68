//! The current position of the interpreter in a value.

use std::cell::Cell;

use super::display::truncate;

/// A position in a value. It is linked to its parents on the stack, so its path costs nothing until an issue needs it.
pub(super) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
    /// The index among the items or properties of the parent.
    position: usize,
    /// The number of enclosing arrays and objects.
    pub(super) depth: usize,
    /// Identifies the position in a memo; 0 until it is computed.
    hash: Cell<u64>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Name,
    Property(&'a str),
    Item,
}

/// The maximum length of a name in a path, in code points.
const MAX_NAME: usize = 64;

impl<'a> Path<'a> {
    pub(super) const fn root() -> Self {
        Self { parent: None, step: Step::Root, position: 0, depth: 0, hash: Cell::new(0) }
    }

    /// Returns the path of a property, by its name and its index in the object. A value may contain a name twice, so
    /// only the index is unique.
    pub(super) fn property(&'a self, name: &'a str, position: usize) -> Self {
        self.inner(Step::Property(name), position)
    }

    pub(super) fn item(&'a self, index: usize) -> Self {
        self.inner(Step::Item, index)
    }

    /// Returns the path of an absent property. Only issues may use it.
    pub(super) fn absent(&'a self, name: &'a str) -> Self {
        self.inner(Step::Property(name), usize::MAX)
    }

    /// Returns the path of a property's name. In issues, it is the path of the property's value.
    pub(super) fn name(&'a self) -> Self {
        self.inner(Step::Name, usize::MAX - 1)
    }

    fn inner(&'a self, step: Step<'a>, position: usize) -> Self {
        Self { parent: Some(self), step, position, depth: self.depth + 1, hash: Cell::new(0) }
    }

    /// Identifies this position within the value, by indexes alone, so long names take no time.
    pub(super) fn hash(&self, mix: &dyn Fn(u64, usize) -> u64) -> u64 {
        if self.hash.get() == 0 {
            let parent = self.parent.map_or(0, |parent| parent.hash(mix));
            self.hash.set(mix(parent, self.position));
        }
        self.hash.get()
    }

    /// Returns the JSON Pointer (RFC 6901) to this position. Long names are truncated.
    pub(super) fn pointer(&self) -> String {
        let mut pointer = String::new();
        self.write_pointer(&mut pointer);
        pointer
    }

    fn write_pointer(&self, pointer: &mut String) {
        if let Some(parent) = self.parent {
            parent.write_pointer(pointer);
        }
        match self.step {
            Step::Root | Step::Name => {}
            Step::Property(name) => {
                pointer.push('/');
                pointer.push_str(&truncate(name, MAX_NAME).replace('~', "~0").replace('/', "~1"));
            }
            Step::Item => {
                pointer.push('/');
                pointer.push_str(&self.position.to_string());
            }
        }
    }
}

//! References to tables that are built later.

use std::sync::OnceLock;

use super::{Rules, Schema};

/// A reference to a table that does not exist yet.
///
/// The `static`s of generated code may refer to each other in a circle. A table that is built at run time cannot contain
/// a reference to itself, so it contains one of these, which is set once the table exists.
///
/// ```
/// use fanfare_schema::{Array, Deferred, Schema, check};
///
/// // A list of such lists.
/// let itself: &'static Deferred<Schema> = Box::leak(Box::new(Deferred::new()));
/// let items: &'static Schema = Box::leak(Box::new(Schema::Deferred(itself)));
/// let list: &'static Schema =
///     Box::leak(Box::new(Schema::Array(Array { items, min_items: 0, max_items: u32::MAX })));
/// itself.set(list);
///
/// assert!(check(list, &serde_json::json!([[], [[]]])).is_ok());
/// assert_eq!(check(list, &serde_json::json!([[1]])).unwrap_err()[0].path, "/0/0");
/// ```
pub struct Deferred<T: 'static>(OnceLock<&'static T>);

impl<T> Deferred<T> {
    /// Creates a reference that is not set.
    #[must_use]
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// Sets the table. Only the first call has an effect.
    pub fn set(&self, table: &'static T) {
        self.0.get_or_init(|| table);
    }
}

impl<T> Default for Deferred<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl Schema {
    /// Returns the schema, or the one that it defers to. One that is not set accepts no value.
    #[must_use]
    pub fn resolve(&self) -> &Self {
        match self {
            Self::Deferred(deferred) => deferred.0.get().map_or(&Self::Never, |schema| schema.resolve()),
            schema => schema,
        }
    }
}

impl Rules {
    /// Returns the rules that must all accept the value.
    pub(super) fn all_of(&self) -> impl Iterator<Item = &'static Self> {
        self.all_of.iter().map(|rules| match rules.deferred {
            Some(deferred) => deferred.0.get().copied().unwrap_or(&Self::NEVER),
            None => *rules,
        })
    }
}

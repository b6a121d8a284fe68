//! The documentation of items, and which items are deprecated.

use super::{Model, NamedType, Type};

/// The documentation of an item in generated code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Docs {
    pub(crate) description: Option<String>,
    /// The item is deprecated. The text says what to use instead, if the definition does.
    pub(crate) deprecated: Option<String>,
}

impl Docs {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Model {
    /// Returns `true` if anything that has a name in Rust is deprecated.
    pub(crate) fn has_deprecated(&self) -> bool {
        let channels = self.channels.iter().any(|channel| {
            let topics = channel.topics.iter().map(|topic| &topic.docs);
            let signals = channel.signals.iter().map(|signal| &signal.docs);
            topics.chain(signals).chain([&channel.docs]).any(|docs| docs.deprecated.is_some())
        });
        channels || self.types.iter().any(|named| self.uses_deprecated(named))
    }

    /// Returns `true` if the declaration of a type uses something deprecated, such as a field of its own.
    pub(crate) fn uses_deprecated(&self, named: &NamedType) -> bool {
        let is_deprecated = |docs: &Docs| docs.deprecated.is_some();
        let parts = match named.shape.shape() {
            Type::Object(object) => object.properties.iter().any(|property| is_deprecated(&property.docs)),
            Type::Enum(values) => values.values.iter().any(|value| is_deprecated(&value.docs)),
            Type::Tagged(tagged) => {
                tagged.cases.iter().any(|case| is_deprecated(&self.get(case.target).docs))
            }
            _ => false,
        };
        parts || is_deprecated(&named.docs) || self.names_deprecated(&named.shape)
    }

    fn names_deprecated(&self, shape: &Type) -> bool {
        match shape {
            Type::Named(id) => self.get(*id).docs.deprecated.is_some(),
            shape => shape.children().into_iter().any(|part| self.names_deprecated(part)),
        }
    }
}

//! Arrays, and tuples.

use super::limits;
use super::naming::Naming;
use super::types::Types;
use crate::definition::{Keywords, SchemaNode};
use crate::diagnostics::Place;
use crate::model::{Array, Type};

/// The type of a schema with `type: array` whose only other keywords describe items and their number.
pub(super) fn array(
    types: &mut Types<'_>,
    keywords: &Keywords,
    place: &Place,
    naming: &Naming,
) -> Option<Type> {
    let (first, key) = keywords.first_items();
    if !first.is_empty() {
        return tuple(types, first, keywords, &place.join(key), naming);
    }
    limits::refuse_empty_range(
        keywords.min_items,
        keywords.max_items,
        ("minItems", "maxItems"),
        place,
        &mut types.diagnostics,
    );
    let items = match keywords.other_items() {
        Some((SchemaNode::Bool(false), _)) => return None,
        Some((items, key)) => types.part(items, &place.join(key), &naming.child("Item")),
        None => Type::Any,
    };
    Some(Type::Array(Array {
        items: Box::new(items),
        min_items: keywords.min_items.filter(|least| *least > 0),
        max_items: keywords.max_items,
    }))
}

/// The type of a tuple of fixed length. With a variable length, no tuple type expresses the schema.
fn tuple(
    types: &mut Types<'_>,
    first: &[SchemaNode],
    keywords: &Keywords,
    place: &Place,
    naming: &Naming,
) -> Option<Type> {
    let length = u32::try_from(first.len()).unwrap_or(u32::MAX);
    let closed = matches!(keywords.other_items(), Some((SchemaNode::Bool(false), _)))
        || keywords.max_items == Some(length);
    let full = keywords.min_items == Some(length) && keywords.max_items.is_none_or(|most| most == length);
    if !closed || !full || !(1..=12).contains(&length) {
        return None;
    }
    let items = first.iter().enumerate();
    Some(Type::Tuple(
        items
            .map(|(at, item)| types.part(item, &place.join(at), &naming.child(&format!("Item{}", at + 1))))
            .collect(),
    ))
}

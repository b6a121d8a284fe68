//! Recursive types: finds them, decides where Rust needs a box, and rejects types without a finite value. Huge types get
//! boxes too.

use crate::diagnostics::{Code, Diagnostic};
use crate::lower::LoweredSchema;
use crate::model::{Additional, Model, Type, TypeId, Wrapper};
use crate::name::is_nominal;

/// The size in bytes above which a type's larger parts are boxed: a few larger values would fill a thread's stack.
const MAX_TYPE_SIZE: usize = 4096;
/// The size in bytes above which a part of a huge type is boxed.
const MAX_PART_SIZE: usize = 128;

/// Rejects schemas that apply themselves to the same value, so that validation would not terminate.
pub(crate) fn refuse_endless(schemas: &[LoweredSchema], diagnostics: &mut Vec<Diagnostic>) {
    let targets = schemas.iter().map(|schema| {
        let mut targets = Vec::new();
        schema.rules.references(true, &mut |id| targets.push(id.0));
        targets
    });
    let components = components(&targets.collect::<Vec<_>>());
    for (_, schema) in schemas.iter().enumerate().filter(|(at, _)| components.is_cyclic(*at)) {
        diagnostics.push(
            Diagnostic::at_key(
                Code::EndlessReference,
                &schema.location,
                "infinite recursion: this schema applies itself to the same value",
            )
            .note("a schema may refer to itself only inside a property or an item")
            .help("describe the values directly, or move the `$ref` into a property"),
        );
    }
}

/// Marks recursive types and boxes, and rejects types that no finite value satisfies.
pub(super) fn analyse(model: &mut Model, diagnostics: &mut Vec<Diagnostic>) {
    refuse_uninhabited(model, diagnostics);
    let all = components(&targets_of(model, |shape, targets| contained(shape, false, targets)));
    let inline = components(&targets_of(model, |shape, targets| contained(shape, true, targets)));
    // A type comes after those that it contains.
    let mut order: Vec<usize> = (0..model.types.len()).collect();
    order.sort_by_key(|at| inline.of[*at]);
    let mut sizes = vec![0; model.types.len()];
    for at in order {
        model.types[at].recursive = all.is_cyclic(at);
        let mut shape = std::mem::replace(&mut model.types[at].shape, Type::Any);
        let is_circle = |part: &Type| {
            let mut targets = Vec::new();
            contained(part, true, &mut targets);
            inline.is_cyclic(at) && targets.iter().any(|target| inline.of[target.0] == inline.of[at])
        };
        mark_boxes(&mut shape, is_circle);
        if size_of(&shape, &sizes) > MAX_TYPE_SIZE {
            mark_boxes(&mut shape, |part| is_circle(part) || size_of(part, &sizes) > MAX_PART_SIZE);
        }
        sizes[at] = size_of(&shape, &sizes);
        model.types[at].shape = shape;
    }
    let aliases = components(&targets_of(model, |shape, targets| {
        if !is_nominal(shape) {
            contained(shape, false, targets);
        }
    }));
    for at in (0..model.types.len()).filter(|at| aliases.is_cyclic(*at)) {
        model.types[at].wrapper = if inline.is_cyclic(at) { Wrapper::Boxed } else { Wrapper::Plain };
    }
}

/// The approximate size of a value in Rust, without the heap.
fn size_of(shape: &Type, sizes: &[usize]) -> usize {
    let held = |boxed: bool, part: &Type| if boxed { 8 } else { size_of(part, sizes) };
    match shape {
        Type::Null | Type::Boolean => 1,
        Type::Named(id) => sizes[id.0],
        Type::Nullable(inner) => size_of(inner, sizes) + 8,
        Type::Tuple(items) => items.iter().map(|item| size_of(item, sizes)).sum(),
        Type::Object(object) => {
            let parts = object.properties.iter().map(|part| held(part.boxed, &part.shape) + 8);
            parts.sum::<usize>() + 24
        }
        Type::Union(union) => {
            let parts = union.alternatives.iter().map(|part| held(part.boxed, &part.shape));
            parts.max().unwrap_or_default() + 8
        }
        Type::Tagged(tagged) => {
            let parts = tagged.cases.iter().map(|case| held(case.boxed, &Type::Named(case.target)));
            parts.max().unwrap_or_default() + 8
        }
        Type::Checked(checked) => size_of(&checked.shape, sizes),
        _ => 32,
    }
}

/// Reports types without a value: grows the set of types with a value to its fixed point.
fn refuse_uninhabited(model: &Model, diagnostics: &mut Vec<Diagnostic>) {
    let mut inhabited = vec![false; model.types.len()];
    loop {
        let mut grown = false;
        for at in 0..inhabited.len() {
            if !inhabited[at] && has_value(&model.types[at].shape, &inhabited) {
                inhabited[at] = true;
                grown = true;
            }
        }
        if !grown {
            break;
        }
    }
    for (named, _) in model.types.iter().zip(&inhabited).filter(|(_, inhabited)| !**inhabited) {
        diagnostics.push(
            Diagnostic::at_key(
                Code::Unsatisfiable,
                &named.location,
                "no finite value satisfies this type, because every value must contain another of the type",
            )
            .help("make one of the properties in the cycle optional or nullable"),
        );
    }
}

fn has_value(shape: &Type, inhabited: &[bool]) -> bool {
    match shape {
        Type::Named(id) => inhabited[id.0],
        Type::Checked(checked) => has_value(&checked.shape, inhabited),
        Type::Array(array) if array.prefix.is_empty() => {
            array.min_items.is_none() || has_value(&array.items, inhabited)
        }
        Type::Array(array) => {
            let required = &array.prefix[..array.required()];
            required.iter().all(|item| has_value(item, inhabited))
        }
        Type::Tuple(items) => items.iter().all(|item| has_value(item, inhabited)),
        Type::Object(object) => object
            .properties
            .iter()
            .filter(|property| property.required)
            .all(|property| has_value(&property.shape, inhabited)),
        Type::Union(union) => {
            union.alternatives.iter().any(|alternative| has_value(&alternative.shape, inhabited))
        }
        Type::Tagged(tagged) => tagged.open || tagged.cases.iter().any(|case| inhabited[case.target.0]),
        _ => true,
    }
}

/// Collects the named types that a shape contains; `inline` leaves out those that Rust stores behind a pointer anyway.
fn contained(shape: &Type, inline: bool, targets: &mut Vec<TypeId>) {
    match shape {
        Type::Named(id) => targets.push(*id),
        Type::Nullable(inner) => contained(inner, inline, targets),
        Type::Tuple(items) => items.iter().for_each(|item| contained(item, inline, targets)),
        Type::Array(_) if !inline => {
            shape.children().into_iter().for_each(|item| contained(item, inline, targets));
        }
        Type::Map(values, _) if !inline => contained(values, inline, targets),
        Type::Object(object) => {
            object.properties.iter().for_each(|property| contained(&property.shape, inline, targets));
            if let (Additional::Checked(values), false) = (&object.additional, inline) {
                contained(values, inline, targets);
            }
        }
        Type::Union(union) => {
            union.alternatives.iter().for_each(|alternative| contained(&alternative.shape, inline, targets))
        }
        Type::Tagged(tagged) => targets.extend(tagged.cases.iter().map(|case| case.target)),
        Type::Checked(checked) => contained(&checked.shape, inline, targets),
        _ => {}
    }
}

fn mark_boxes(shape: &mut Type, needs_box: impl Fn(&Type) -> bool) {
    match shape {
        Type::Checked(checked) => mark_boxes(&mut checked.shape, needs_box),
        Type::Object(object) => {
            object.properties.iter_mut().for_each(|property| property.boxed = needs_box(&property.shape))
        }
        Type::Union(union) => {
            union
                .alternatives
                .iter_mut()
                .for_each(|alternative| alternative.boxed = needs_box(&alternative.shape));
        }
        Type::Tagged(tagged) => {
            tagged.cases.iter_mut().for_each(|case| case.boxed = needs_box(&Type::Named(case.target)))
        }
        _ => {}
    }
}

/// The strongly connected components of the types.
struct Components {
    /// The component of each type.
    of: Vec<usize>,
    cyclic: Vec<bool>,
}

impl Components {
    fn is_cyclic(&self, at: usize) -> bool {
        self.cyclic[self.of[at]]
    }
}

/// The types that each type refers to.
fn targets_of(model: &Model, edges: impl Fn(&Type, &mut Vec<TypeId>)) -> Vec<Vec<usize>> {
    let targets = |shape: &Type| {
        let mut targets = Vec::new();
        edges(shape, &mut targets);
        targets.into_iter().map(|id| id.0).collect()
    };
    model.types.iter().map(|named| targets(&named.shape)).collect()
}

/// Tarjan's algorithm, iterative because definitions may form long chains.
fn components(targets: &[Vec<usize>]) -> Components {
    let count = targets.len();
    let mut result = Components { of: vec![usize::MAX; count], cyclic: Vec::new() };
    let (mut order, mut low) = (vec![usize::MAX; count], vec![0; count]);
    let (mut visited, mut stack) = (0, Vec::new());
    for root in 0..count {
        let mut calls = if order[root] == usize::MAX { vec![(root, 0)] } else { Vec::new() };
        while let Some((node, edge)) = calls.pop() {
            if edge == 0 {
                order[node] = visited;
                low[node] = visited;
                visited += 1;
                stack.push(node);
            } else {
                low[node] = low[node].min(low[targets[node][edge - 1]]);
            }
            let next = (edge..targets[node].len()).find(|edge| {
                let target = targets[node][*edge];
                if order[target] != usize::MAX && result.of[target] == usize::MAX {
                    low[node] = low[node].min(order[target]);
                }
                order[target] == usize::MAX
            });
            if let Some(edge) = next {
                calls.push((node, edge + 1));
                calls.push((targets[node][edge], 0));
            } else if low[node] == order[node] {
                let component = result.cyclic.len();
                let mut members = Vec::new();
                while let Some(member) = stack.pop() {
                    result.of[member] = component;
                    members.push(member);
                    if member == node {
                        break;
                    }
                }
                result.cyclic.push(members.len() > 1 || targets[node].contains(&node));
            }
        }
    }
    result
}

//! The printed files of the modules of an output, and which of them can be used again.

use std::collections::HashMap;
use std::sync::Arc;

use super::versions::Key;
use crate::model::Model;

/// A path and a text.
pub(super) type File = (String, Arc<str>);

/// The files of a module, and its parts of the files that all modules share.
#[derive(Debug, Default)]
pub(super) struct Printed {
    pub(super) files: Vec<File>,
    /// The root types of the module in Rust, in the order of declaration.
    pub(super) items: Vec<String>,
    /// The module's lines in the index of TypeScript.
    pub(super) exports: Vec<Export>,
}

/// A line of the index.
#[derive(Debug)]
pub(super) struct Export {
    pub(super) text: String,
    /// The line has no effect in JavaScript.
    pub(super) is_type: bool,
}

/// The latest result for each module, by the stem of its definition file.
#[derive(Debug)]
pub(super) struct ByModule<T>(HashMap<String, (Key, Arc<T>)>);

impl<T> Default for ByModule<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> ByModule<T> {
    /// Returns a result for each module. Calls `compute` with the modules whose key changed.
    pub(super) fn update(
        &mut self,
        model: &Model,
        keys: &[Key],
        compute: impl FnOnce(&[usize]) -> Vec<T>,
    ) -> Vec<Arc<T>> {
        let mut known: Vec<Option<Arc<T>>> = Vec::new();
        for (module, key) in model.modules.iter().zip(keys) {
            let before = self.0.remove(&module.stem);
            known.push(before.filter(|(before, _)| before == key).map(|(_, result)| result));
        }
        let changed: Vec<usize> = (0..known.len()).filter(|at| known[*at].is_none()).collect();
        let mut computed = compute(&changed).into_iter().map(Arc::new);
        let all: Vec<Arc<T>> =
            known.into_iter().filter_map(|known| known.or_else(|| computed.next())).collect();
        let entries = model.modules.iter().zip(keys).zip(&all);
        self.0 = entries
            .map(|((module, key), result)| (module.stem.clone(), (key.clone(), Arc::clone(result))))
            .collect();
        all
    }
}

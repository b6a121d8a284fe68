//! Finds the names that printed tables import from the runtime.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};

/// Names in the runtime's schema module that tables can use.
const IMPORTABLE: [&str; 18] = [
    "Additional",
    "Array",
    "Condition",
    "Contains",
    "Format",
    "Integer",
    "Items",
    "Kinds",
    "Literals",
    "Members",
    "Number",
    "Object",
    "Pattern",
    "Property",
    "Rules",
    "Schema",
    "Tagged",
    "Text",
];

/// Returns the names that the tables import, as a list.
pub(super) fn find_imports(tables: &[TokenStream]) -> String {
    let mut used = BTreeSet::new();
    for table in tables {
        collect_names(table.clone(), &mut used);
    }
    used.into_iter().collect::<Vec<_>>().join(", ")
}

fn collect_names(tokens: TokenStream, used: &mut BTreeSet<&'static str>) {
    // The second segment of a path, such as `Text` in `Schema::Text`, does not need an import.
    let mut colons = 0;
    for token in tokens {
        match &token {
            TokenTree::Group(group) => collect_names(group.stream(), used),
            TokenTree::Ident(ident) if colons < 2 => {
                used.extend(IMPORTABLE.iter().find(|name| ident == **name))
            }
            _ => {}
        }
        colons =
            if matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ':') { colons + 1 } else { 0 };
    }
}

//! Definitions that are allowed and probably not meant, and what `fanfare lint` says of them.

use crate::cases::{Differences, cases};

#[test]
fn what_is_probably_not_meant_is_named() {
    let mut differences = Differences::default();
    for (_, folder) in cases("compiler/warnings") {
        let said = fanfare_codegen::lint(folder.join("schemas")).unwrap_or_else(|error| panic!("{error}"));
        let said = said.map(|warnings| warnings.to_string()).unwrap_or_default();
        differences.file(&folder.join("expected.txt"), &said);
    }
    differences.fail_if_any();
}

#[test]
fn the_definitions_of_this_project_have_nothing_to_mend() {
    let said = fanfare_codegen::lint("../schemas").unwrap_or_else(|error| panic!("{error}"));
    assert!(said.is_none(), "{}", said.expect("there is something"));
}

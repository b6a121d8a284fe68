//! Valid definitions that are probably mistakes, with the exact warnings of `fanfare lint`.

use crate::cases::{Differences, cases};

#[test]
fn probable_mistakes_have_exact_warnings() {
    let mut differences = Differences::default();
    for (_, folder) in cases("compiler/warnings") {
        let text = fanfare_codegen::lint(folder.join("schemas")).unwrap_or_else(|error| panic!("{error}"));
        let text = text.map(|warnings| warnings.to_string()).unwrap_or_default();
        differences.file(&folder.join("expected.txt"), &text);
    }
    differences.fail_if_any();
}

#[test]
fn the_definitions_of_this_project_have_no_warnings() {
    let text = fanfare_codegen::lint("../schemas").unwrap_or_else(|error| panic!("{error}"));
    assert!(text.is_none(), "{}", text.expect("warnings"));
}

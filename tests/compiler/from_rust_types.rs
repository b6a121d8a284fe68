//! The definition and the types in `docs/from-rust-types.md` are those of its Rust types.

use crate::cases::Scratch;

#[test]
fn the_documentation_of_rust_types_shows_what_is_generated() {
    let page = std::fs::read_to_string("../docs/from-rust-types.md").expect("the documentation can be read");
    let folder = Scratch::new("from-rust-types");
    fanfare_tests::write_schemas(folder.path()).expect("schemas that can be written");
    folder.file("builds.yaml", block(&page, "yaml").as_bytes());
    let files = fanfare_codegen::generate(folder.path()).unwrap_or_else(|error| panic!("{error}"));
    let types = files.iter().find(|(path, _)| *path == "typescript/build.schema.types.d.ts");
    let (_, types) = types.expect("the types of the schema");
    let (_, types) = types.split_once("\n\n").expect("types after the header");
    assert_eq!(block(&page, "typescript"), types, "docs/from-rust-types.md should show the generated types");
}

/// The first block of a language.
fn block<'p>(page: &'p str, language: &str) -> &'p str {
    let (_, rest) = page.split_once(&format!("```{language}\n")).expect("a block of the language");
    rest.split_once("```").expect("the end of the block").0
}

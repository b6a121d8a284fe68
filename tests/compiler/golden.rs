//! Definition to every output, a case a topic of the format.
//!
//! What is expected also compiles: the Rust in `golden-check/lib.rs`, the TypeScript with `npm run typecheck`, which
//! holds the type that each validator infers equal to the generated one.

use std::fmt::Write as _;
use std::path::Path;

use fanfare_codegen::Schemas;

use crate::cases::{Differences, Texts, cases};

#[test]
fn every_output_is_as_expected() {
    let mut differences = Differences::default();
    let mut crate_root = String::from(RUST_HEAD);
    let mut type_tests = String::from(TYPESCRIPT_HEAD);
    for (name, folder) in cases("compiler/golden") {
        let schemas = Schemas::new(folder.join("schemas")).allow_refs_to(folder.join("elsewhere"));
        let made: Texts = match fanfare_codegen::generate(schemas) {
            Ok(files) => files.iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect(),
            Err(error) => {
                differences.note(format!("{name} was refused:\n{error}"));
                continue;
            }
        };
        differences.folder(&folder.join("expected"), &made);
        crate_root.push_str(&module(&name, &made));
        type_tests.push_str(&same_types(&name, &made));
    }
    differences.file(Path::new("compiler/golden-check/lib.rs"), &crate_root);
    differences.file(Path::new("compiler/golden-check/inferred.ts"), &type_tests);
    differences.fail_if_any();
}

const RUST_HEAD: &str = "\
//! The Rust of every golden case. Written by the golden test.
#![deny(warnings)]
";

/// Includes a case as an application includes its channels.
fn module(case: &str, made: &Texts) -> String {
    let name = format!("case_{}", case.replace('-', "_"));
    if !made.contains_key("rust/channels.rs") {
        return String::new();
    }
    format!(
        "\n/// `tests/compiler/golden/{case}`\npub mod {name} {{\n    include!(\"../golden/{case}/expected/rust/channels.rs\");\n}}\n"
    )
}

const TYPESCRIPT_HEAD: &str = "\
/** What validators infer is what the generated types say. Written by the golden test; compiled, never run. */
import type * as z from \"zod\";
import type { Holds, Same } from \"../types/same.js\";
";

/// For each type of a case: that its validator infers it.
fn same_types(case: &str, made: &Texts) -> String {
    let mut text = String::new();
    for (path, types) in made {
        let Some(stem) = path.strip_prefix("typescript/").and_then(|path| path.strip_suffix(".types.ts"))
        else {
            continue;
        };
        let module = format!("{case}_{stem}").replace(|c: char| !c.is_alphanumeric(), "_");
        let folder = format!("../golden/{case}/expected/typescript/{stem}");
        let validators = &made[&format!("typescript/{stem}.zod.ts")];
        // The validator of a recursive type does not infer, it is declared to have that type.
        let infers = |name: &&str| validators.contains(&format!("export const {name}Schema = "));
        let names: Vec<&str> = types.lines().filter_map(declared).filter(infers).collect();
        if names.is_empty() {
            continue;
        }
        let _ = write!(
            text,
            "\nimport type * as {module}_types from \"{folder}.types.js\";\n\
             import type * as {module}_zod from \"{folder}.zod.js\";\n\
             export type {module} = [\n"
        );
        for name in names {
            let _ = writeln!(
                text,
                "  Holds<Same<z.infer<typeof {module}_zod.{name}Schema>, {module}_types.{name}>>,"
            );
        }
        text.push_str("];\n");
    }
    text
}

/// The name that a line of generated TypeScript declares.
fn declared(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("export interface ").or_else(|| line.strip_prefix("export type "))?;
    rest.split(' ').next()
}

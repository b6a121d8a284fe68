//! Compares every output of a definition with the expected one. Each case covers one feature of the format.
//!
//! TypeScript has expected files in the style `.ts`, with schemas for zod. The others have none, because they say the
//! same in other words: the channels' own validators, the schemas for zod/mini, and the style `.js` with declarations.
//!
//! Expected outputs also compile: the Rust in `golden-check/lib.rs`, the TypeScript with `tsc --project
//! tests/tsconfig.json`, after this test. It also checks that each zod schema infers the generated type, and that
//! declarations state the inferred types.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use fanfare_codegen::{Schemas, Style, TypeScript, Zod, generate_with};

use crate::cases::{Differences, Texts, cases, write};

/// The folders of the TypeScript that `tests/tsconfig.json` includes, in both styles.
const TYPE_CHECKED: [(&str, Style); 2] =
    [("../target/golden-typescript", Style::Ts), ("../target/golden-javascript", Style::Js)];

#[test]
fn every_output_is_as_expected() {
    let mut differences = Differences::default();
    let mut crate_root = String::from(RUST_HEAD);
    let mut registries = String::new();
    let mut type_tests = String::from(TYPESCRIPT_HEAD);
    for (folder, _) in TYPE_CHECKED {
        let _ = std::fs::remove_dir_all(folder);
    }
    for (name, folder) in cases("compiler/golden") {
        let [mut made, javascript] = TYPE_CHECKED.map(|(checked, style)| {
            let schemas = Schemas::new(folder.join("schemas")).allow_refs_to(folder.join("elsewhere"));
            let options = TypeScript { style, zod: vec![Zod::Zod, Zod::Mini], ..TypeScript::default() };
            let texts: Texts = match generate_with(schemas, &options) {
                Ok(files) => files.iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect(),
                Err(error) => {
                    differences.note(format!("{name} has errors:\n{error}"));
                    Texts::default()
                }
            };
            for (path, text) in texts.iter().filter(|(path, _)| path.starts_with("typescript/")) {
                write(&Path::new(checked).join(&name).join(path), text);
            }
            texts
        });
        compare_styles(&name, &made, &javascript, &mut differences);
        compare_validators(&name, &mut made, &mut differences);
        differences.folder(&folder.join("expected"), &made);
        crate_root.push_str(&module(&name, &made));
        if has_rust(&made) {
            let _ = writeln!(registries, "    ({name:?}, &{}::REGISTRY),", module_name(&name));
        }
        type_tests.push_str(&same_types(&name, &made));
    }
    let _ = write!(crate_root, "\n{REGISTRIES}{registries}];\n");
    differences.file(Path::new("compiler/golden-check/lib.rs"), &crate_root);
    differences.file(Path::new("compiler/golden-check/inferred.ts"), &type_tests);
    differences.fail_if_any();
}

/// Notes the files in the style `.js` whose values differ from those in the style `.ts`.
fn compare_styles(case: &str, typescript: &Texts, javascript: &Texts, differences: &mut Differences) {
    let values = typescript.iter().filter(|(path, _)| !path.ends_with(".types.ts"));
    for (path, text) in values {
        let Some(stem) = path.strip_suffix(".ts") else { continue };
        let expected = without_types(text);
        let has_values = expected.lines().any(|line| !line.starts_with("//"));
        match javascript.get(&format!("{stem}.js")) {
            Some(text) if without_types(text) == expected => {}
            None if !has_values => {}
            _ => differences.note(format!("{case}: {stem}.js differs from {stem}.ts in more than the types")),
        }
        if has_values && !javascript.contains_key(&format!("{stem}.d.ts")) {
            differences.note(format!("{case}: {stem}.d.ts is missing"));
        }
    }
}

/// The words that differ between the validators of channels or for zod/mini, and those for zod.
const ZOD_WORDS: [(&str, &str); 4] = [
    ("from \"fanfare/validators\";", "from \"fanfare/zod\";"),
    ("from \"fanfare/zod-mini\";", "from \"fanfare/zod\";"),
    (".validators.js\";", ".zod.js\";"),
    (".zod-mini.js\";", ".zod.js\";"),
];

/// Removes the validators of channels and for zod/mini, and notes those that differ from the ones for zod.
fn compare_validators(case: &str, made: &mut Texts, differences: &mut Differences) {
    let validators: Vec<String> = made.keys().filter(|path| path.ends_with(".zod.ts")).cloned().collect();
    for path in validators {
        let expected = without_types(&made[&path]);
        for kind in ["validators", "zod-mini"] {
            let path = path.replace(".zod.ts", &format!(".{kind}.ts"));
            let replace = |text: String, (word, zod): (&str, &str)| text.replace(word, zod);
            let text = made.remove(&path).unwrap_or_default();
            if ZOD_WORDS.into_iter().fold(without_types(&text), replace) != expected {
                differences.note(format!("{case}: {path} differs from the validators for zod"));
            }
        }
    }
}

/// Removes the syntax of TypeScript from generated code: docs, imports of types, and the types of constants.
fn without_types(text: &str) -> String {
    let mut kept = String::new();
    for line in text.lines() {
        let is_docs = ["/**", "*"].iter().any(|start| line.trim_start().starts_with(start));
        let is_type = ["import type ", "export type "].iter().any(|start| line.starts_with(start));
        if is_docs || is_type {
            continue;
        }
        let constant = line.strip_prefix("export const ").and_then(|rest| {
            let (name, value) = rest.split_once(" = ")?;
            Some((name.split_once(": ").map_or(name, |(name, _)| name), value))
        });
        let line = match constant {
            Some((name, value)) => format!("export const {name} = {value}"),
            None => line.replace(" satisfies f.Rules", ""),
        };
        let line = match line.split_once(" satisfies ") {
            Some((value, types)) if types.starts_with("z.core.$ZodType<") => format!("{value};"),
            _ => line,
        };
        kept.push_str(&line.replace(" satisfies f.Rules", ""));
        kept.push('\n');
    }
    kept
}

const RUST_HEAD: &str = "\
//! The Rust of every golden case. Generated by the golden test.
#![deny(warnings)]
#![allow(missing_docs, reason = \"docs come from the definitions' descriptions\")]

mod optional_properties_added;
";

const REGISTRIES: &str = "\
/// The channels of every case, with the case's name.
pub static REGISTRIES: &[(&str, &fanfare::Registry)] = &[
";

fn has_rust(made: &Texts) -> bool {
    made.contains_key("rust/channels.rs")
}

fn module_name(case: &str) -> String {
    format!("case_{}", case.replace('-', "_"))
}

/// Includes a case like an application includes its channels.
fn module(case: &str, made: &Texts) -> String {
    if !has_rust(made) {
        return String::new();
    }
    let name = module_name(case);
    format!(
        "\n/// `tests/compiler/golden/{case}`\npub mod {name} {{\n    include!(\"../golden/{case}/expected/rust/channels.rs\");\n}}\n"
    )
}

const TYPESCRIPT_HEAD: &str = "\
/** Checks the types of schemas and channels. Generated by the golden test; compiled, never run. */
import type * as z from \"zod\";
import type { Holds, Same } from \"../types/same.js\";
";

/// Checks for each type of a case that its zod schema infers it, and that declarations state the types of constants.
fn same_types(case: &str, made: &Texts) -> String {
    let mut text = String::new();
    let module = |stem: &str| format!("{case}_{stem}").replace(|c: char| !c.is_alphanumeric(), "_");
    let mut by_stem: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (path, code) in made {
        let Some(stem) = path.strip_prefix("typescript/").and_then(|path| path.strip_suffix(".ts")) else {
            continue;
        };
        let constants =
            code.lines().filter_map(|line| line.strip_prefix("export const ")?.split([' ', ':']).next());
        by_stem.insert(stem, constants.collect());
    }
    for (stem, constants) in by_stem.iter().filter(|(_, constants)| !constants.is_empty()) {
        let name = module(stem);
        let types =
            stem.strip_suffix(".zod").map(|stem| (stem, &made[&format!("typescript/{stem}.types.ts")]));
        let (ts, js) = (format!("{name}_ts"), format!("{name}_js"));
        let _ = write!(
            text,
            "\nimport type * as {ts} from \"../../../target/golden-typescript/{case}/typescript/{stem}.js\";\n\
             import type * as {js} from \"../../../target/golden-javascript/{case}/typescript/{stem}.js\";\n"
        );
        let infers = |constant: &&&str| {
            // The schema of a recursive type states that type, so nothing is inferred.
            made[&format!("typescript/{stem}.ts")].contains(&format!("export const {constant} = "))
        };
        let inferred: Vec<_> = constants.iter().filter(|_| types.is_some()).filter(infers).collect();
        if let (Some((stem, _)), false) = (types, inferred.is_empty()) {
            let _ = writeln!(
                text,
                "import type * as {name}_types from \"../../../target/golden-typescript/{case}/typescript/{stem}.types.js\";"
            );
        }
        let _ = writeln!(text, "export type {name} = [");
        for constant in constants {
            let _ = writeln!(text, "  Holds<Same<typeof {ts}.{constant}, typeof {js}.{constant}>>,");
            // The schema of a recursive type states that type, so nothing is inferred.
            let infers = format!("export const {constant} = ");
            let infers = made[&format!("typescript/{stem}.ts")].contains(&infers);
            if let (true, Some(_), Some(declared)) = (infers, types, constant.strip_suffix("Schema")) {
                let _ = writeln!(
                    text,
                    "  Holds<Same<z.infer<typeof {ts}.{constant}>, {name}_types.{declared}>>,"
                );
            }
        }
        text.push_str("];\n");
    }
    text
}

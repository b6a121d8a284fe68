//! Conversions from and to AsyncAPI. Each case of an import has a document, the definition, and what it does not contain.

use std::path::{Path, PathBuf};

use fanfare_codegen::{Converted, Schemas, export_asyncapi, generate, import_asyncapi};

use crate::cases::{Differences, Scratch, Texts, cases, files_below};

#[test]
fn documents_become_definitions() {
    let mut differences = Differences::default();
    let scratch = Scratch::new("asyncapi-import");
    for (name, folder) in cases("compiler/asyncapi") {
        let document = ["document.yaml", "document.json"].map(|file| folder.join(file));
        let document = document.into_iter().find(|path| path.is_file()).expect("a document");
        let converted = match import_asyncapi(&document, &[], name == "client") {
            Ok(converted) => converted,
            Err(error) => {
                differences.note(format!("{name} has errors:\n{error}"));
                continue;
            }
        };
        let left_out = lines(&converted);
        differences.file(&folder.join("expected.yaml"), &converted.text);
        differences.file(&folder.join("left-out.txt"), &left_out);
        scratch.file("imported.yaml", converted.text.as_bytes());
        if let Err(error) = generate(scratch.path()) {
            differences.note(format!("the definition of {name} has errors:\n{error}"));
        }
    }
    differences.fail_if_any();
}

#[test]
fn the_documented_import_is_exact() {
    let page = std::fs::read_to_string("../docs/asyncapi.md").expect("the page about AsyncAPI");
    let block = |start: &str| {
        let (_, rest) =
            page.split_once(start).unwrap_or_else(|| panic!("a block that starts with {start:?}"));
        rest.split("```").next().unwrap_or_default().to_owned()
    };
    let folder = Scratch::new("asyncapi-page");
    folder.file("asyncapi.yaml", block("```yaml\n").as_bytes());
    let converted = import_asyncapi(&folder.path().join("asyncapi.yaml"), &[], false);
    let converted = converted.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(converted.text, block("```yaml\n# schemas/builds.yaml\n"));
    let left_out = lines(&converted);
    let left_out = left_out.replace(&format!("{}/", folder.path().display()), "");
    assert_eq!(left_out, block("left out or changed:\n"));
}

#[test]
fn definitions_become_documents() {
    let mut differences = Differences::default();
    for (name, folder) in cases("compiler/golden") {
        match export_asyncapi(schemas_of(&folder), "Channels", "1.0.0") {
            Ok(converted) => differences.file(&folder.join("asyncapi.yaml"), &converted.text),
            Err(error) => differences.note(format!("{name} has errors:\n{error}")),
        }
    }
    differences.fail_if_any();
}

#[test]
fn an_exported_document_becomes_the_same_definition() {
    let mut errors = Vec::new();
    for (name, folder) in cases("compiler/golden") {
        let scratch = Scratch::new(&format!("asyncapi-{name}"));
        let document = export_asyncapi(schemas_of(&folder), "Channels", "1.0.0").expect("a document").text;
        let path = scratch.path().join("asyncapi.yaml");
        std::fs::write(&path, document).expect("a file that can be written");
        let imported = import_asyncapi(&path, &[], false).unwrap_or_else(|error| panic!("{name}: {error}"));
        std::fs::remove_file(&path).expect("a file that can be removed");
        let left_out: Vec<String> = imported.left_out.iter().map(ToString::to_string).collect();
        assert!(left_out.is_empty(), "{name}: {left_out:#?}");

        let definitions = files_below(&folder.join("schemas"));
        let stem = definitions[0].split('.').next().unwrap_or_default();
        let schemas = scratch.path().join("schemas");
        std::fs::create_dir(&schemas).expect("a folder that can be made");
        std::fs::write(schemas.join(format!("{stem}.yaml")), &imported.text)
            .expect("a file that can be written");
        let (before, after) = (outputs(schemas_of(&folder)), outputs(Schemas::new(&schemas)));
        if definitions.len() == 1 {
            errors.extend(differing(&name, &before, &after, |_| true));
            continue;
        }
        // One document has no files: types move to another module, and keep their names and meanings.
        errors.extend(differing(&name, &before, &after, |path| path.starts_with("json-schema/")));
        if fingerprints(&before) != fingerprints(&after) {
            errors.push(format!("{name}: other fingerprints"));
        }
    }
    assert!(errors.is_empty(), "\n{}\n", errors.join("\n"));
}

#[test]
fn keywords_that_other_tools_do_not_check_are_reported() {
    let converted = export_asyncapi("compiler/golden/rules/schemas", "Rules", "1.0.0").expect("a document");
    let left_out: Vec<String> = converted.left_out.iter().map(ToString::to_string).collect();
    let expected = "compiler/golden/rules/schemas/rules.yaml:52: /channels/shop/topics/shape/payload/unevaluatedProperties: \
                    AsyncAPI has no `unevaluatedProperties`, so other tools do not check it";
    assert!(left_out.iter().any(|line| line == expected), "{left_out:#?}");
}

#[test]
fn a_file_that_is_not_asyncapi_is_an_error() {
    let folder = Scratch::new("asyncapi-errors");
    folder.file("document.yaml", b"openapi: 3.1.0\n");
    let text = refusal(&folder.path().join("document.yaml"));
    assert!(text.contains("[E0025]: not an AsyncAPI document of version 2 or 3"), "{text}");
    folder.file("document.yaml", b"asyncapi: 1.2.0\n");
    let text = refusal(&folder.path().join("document.yaml"));
    assert!(text.contains("document.yaml:1:11"), "{text}");
    folder.file("document.yaml", b"asyncapi: 3.0.0\nchannels: {\n");
    assert!(refusal(&folder.path().join("document.yaml")).contains("[E0001]"));
    assert!(refusal(&folder.path().join("missing.yaml")).contains("[E0023]"));
}

#[test]
fn a_document_without_messages_of_the_server_is_an_error() {
    let folder = Scratch::new("asyncapi-no-channels");
    let document = "asyncapi: 2.6.0\ninfo: { title: a, version: 1.0.0 }\nchannels:\n  a: { publish: { message: { payload: {} } } }\n";
    folder.file("document.yaml", document.as_bytes());
    let path = folder.path().join("document.yaml");
    let text = refusal(&path);
    assert!(text.contains("[E0025]: no channel can be imported"), "{text}");
    assert!(text.contains("add `--client`"), "{text}");
    assert!(import_asyncapi(&path, &[], true).is_ok());
}

#[test]
fn references_read_allowed_folders_only() {
    let document = Path::new("compiler/asyncapi/several-files/document.yaml");
    let converted = import_asyncapi(document, &[PathBuf::from("compiler/asyncapi/rooms")], false);
    let text = converted.unwrap_or_else(|error| panic!("{error}")).text;
    assert!(text.contains("rooms/{roomId}/{resource}"), "{text}");
}

/// Prints what a conversion leaves out, one part per line.
fn lines(converted: &Converted) -> String {
    let lines: Vec<String> = converted.left_out.iter().map(ToString::to_string).collect();
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

fn schemas_of(folder: &Path) -> Schemas {
    Schemas::new(folder.join("schemas")).allow_refs_to(folder.join("elsewhere"))
}

/// Returns all outputs, without the lines that name the definition's file.
fn outputs(schemas: Schemas) -> Texts {
    let files = generate(schemas).unwrap_or_else(|error| panic!("{error}"));
    let is_mark = |line: &&str| line.contains("@generated by fanfare from");
    let text = |text: &str| text.lines().filter(|line| !is_mark(line)).collect::<Vec<_>>().join("\n");
    files.iter().map(|(path, content)| (path.to_owned(), text(content))).collect()
}

fn differing(name: &str, before: &Texts, after: &Texts, is_compared: fn(&str) -> bool) -> Vec<String> {
    let paths = before.keys().chain(after.keys()).filter(|path| is_compared(path));
    let mut paths: Vec<&String> = paths.filter(|path| before.get(*path) != after.get(*path)).collect();
    paths.dedup();
    paths.into_iter().map(|path| format!("{name}: {path} differs")).collect()
}

fn fingerprints(outputs: &Texts) -> Vec<&str> {
    let rust = outputs.iter().filter(|(path, _)| path.starts_with("rust/"));
    let lines = rust.flat_map(|(_, text)| text.lines());
    let mut found: Vec<&str> = lines.filter(|line| line.contains("fingerprint:")).collect();
    found.sort_unstable();
    found
}

fn refusal(document: &Path) -> String {
    match import_asyncapi(document, &[], false) {
        Ok(_) => panic!("{} was accepted", document.display()),
        Err(error) => error.to_string(),
    }
}

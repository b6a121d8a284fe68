//! A file imports only from lower floors. The tables define the floors; the rest of this file reads imports.

use std::path::Path;

use crate::cases::files_below;

/// Lowest first. A name stands for the file and for the folder of that name.
type Floors = &'static [&'static [&'static str]];

const CODEGEN: Floors = &[
    &["diagnostics", "names", "output", "schemas"],
    &["definition", "model"],
    &["check"],
    &["emit", "reference"],
    &["lib"],
    &["main"],
];

/// Only `check` sees both what the user wrote and what it means, so no emitter can reach back to YAML.
const NEVER_IN_CODEGEN: &[(&str, &str)] = &[
    ("emit", "definition"),
    ("emit", "check"),
    ("emit", "diagnostics"),
    ("definition", "output"),
    ("check", "output"),
];

const RUNTIME_RUST: Floors = &[
    &["simulation"],
    &["clock", "formats", "metrics", "offload", "random", "wire"],
    &["schema"],
    &["channel", "payload"],
    &["history", "token"],
    &["storage"],
    &["hub"],
    &["publish"],
    &["signal", "stream"],
    &["routes", "runs"],
    &["serve"],
    &["lib"],
];

/// Here a name is a path: the longest one that leads to a file is the file's.
const RUNTIME_TYPESCRIPT: Floors = &[
    &["util", "validate/schema", "wire"],
    &["validate/rules", "validate/standard-schema"],
    &["errors", "validate/zod"],
    &["channel", "http"],
    &["connection/backoff", "connection/environment", "connection/heartbeat", "connection/transport"],
    &["connection/connection", "connection/options", "connection/token"],
    &["connection/shared-connection"],
    &["runs"],
    &[
        "subscription/delivery",
        "subscription/options",
        "subscription/resume-state",
        "subscription/subscribe-error",
    ],
    &["subscription/channel-subscription", "subscription/text-streams"],
    &["subscription/channel-feed"],
    &["subscription/live-subscription", "subscription/store"],
    &["subscription/subscribe", "subscription/use-realtime"],
    &["index", "react", "server"],
];

/// The client needs no zod, and a page that only validates loads no client.
const NEVER_IMPORTED_IN_TYPESCRIPT: &str = "validate/zod";

#[test]
fn the_compiler_keeps_to_its_floors() {
    let mut breaches = breaches("../codegen/src", "rs", CODEGEN, rust_imports);
    for (from, to) in NEVER_IN_CODEGEN {
        for (path, imported) in all_imports("../codegen/src", "rs", rust_imports) {
            if place(&path) == *from && imported == *to {
                breaches.push(format!("{path} imports `{to}`, which {from} never does"));
            }
        }
    }
    assert_none(&breaches);
}

#[test]
fn the_server_library_keeps_to_its_floors() {
    assert_none(&breaches("../runtime/rust/src", "rs", RUNTIME_RUST, rust_imports));
}

#[test]
fn the_client_library_keeps_to_its_floors() {
    let mut breaches = breaches("../runtime/typescript/src", "ts", RUNTIME_TYPESCRIPT, typescript_imports);
    for (path, imported) in all_imports("../runtime/typescript/src", "ts", typescript_imports) {
        let room = NEVER_IMPORTED_IN_TYPESCRIPT;
        if is_below(&imported, room) && !is_below(&path, room) {
            breaches.push(format!("{path} imports `{imported}`, but only `{room}` may import from `{room}`"));
        }
    }
    assert_none(&breaches);
}

#[test]
fn compiler_and_runtime_do_not_depend_on_each_other() {
    let apart = [
        ("../pattern/Cargo.toml", ["fanfare", "fanfare-codegen", "channels"]),
        ("../codegen/Cargo.toml", ["fanfare", "channels", "fanfare-tests"]),
        ("../runtime/rust/Cargo.toml", ["fanfare-codegen", "channels", "fanfare-tests"]),
        ("../generated/rust/Cargo.toml", ["fanfare-codegen", "channels", "fanfare-tests"]),
    ];
    for (manifest, others) in apart {
        let text = std::fs::read_to_string(manifest).unwrap_or_else(|error| panic!("{manifest}: {error}"));
        let names = text.lines().filter_map(|line| line.split(['.', '=', ' ']).next());
        for name in names {
            assert!(!others.contains(&name), "{manifest} depends on `{name}`");
        }
    }
}

/// Returns imports from the same floor or a higher one, and files without a floor.
fn breaches(folder: &str, extension: &str, floors: Floors, imports: ReadImports) -> Vec<String> {
    let mut breaches = Vec::new();
    for path in sources(folder, extension) {
        if floor_of(&path, floors).is_none() {
            breaches.push(format!("{folder}/{path} has no floor: add it to the table in floors.rs"));
        }
    }
    for (path, imported) in all_imports(folder, extension, imports) {
        let (from, to) = (floor_of(&path, floors), floor_of(&imported, floors));
        if let (Some((from, from_floor)), Some((to, to_floor))) = (from, to)
            && from != to
            && to_floor >= from_floor
        {
            breaches.push(format!("{folder}/{path} imports `{imported}`, which is not below `{from}`"));
        }
    }
    breaches
}

/// Returns the longest name in the table that leads to a file or module, and its floor.
fn floor_of(path: &str, floors: Floors) -> Option<(&'static str, usize)> {
    let names =
        floors.iter().enumerate().flat_map(|(floor, names)| names.iter().map(move |name| (*name, floor)));
    names.filter(|(name, _)| is_below(path, name)).max_by_key(|(name, _)| name.len())
}

/// Returns `true` if a path is that of the file or folder of this name, or of a file in the folder.
fn is_below(path: &str, name: &str) -> bool {
    path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
}

fn assert_none(breaches: &[String]) {
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

/// The file or folder of the top level that a path belongs to.
fn place(path: &str) -> &str {
    let first = path.split('/').next().unwrap_or(path);
    first.split('.').next().unwrap_or(first)
}

fn sources(folder: &str, extension: &str) -> Vec<String> {
    let suffix = format!(".{extension}");
    let found: Vec<String> =
        files_below(Path::new(folder)).into_iter().filter(|path| path.ends_with(&suffix)).collect();
    assert!(!found.is_empty(), "there is no .{extension} file in {folder}");
    found
}

/// Reads what a file imports: from its path and its text.
type ReadImports = fn(&str, &str) -> Vec<String>;

fn all_imports(folder: &str, extension: &str, imports: ReadImports) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in sources(folder, extension) {
        let text = std::fs::read_to_string(Path::new(folder).join(&path)).expect("a readable file");
        let text: String = text.lines().filter(|line| !is_comment(line)).collect::<Vec<_>>().join("\n");
        found.extend(imports(&path, &text).into_iter().map(|imported| (path.clone(), imported)));
    }
    found
}

fn is_comment(line: &str) -> bool {
    ["//", "*", "/*"].iter().any(|mark| line.trim_start().starts_with(mark))
}

/// What follows `crate::`, and what follows as many `super::` as lead to the crate's root.
fn rust_imports(path: &str, text: &str) -> Vec<String> {
    let module: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
    let mut found: Vec<String> = text.split("crate::").skip(1).flat_map(names).collect();
    for (at, _) in text.match_indices("super::").filter(|(at, _)| !text[..*at].ends_with("super::")) {
        let mut rest = &text[at..];
        let mut depth = module.len();
        while let Some(next) = rest.strip_prefix("super::") {
            rest = next;
            depth = depth.saturating_sub(1);
        }
        if depth == 0 {
            found.extend(names(rest));
        }
    }
    found
}

/// The first name of a path, or of each path in braces.
fn names(rest: &str) -> Vec<String> {
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let mut depth = 0;
    let mut paths = vec![String::new()];
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => paths.push(String::new()),
            _ => {}
        }
        if let Some(path) = paths.last_mut() {
            path.push(c);
        }
    }
    paths.iter().map(|path| name(path.trim_start_matches([',', ' ', '\n']))).collect()
}

/// Returns the paths of relative imports, without their extension.
fn typescript_imports(path: &str, text: &str) -> Vec<String> {
    let specifiers = text
        .split("from \"")
        .skip(1)
        .chain(text.split("import(\"").skip(1))
        .chain(text.split("import \"").skip(1));
    specifiers
        .filter_map(|rest| rest.split('"').next())
        .filter(|specifier| specifier.starts_with('.'))
        .map(|specifier| resolve(path, specifier.trim_end_matches(".js")))
        .collect()
}

/// Resolves a relative specifier in a file.
fn resolve(path: &str, specifier: &str) -> String {
    let mut steps: Vec<&str> = path.split('/').collect();
    steps.pop();
    for step in specifier.split('/') {
        match step {
            "." => {}
            ".." => drop(steps.pop()),
            _ => steps.push(step),
        }
    }
    steps.join("/")
}

#[test]
fn imports_are_read_in_every_spelling() {
    let text = "use crate::a::B;\nuse super::super::{b, c::{D, E}, f};\nuse super::near;\ncrate::g::call();\nuse crate::{h, i::J};";
    assert_eq!(rust_imports("x/y.rs", text), ["a", "g", "h", "i", "b", "c", "f"]);
    assert_eq!(rust_imports("x.rs", "super::y::call();"), ["y"]);
    let text = "import { a } from \"./a.js\";\nexport * from \"./zod/b.js\";\nimport x from \"react\";\nawait import(\"./c.js\");";
    assert_eq!(typescript_imports("x.ts", text), ["a", "zod/b", "c"]);
    assert_eq!(typescript_imports("zod/x.ts", "from \"./a.js\" from \"../wire.js\""), ["zod/a", "wire"]);
}

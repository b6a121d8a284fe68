//! Which files may import which. A file imports only from layers below its own; inside a folder, imports go in one
//! direction. `docs/architecture.md` shows these tables.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use crate::cases::{Differences, files_below};
use crate::imports;

/// One library of the project.
struct Part {
    name: &'static str,
    folder: &'static str,
    extension: &'static str,
    read_imports: fn(&[String], &str) -> BTreeSet<Module>,
    /// Lowest first. A name means the file and the folder of that name. A part without layers is checked like a folder.
    layers: &'static [&'static [&'static str]],
    /// Imports that are forbidden although the layers allow them. An empty name means every module.
    forbidden: &'static [(&'static str, &'static str)],
    /// Files of one folder that import each other in a circle.
    recursions: &'static [Recursion],
}

struct Recursion {
    folder: &'static str,
    files: &'static [&'static str],
    reason: &'static str,
}

const COMPILER: Part = Part {
    name: "codegen",
    folder: "../codegen/src",
    extension: "rs",
    read_imports: imports::of_rust,
    layers: &[
        &["annotations"],
        &["breaking", "diagnostics", "files", "names", "schemas", "task"],
        &["definition", "model", "outputs", "stale"],
        &["lower"],
        &["infer"],
        &["name"],
        &["verify"],
        &["compiled"],
        &["asyncapi", "emit", "reference", "versions"],
        &["tables"],
        &["compare", "explain"],
        &["configuration", "error"],
        &["generator"],
        &["lib"],
    ],
    // Only `lower` sees keywords of YAML files, so nothing after it depends on drafts and spellings.
    forbidden: &[
        ("infer", "definition"),
        ("name", "definition"),
        ("emit", "definition"),
        ("emit", "lower"),
        ("emit", "infer"),
        ("emit", "name"),
        ("emit", "verify"),
        ("emit", "diagnostics"),
        ("asyncapi", "infer"),
        ("asyncapi", "name"),
        ("asyncapi", "emit"),
        ("definition", "files"),
        ("lower", "files"),
    ],
    recursions: &[],
};

const SCHEMA: Part = Part {
    name: "schema",
    folder: "../runtime/schema/src",
    extension: "rs",
    read_imports: imports::of_rust,
    layers: &[],
    forbidden: &[],
    recursions: &[Recursion {
        folder: "",
        files: &[
            "alternatives",
            "check",
            "display",
            "equality",
            "evaluate",
            "issue",
            "key_serializer",
            "literals",
            "memo",
            "names",
            "nearest",
            "path",
            "report",
            "scalar",
            "visit",
        ],
        reason: "schemas contain schemas, and values contain values",
    }],
};

const SERVER: Part = Part {
    name: "runtime, Rust",
    folder: "../runtime/rust/src",
    extension: "rs",
    read_imports: imports::of_rust,
    layers: &[
        &["simulation"],
        &["clock", "metrics", "offload", "random", "tls", "wire"],
        &["channel", "payload"],
        &["history", "token"],
        &["storage"],
        &["hub"],
        &["publish"],
        &["signal", "stream", "subscribe"],
        &["client", "runs"],
        &["admin"],
        &["routes"],
        &["serve", "studio", "testing"],
        &["lib"],
    ],
    forbidden: &[],
    recursions: &[Recursion {
        folder: "storage/sqlite",
        files: &["batch", "recovery", "simulated_writer", "statements", "writer"],
        reason: "the writer executes the statements of runs in its batches, and batches use what the simulation does to the writer",
    }],
};

const CLIENT: Part = Part {
    name: "runtime, TypeScript",
    folder: "../runtime/typescript/src",
    extension: "ts",
    read_imports: imports::of_typescript,
    layers: &[
        &["util", "validate/schema", "wire"],
        &["validate/rules", "validate/standard-schema"],
        &["validate/kind"],
        &["validate/identify"],
        &["validate/kinds"],
        &["validate/create"],
        &["errors", "validate/plain", "validate/zod"],
        &["channel", "http"],
        &["connection"],
        &["runs"],
        &["subscription"],
        &[
            "ai",
            "index",
            "overlay",
            "overlay-off",
            "react",
            "server",
            "solid",
            "svelte",
            "testing",
            "vite",
            "vue",
        ],
    ],
    // A page that only validates loads no client, and the client needs no zod.
    forbidden: &[("", "validate/zod"), ("validate/plain", "validate/zod")],
    recursions: &[
        Recursion {
            folder: "validate/rules",
            files: &["applicators", "arrays", "memoize", "objects", "validator"],
            reason: "schemas contain schemas",
        },
        Recursion {
            folder: "validate/schema",
            files: &["equal", "memory", "report"],
            reason: "a report remembers values, and describes them",
        },
    ],
};

#[test]
fn the_compiler_keeps_to_its_layers() {
    COMPILER.check();
}

#[test]
fn the_interpreter_of_schemas_has_no_other_circle() {
    SCHEMA.check();
}

#[test]
fn the_server_library_keeps_to_its_layers() {
    SERVER.check();
}

#[test]
fn the_client_library_keeps_to_its_layers() {
    CLIENT.check();
}

#[test]
fn the_architecture_shows_the_layers() {
    let mut section = String::from("| part | layers, lowest first |\n|---|---|\n");
    for part in [COMPILER, SERVER, CLIENT] {
        let layers: Vec<String> = part.layers.iter().map(|layer| format!("`{}`", layer.join(", "))).collect();
        let _ = writeln!(section, "| {} | {} |", part.name, layers.join(" → "));
    }
    section.push_str(
        "\nFiles that import each other in a circle:\n\n| folder | files | reason |\n|---|---|---|\n",
    );
    for part in [COMPILER, SCHEMA, SERVER, CLIENT] {
        for Recursion { folder, files, reason } in part.recursions {
            let folder = format!("{}/{folder}", part.folder.trim_start_matches("../"));
            let _ = writeln!(
                section,
                "| `{}` | `{}` | {reason} |",
                folder.trim_end_matches('/'),
                files.join(", ")
            );
        }
    }
    let mut differences = Differences::default();
    differences.section(Path::new("../docs/architecture.md"), "layers", &section);
    differences.fail_if_any();
}

#[test]
fn compiler_and_runtime_do_not_depend_on_each_other() {
    let apart = [
        ("../pattern/Cargo.toml", ["fanfare", "fanfare-codegen", "channels"]),
        ("../runtime/schema/Cargo.toml", ["fanfare", "fanfare-codegen", "channels"]),
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

/// A module by the names that lead to it: `hub/reader.rs` is `hub`, `reader`.
type Module = Vec<String>;

impl Part {
    fn check(&self) {
        let imports = self.imports();
        let mut errors = self.errors_of_layers(&imports);
        errors.extend(self.errors_in_folders(&imports));
        assert!(errors.is_empty(), "\n{}\n", errors.join("\n"));
    }

    /// Returns each file of the part with the modules that it imports.
    fn imports(&self) -> BTreeMap<Module, BTreeSet<Module>> {
        let paths = files_below(Path::new(self.folder)).into_iter();
        let found: BTreeMap<Module, BTreeSet<Module>> = paths
            .filter(|path| path.rsplit('.').next() == Some(self.extension))
            .map(|path| {
                let text =
                    std::fs::read_to_string(Path::new(self.folder).join(&path)).expect("a readable file");
                let module = imports::module(&path);
                let imported = (self.read_imports)(&module, &text);
                (module, imported)
            })
            .collect();
        assert!(!found.is_empty(), "no source file in {}", self.folder);
        found
    }

    /// Returns the layer of a module, and the name by which the layer has it.
    fn layer(&self, module: &[String]) -> Option<(usize, &'static str)> {
        let path = module.join("/");
        let has = |name: &&str| {
            path.strip_prefix(*name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let find = |layer: &'static [&'static str]| layer.iter().find(|name| has(name)).copied();
        self.layers.iter().enumerate().find_map(|(index, layer)| Some((index, find(layer)?)))
    }

    fn errors_of_layers(&self, imports: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<String> {
        let mut errors = Vec::new();
        for (module, imported) in imports.iter().filter(|_| !self.layers.is_empty()) {
            let file = module.join("/");
            let Some((layer, importer)) = self.layer(module) else {
                errors
                    .push(format!("{}/{file} has no layer: add it to tests/compiler/layers.rs", self.folder));
                continue;
            };
            for (other_layer, other) in imported.iter().filter_map(|module| self.layer(module)) {
                if other == importer {
                    continue;
                }
                if other_layer >= layer {
                    errors.push(format!("{file} imports `{other}`, which is not below `{importer}`"));
                }
                if self.forbidden.contains(&(importer, other)) || self.forbidden.contains(&("", other)) {
                    errors.push(format!("{file} imports `{other}`, which `{importer}` must not"));
                }
            }
        }
        errors
    }

    /// Finds circles among the files and folders of each folder.
    fn errors_in_folders(&self, imports: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<String> {
        let mut errors = Vec::new();
        let mut used = BTreeSet::new();
        for (folder, graph) in
            graphs(imports).iter().filter(|(folder, _)| !folder.is_empty() || self.layers.is_empty())
        {
            for circle in circles(graph) {
                let folder = folder.join("/");
                let known = self.recursions.iter().position(|recursion| {
                    recursion.folder == folder && circle.iter().all(|file| recursion.files.contains(file))
                });
                match known {
                    Some(known) => drop(used.insert(known)),
                    None => {
                        errors.push(format!("{folder}: {} import each other in a circle", circle.join(", ")))
                    }
                }
            }
        }
        for (index, recursion) in self.recursions.iter().enumerate() {
            if !used.contains(&index) {
                errors.push(format!(
                    "{}: {} no longer import each other in a circle",
                    recursion.folder,
                    recursion.files.join(", ")
                ));
            }
        }
        errors
    }
}

/// Imports between the entries of one folder, by name.
type Graph<'i> = BTreeMap<&'i str, BTreeSet<&'i str>>;

fn graphs(imports: &BTreeMap<Module, BTreeSet<Module>>) -> BTreeMap<&[String], Graph<'_>> {
    let mut graphs = BTreeMap::<&[String], Graph<'_>>::new();
    for module in imports.keys() {
        for depth in 0..module.len() {
            graphs.entry(&module[..depth]).or_default().entry(&module[depth]).or_default();
        }
    }
    for (module, imported) in imports {
        for other in imported {
            let shared = module.iter().zip(other).take_while(|(one, other)| one == other).count();
            let (Some(from), Some(to)) = (module.get(shared), other.get(shared)) else { continue };
            let graph = graphs.entry(&module[..shared]).or_default();
            // A name that is not a module is an item of the parent.
            if graph.contains_key(to.as_str()) {
                graph.entry(from).or_default().insert(to);
            }
        }
    }
    graphs
}

/// Returns the groups of entries that reach each other.
fn circles<'i>(graph: &Graph<'i>) -> Vec<Vec<&'i str>> {
    let reached = |from: &'i str| {
        let mut reached = BTreeSet::new();
        let mut next = vec![from];
        while let Some(name) = next.pop() {
            next.extend(graph[name].iter().filter(|name| reached.insert(**name)));
        }
        reached
    };
    let all: BTreeMap<&str, BTreeSet<&str>> = graph.keys().map(|name| (*name, reached(name))).collect();
    let mut circles = BTreeSet::new();
    for (name, others) in &all {
        let circle: Vec<&str> = others.iter().filter(|other| all[**other].contains(name)).copied().collect();
        if !circle.is_empty() {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

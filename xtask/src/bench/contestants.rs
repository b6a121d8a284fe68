//! The programs that are measured, each as a whole process.

use crate::failure::{Failure, Result};
use crate::paths::{built, in_root, target};
use crate::process::{cargo, command, npm, read, run, run_quietly};
use crate::step::step;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the peers and their versions.
const PEERS: &str = "benches/codegen";

/// Where all that the bench makes lies.
pub(crate) struct Folders {
    pub(crate) root: PathBuf,
}

impl Folders {
    pub(crate) fn new() -> Self {
        Self { root: target().join("bench/codegen") }
    }

    /// The definitions, for Fanfare.
    pub(crate) fn schemas(&self) -> PathBuf {
        self.root.join("schemas")
    }

    /// The same types as one document, for the peers.
    pub(crate) fn document(&self) -> PathBuf {
        self.root.join("types.json")
    }

    pub(crate) fn output(&self, contestant: &Contestant) -> PathBuf {
        self.root.join("output").join(contestant.slug)
    }
}

/// A program that compiles the types.
pub(crate) struct Contestant {
    pub(crate) title: &'static str,
    /// The name of its output folder.
    pub(crate) slug: &'static str,
    program: Program,
}

enum Program {
    Fanfare,
    Typify,
    /// A script in the folder of the peers, and what it takes after input and output.
    Script(&'static str, &'static str),
}

pub(crate) const FANFARE: Contestant = Contestant {
    title: "fanfare generate (Rust, TypeScript, zod, JSON Schema)",
    slug: "fanfare",
    program: Program::Fanfare,
};
pub(crate) const TYPIFY: Contestant =
    Contestant { title: "typify, prettyplease (Rust)", slug: "typify", program: Program::Typify };

/// Everyone who takes part; Fanfare first.
pub(crate) const ALL: [Contestant; 7] = [
    FANFARE,
    TYPIFY,
    script("json-schema-to-zod (zod)", "json-schema-to-zod", "json-schema-to-zod.mjs", ""),
    script("quicktype (zod)", "quicktype-zod", "quicktype.mjs", "typescript-zod"),
    script("quicktype (TypeScript)", "quicktype-typescript", "quicktype.mjs", "typescript"),
    script("quicktype (Rust)", "quicktype-rust", "quicktype.mjs", "rust"),
    script(
        "json-schema-to-typescript (TypeScript)",
        "json-schema-to-typescript",
        "json-schema-to-typescript.mjs",
        "",
    ),
];

const fn script(
    title: &'static str,
    slug: &'static str,
    file: &'static str,
    language: &'static str,
) -> Contestant {
    Contestant { title, slug, program: Program::Script(file, language) }
}

impl Contestant {
    /// The command that compiles all types into the contestant's own, empty folder.
    pub(crate) fn command(&self, folders: &Folders) -> Result<Command> {
        let output = folders.output(self);
        if output.exists() {
            fs::remove_dir_all(&output).map_err(|error| Failure::at(&output, &error))?;
        }
        fs::create_dir_all(&output).map_err(|error| Failure::at(&output, &error))?;
        let document = folders.document();
        Ok(match self.program {
            Program::Fanfare => {
                let mut command = command(built("release", "fanfare"), &["generate", "--schemas"]);
                command.arg(folders.schemas()).arg("--out").arg(output);
                command
            }
            Program::Typify => {
                let mut command = command(typify_target().join("release/bench-typify"), &[document]);
                command.arg(output.join("types.rs"));
                command
            }
            Program::Script(file, language) => {
                let mut command = command("node", &[in_root(PEERS).join(file), document]);
                command.arg(output.join("types.out")).arg(language);
                command
            }
        })
    }
}

/// Builds and installs everyone.
pub(crate) fn prepare() -> Result {
    step("Building fanfare, optimised", || {
        run(&mut cargo(&["build", "--quiet", "--release", "--package", "fanfare-codegen"]))
    })?;
    step("Building typify, optimised", || {
        let manifest = in_root(PEERS).join("typify/Cargo.toml");
        let mut build = cargo(&["build", "--quiet", "--release", "--locked", "--manifest-path"]);
        run(build.arg(manifest).arg("--target-dir").arg(typify_target()))
    })?;
    step("Installing the peers on npm", || {
        run_quietly(npm(&["ci", "--no-audit", "--no-fund"]).current_dir(in_root(PEERS)))
    })
}

/// The peers' versions, as they are locked.
pub(crate) fn versions() -> Result<String> {
    let tree = read(npm(&["ls", "--depth", "0", "--parseable", "--long"]).current_dir(in_root(PEERS)))?;
    let packages = tree.lines().skip(1).filter_map(|line| line.rsplit(':').next()).map(str::to_owned);
    let lock_file = in_root(PEERS).join("typify/Cargo.lock");
    let lock = fs::read_to_string(&lock_file).map_err(|error| Failure::at(&lock_file, &error))?;
    let typify = lock.split("name = \"typify\"\nversion = \"").nth(1).and_then(|rest| rest.split('"').next());
    let typify = format!("typify@{}", typify.unwrap_or("unknown"));
    Ok(std::iter::once(typify).chain(packages).collect::<Vec<_>>().join(", "))
}

/// typify is built apart, so that nobody compiles it who does not measure.
fn typify_target() -> PathBuf {
    target().join("bench/typify")
}

/// How many lines and bytes the files of a folder have together.
pub(crate) fn size(folder: &Path) -> (usize, usize) {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(std::result::Result::ok);
    entries
        .map(|entry| match entry.path() {
            path if path.is_dir() => size(&path),
            path => fs::read(path).map_or((0, 0), |bytes| {
                (bytes.split(|byte| *byte == b'\n').count().saturating_sub(1), bytes.len())
            }),
        })
        .fold((0, 0), |(lines, bytes), (more_lines, more_bytes)| (lines + more_lines, bytes + more_bytes))
}

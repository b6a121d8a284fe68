//! The programs that are compared, each measured as a whole process.

use super::workspace;
use crate::failure::Result;
use crate::paths::{create_empty_folder, program, target};
use crate::process::{build_optimised, command, run};
use crate::step::step;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folders that the benchmark writes.
pub(crate) struct Folders {
    pub(crate) root: PathBuf,
}

impl Folders {
    pub(crate) fn new() -> Self {
        Self { root: target().join("bench/codegen") }
    }

    /// Returns the folder of the definitions, for Fanfare.
    pub(crate) fn schemas(&self) -> PathBuf {
        self.root.join("schemas")
    }

    /// Returns the path of the same types in one document, for the peers.
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
    /// A script in `benches/codegen`, and its argument after input and output.
    Script(&'static str, &'static str),
}

pub(crate) const FANFARE: Contestant = Contestant {
    title: "fanfare generate (Rust, TypeScript, zod, JSON Schema)",
    slug: "fanfare",
    program: Program::Fanfare,
};
pub(crate) const TYPIFY: Contestant =
    Contestant { title: "typify, prettyplease (Rust)", slug: "typify", program: Program::Typify };

/// All contestants. Fanfare is first, because the ratios are relative to it.
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
    /// Returns the command that compiles all types into the contestant's own folder, which is emptied.
    pub(crate) fn command(&self, folders: &Folders) -> Result<Command> {
        let output = folders.output(self);
        create_empty_folder(&output)?;
        let document = folders.document();
        Ok(match self.program {
            Program::Fanfare => {
                let mut command = command(program("release", "fanfare"), &["generate", "--schemas"]);
                command.arg(folders.schemas()).arg("--out").arg(output);
                command
            }
            Program::Typify => {
                let mut command = command(workspace::program("bench-typify"), &[document]);
                command.arg(output.join("types.rs"));
                command
            }
            Program::Script(file, language) => {
                let mut command = command("node", &[workspace::source("codegen").join(file), document]);
                command.arg(output.join("types.out")).arg(language);
                command
            }
        })
    }
}

/// Builds and installs all contestants.
pub(crate) fn prepare() -> Result {
    step("Building fanfare, optimised", || run(&mut build_optimised("fanfare-cli")))?;
    step("Building typify, optimised", || workspace::build("bench-typify"))?;
    workspace::install_packages()
}

/// Returns the locked versions of the peers.
pub(crate) fn read_versions() -> Result<String> {
    let mut versions = workspace::read_crate_versions(&["typify"])?;
    let packages = ["json-schema-to-typescript", "json-schema-to-zod", "quicktype-core"];
    versions.extend(workspace::read_npm_versions(&packages)?);
    Ok(versions.join(", "))
}

/// Returns the total lines of the files in a folder.
pub(crate) fn count_lines(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(std::result::Result::ok);
    let count = |entry: fs::DirEntry| match entry.path() {
        path if path.is_dir() => count_lines(&path),
        path => fs::read_to_string(path).map_or(0, |text| text.lines().count()),
    };
    entries.map(count).sum()
}

//! The command `fanfare`.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use fanfare_codegen::{Change, Error, Schemas, format_schema, generate, lint};

/// Most of the time goes into many small pieces of syntax, and this allocator is made for those.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Typed realtime channels from one definition.
#[derive(Parser)]
#[command(name = "fanfare", version, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Generate Rust, TypeScript, zod and JSON Schema from the definitions
    ///
    /// Files that did not change are left untouched, and generated files that no definition asks for any more are
    /// removed.
    #[command(
        after_help = "Examples:\n  fanfare generate\n  fanfare generate --check    # in CI: fails when an output is stale"
    )]
    Generate {
        #[command(flatten)]
        definitions: Definitions,
        /// The folder for the outputs
        #[arg(long, value_name = "FOLDER", default_value = "generated")]
        out: PathBuf,
        /// Write nothing; show what would change, and exit with 1 if anything would
        #[arg(long)]
        check: bool,
    },
    /// Look for what is allowed and probably not meant
    ///
    /// Formats that nobody checks, keywords that bind nothing, schemas that become any JSON value. Exits with 1 where
    /// there is something.
    #[command(after_help = "Example:\n  fanfare lint")]
    Lint {
        #[command(flatten)]
        definitions: Definitions,
    },
    /// Print the JSON Schema of the definition format, for editors
    #[command(after_help = "Example:\n  fanfare schema > schemas/channels.schema.json")]
    Schema,
}

#[derive(clap::Args)]
struct Definitions {
    /// The folder with the definitions
    #[arg(long = "schemas", value_name = "FOLDER", default_value = "schemas")]
    folder: PathBuf,
    /// Another folder that `$ref`s may read from; may be given several times
    #[arg(long = "allow-refs-to", value_name = "FOLDER")]
    referable: Vec<PathBuf>,
}

impl Definitions {
    fn schemas(&self) -> Schemas {
        self.referable.iter().fold(Schemas::new(&self.folder), Schemas::allow_refs_to)
    }
}

/// Findings, such as a wrong definition or a stale output.
const FINDINGS: u8 = 1;
/// A usage or internal error, such as a folder that cannot be written.
const FAILURE: u8 = 2;

fn main() -> ExitCode {
    match Arguments::parse().verb {
        Verb::Generate { definitions, out, check } => {
            if is_inside(&out, &definitions.folder) {
                eprintln!("error: the output folder {} is inside the definition folder", out.display());
                eprintln!("its files would be read as definitions; choose another with --out");
                return ExitCode::from(FAILURE);
            }
            let files = match generate(definitions.schemas()) {
                Ok(files) => files,
                Err(error) => return failed(&error),
            };
            let changes = if check { files.compare(&out) } else { files.write(&out) };
            match changes {
                Ok(changes) if check => checked(&changes),
                Ok(changes) => {
                    generated(&changes, files.iter().count());
                    ExitCode::SUCCESS
                }
                Err(error) => failed(&Error::Io(error)),
            }
        }
        Verb::Lint { definitions } => match lint(definitions.schemas()) {
            Ok(None) => {
                print("nothing to mend\n");
                ExitCode::SUCCESS
            }
            Ok(Some(warnings)) => {
                eprint!("{}", warnings.render(std::io::stderr().is_terminal()));
                ExitCode::from(FINDINGS)
            }
            Err(error) => failed(&error),
        },
        Verb::Schema => {
            print(&format_schema());
            ExitCode::SUCCESS
        }
    }
}

fn is_inside(folder: &Path, other: &Path) -> bool {
    matches!((std::path::absolute(folder), std::path::absolute(other)), (Ok(folder), Ok(other)) if folder.starts_with(&other))
}

fn generated(changes: &[Change], total: usize) {
    for change in changes {
        let verb = match change.kind() {
            "orphaned" => "removed",
            _ => "wrote",
        };
        print(&format!("{verb} {}\n", change.path));
    }
    let written = changes.iter().filter(|change| change.kind() != "orphaned").count();
    print(&format!("{total} files are current, {written} of them written now\n"));
}

fn checked(changes: &[Change]) -> ExitCode {
    if changes.is_empty() {
        print("all generated files are current\n");
        return ExitCode::SUCCESS;
    }
    for change in changes {
        print(&format!("{} {}\n{}\n", change.kind(), change.path, change.diff()));
    }
    eprintln!("{} generated files are stale; run `fanfare generate` and commit the result", changes.len());
    ExitCode::from(FINDINGS)
}

fn failed(error: &Error) -> ExitCode {
    match error {
        Error::Definitions(diagnostics) => {
            eprint!("{}", diagnostics.render(std::io::stderr().is_terminal()));
            ExitCode::from(FINDINGS)
        }
        Error::Io(error) => {
            eprintln!("error: {error}");
            ExitCode::from(FAILURE)
        }
    }
}

/// A reader such as `head` may stop reading; that is no error.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

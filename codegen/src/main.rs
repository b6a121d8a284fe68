//! The command-line tool `fanfare`.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use fanfare_codegen::{
    Change, Comparison, Converted, Error, Levels, Schemas, Stage, compare, explain, export_asyncapi,
    format_schema, generate, import_asyncapi, lint, release,
};

/// Code generation allocates many small syntax nodes, which this allocator handles well.
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
    /// Leaves unchanged files untouched, and removes generated files that no definition produces any more.
    #[command(
        after_help = "Examples:\n  fanfare generate\n  fanfare generate --check    # in CI: fails if a file is out of date"
    )]
    Generate {
        #[command(flatten)]
        definitions: Definitions,
        /// Folder for the generated files
        #[arg(long, value_name = "FOLDER", default_value = "generated")]
        out: PathBuf,
        /// Write nothing; print what would change, and exit with 1 if anything would
        #[arg(long)]
        check: bool,
        /// With `--check`: print the differences of all files
        #[arg(long, requires = "check")]
        diff: bool,
        /// With `--check`: the earlier version for the summary of changes; by default, the last commit
        #[arg(long, value_name = "VERSION", requires = "check")]
        against: Option<String>,
    },
    /// Warn about valid definitions that are probably mistakes
    ///
    /// Reports unchecked formats, keywords without effect, schemas that become any JSON value, and patterns on client
    /// input without `maxLength`. Exits with 1 if there are warnings.
    #[command(after_help = "Example:\n  fanfare lint")]
    Lint {
        #[command(flatten)]
        definitions: Definitions,
    },
    /// Find what a change of the definitions breaks, and the safe order to deploy it
    ///
    /// Compares an earlier version of the definitions with the current one: open pages that refuse new messages, tokens
    /// that no longer work, stored messages, and code that uses the generated types. Each finding comes with a value that
    /// shows it. Exits with 1 if a finding is an error; `fanfare.yaml` sets the levels.
    #[command(
        after_help = "Examples:\n  fanfare breaking --against main\n  fanfare breaking --against origin/main --format github    # in CI"
    )]
    Breaking {
        #[command(flatten)]
        definitions: Definitions,
        /// The earlier version: a git revision, a folder, a definition file or a release
        #[arg(long, value_name = "VERSION")]
        against: String,
        /// The output: `human`, `json`, `github` or `sarif`
        #[arg(long, value_name = "FORMAT", default_value = "human")]
        format: Format,
        /// The configuration with the levels of rules
        #[arg(long, value_name = "FILE", default_value = CONFIGURATION)]
        config: PathBuf,
    },
    /// Record the definitions as a release
    ///
    /// Writes `releases/<NAME>.release.json` in the definition folder; commit it. A server can then tell pages of this
    /// release whether a later definition breaks them.
    #[command(after_help = "Example:\n  fanfare release v1.4")]
    Release {
        #[command(flatten)]
        definitions: Definitions,
        /// The name of the release, such as `v1.4`
        name: String,
    },
    /// Print what a stage of the compiler makes of one payload
    ///
    /// `lower` prints the schema in the terms of draft 2020-12, `infer` its type before it has names, and `name` the types
    /// with their names.
    #[command(after_help = "Example:\n  fanfare explain --stage infer pipeline/status")]
    Explain {
        #[command(flatten)]
        definitions: Definitions,
        /// The stage: `lower`, `infer` or `name`
        #[arg(long, value_name = "STAGE", default_value = "name")]
        stage: Stage,
        /// The payload, as `<channel>/<topic>`, `<channel>/<signal>` or `<channel>/result`
        payload: String,
    },
    /// Print the JSON Schema of the definition format, for editors
    #[command(after_help = "Example:\n  fanfare schema > schemas/channels.schema.json")]
    Schema,
    /// Convert a document of another format to a definition
    Import {
        #[command(subcommand)]
        format: ImportFormat,
    },
    /// Convert the definitions to another format
    Export {
        #[command(subcommand)]
        format: ExportFormat,
    },
}

/// An output of `fanfare breaking`.
#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Human,
    Json,
    Github,
    Sarif,
}

#[derive(Subcommand)]
enum ImportFormat {
    /// Convert an AsyncAPI document of version 2 or 3 to a definition
    ///
    /// Messages that the server sends become topics, messages that it receives become signals. Prints everything that the
    /// definition does not contain, with its location and the reason.
    #[command(
        name = "asyncapi",
        after_help = "Example:\n  fanfare import asyncapi asyncapi.yaml --out schemas/channels.yaml"
    )]
    AsyncApi {
        /// The document, in YAML or JSON
        #[arg(value_name = "FILE")]
        document: PathBuf,
        /// File for the definition; without it, the definition is printed
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// The document describes a client: what it receives becomes topics, what it sends becomes signals
        #[arg(long)]
        client: bool,
        /// Another folder that `$ref`s may read from; can be repeated
        #[arg(long = "allow-refs-to", value_name = "FOLDER")]
        referable: Vec<PathBuf>,
    },
}

#[derive(Subcommand)]
enum ExportFormat {
    /// Convert the definitions to an AsyncAPI 3.0 document
    ///
    /// Extensions that start with `x-fanfare-` keep what AsyncAPI cannot express, so `fanfare import asyncapi` restores the
    /// definitions. Prints every constraint that other tools do not check.
    #[command(name = "asyncapi", after_help = "Example:\n  fanfare export asyncapi --out asyncapi.yaml")]
    AsyncApi {
        #[command(flatten)]
        definitions: Definitions,
        /// File for the document; without it, the document is printed
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// The title of the document
        #[arg(long, value_name = "TEXT", default_value = "Channels")]
        title: String,
        /// The version of the document
        #[arg(long, value_name = "TEXT", default_value = "1.0.0")]
        api_version: String,
    },
}

#[derive(clap::Args)]
struct Definitions {
    /// Folder with the definitions
    #[arg(long = "schemas", value_name = "FOLDER", default_value = "schemas")]
    folder: PathBuf,
    /// Another folder that `$ref`s may read from; can be repeated
    #[arg(long = "allow-refs-to", value_name = "FOLDER")]
    referable: Vec<PathBuf>,
}

impl Definitions {
    fn schemas(&self) -> Schemas {
        self.referable.iter().fold(Schemas::new(&self.folder), Schemas::allow_refs_to)
    }
}

/// The configuration file.
const CONFIGURATION: &str = "fanfare.yaml";

/// Exit code for errors or warnings in definitions, and for outputs that are out of date.
const FINDINGS: u8 = 1;
/// Exit code for wrong usage and I/O errors, such as a folder that cannot be written.
const FAILURE: u8 = 2;

fn main() -> ExitCode {
    match Arguments::parse().verb {
        Verb::Generate { definitions, out, check, diff, against } => {
            if is_inside(&out, &definitions.folder) {
                eprintln!("error: the output folder {} is inside the definition folder", out.display());
                eprintln!("help: choose another with --out, or its files would be read as definitions");
                return ExitCode::from(FAILURE);
            }
            let files = match generate(definitions.schemas()) {
                Ok(files) => files,
                Err(error) => return print_error(&error),
            };
            let changes = if check { files.compare(&out) } else { files.write(&out) };
            match changes {
                Ok(changes) if check && !changes.is_empty() => {
                    let code = print_summary(&definitions, against.as_deref());
                    print_check(&changes, diff);
                    code
                }
                Ok(_) if check => {
                    print("all generated files are up to date\n");
                    ExitCode::SUCCESS
                }
                Ok(changes) => {
                    print_changes(&changes, files.iter().count());
                    ExitCode::SUCCESS
                }
                Err(error) => print_error(&Error::Io(error)),
            }
        }
        Verb::Lint { definitions } => match lint(definitions.schemas()) {
            Ok(None) => {
                print("no warnings\n");
                ExitCode::SUCCESS
            }
            Ok(Some(warnings)) => {
                eprint!("{}", warnings.render(std::io::stderr().is_terminal()));
                ExitCode::from(FINDINGS)
            }
            Err(error) => print_error(&error),
        },
        Verb::Breaking { definitions, against, format, config } => {
            let comparison = Levels::read(&config)
                .map_err(Error::from)
                .and_then(|levels| compare(definitions.schemas(), &against, &levels));
            match comparison {
                Ok(comparison) => print_comparison(&comparison, format),
                Err(error) => print_error(&error),
            }
        }
        Verb::Release { definitions, name } => match release(definitions.schemas(), &name) {
            Ok(path) => {
                print(&format!("wrote {}\n", path.display()));
                ExitCode::SUCCESS
            }
            Err(error) => print_error(&error),
        },
        Verb::Explain { definitions, stage, payload } => {
            match explain(definitions.schemas(), stage, &payload) {
                Ok(text) => {
                    print(&text);
                    ExitCode::SUCCESS
                }
                Err(error) => print_error(&error),
            }
        }
        Verb::Schema => {
            print(&format_schema());
            ExitCode::SUCCESS
        }
        Verb::Import { format: ImportFormat::AsyncApi { document, out, client, referable } } => {
            print_converted(import_asyncapi(&document, &referable, client), out.as_deref())
        }
        Verb::Export { format: ExportFormat::AsyncApi { definitions, out, title, api_version } } => {
            print_converted(export_asyncapi(definitions.schemas(), &title, &api_version), out.as_deref())
        }
    }
}

/// Writes or prints the output of a conversion, and prints what it does not contain.
fn print_converted(converted: Result<Converted, Error>, out: Option<&Path>) -> ExitCode {
    let converted = match converted {
        Ok(converted) => converted,
        Err(error) => return print_error(&error),
    };
    match out {
        None => print(&converted.text),
        Some(path) => {
            if let Err(error) = std::fs::write(path, &converted.text) {
                eprintln!("error: {}: {error}", path.display());
                return ExitCode::from(FAILURE);
            }
            print(&format!("wrote {}\n", path.display()));
        }
    }
    if !converted.left_out.is_empty() {
        eprintln!("left out or changed:");
        for left_out in &converted.left_out {
            eprintln!("{left_out}");
        }
    }
    ExitCode::SUCCESS
}

fn print_comparison(comparison: &Comparison, format: Format) -> ExitCode {
    print(&match format {
        Format::Human => comparison.to_text(),
        Format::Json => comparison.to_json(),
        Format::Github => comparison.to_github(),
        Format::Sarif => comparison.to_sarif(),
    });
    if comparison.has_errors() { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS }
}

fn is_inside(folder: &Path, other: &Path) -> bool {
    matches!((std::path::absolute(folder), std::path::absolute(other)), (Ok(folder), Ok(other)) if folder.starts_with(&other))
}

fn print_changes(changes: &[Change], total: usize) {
    for change in changes {
        let verb = match change.kind() {
            "orphaned" => "removed",
            _ => "wrote",
        };
        print(&format!("{verb} {}\n", change.path));
    }
    let written = changes.iter().filter(|change| change.kind() != "orphaned").count();
    print(&format!("{total} files up to date, {written} written\n"));
}

/// Prints how the definitions differ from an earlier version. Without a version, the last commit is used if there is one.
fn print_summary(definitions: &Definitions, against: Option<&str>) -> ExitCode {
    let levels = Levels::read(Path::new(CONFIGURATION)).map_err(Error::from);
    match (
        levels.and_then(|levels| compare(definitions.schemas(), against.unwrap_or("HEAD"), &levels)),
        against,
    ) {
        (Ok(comparison), _) if comparison.is_empty() => {}
        (Ok(comparison), _) => {
            let version = against.unwrap_or("the last commit");
            print(&format!("the definitions changed since {version}:\n{}\n", comparison.summary()));
        }
        (Err(_), None) => {}
        (Err(error), Some(_)) => return print_error(&error),
    }
    ExitCode::from(FINDINGS)
}

fn print_check(changes: &[Change], diff: bool) {
    for change in changes {
        let (added, removed) = change.line_counts();
        print(&format!("{} {} (+{added} -{removed})\n", change.kind(), change.path));
        if diff {
            print(&format!("{}\n", change.diff()));
        }
    }
    let plural = if changes.len() == 1 { "" } else { "s" };
    eprintln!("{} file{plural} out of date; run `fanfare generate` and commit the result", changes.len());
    if !diff {
        eprintln!("`--diff` prints all differences, and `fanfare breaking` whom the change breaks");
    }
}

fn print_error(error: &Error) -> ExitCode {
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

/// Ignores a closed pipe: a reader such as `head` may stop reading.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

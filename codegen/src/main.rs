//! The command-line tool `fanfare`.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use fanfare_codegen::{
    CONFIGURATION, Change, Comparison, Configuration, Converted, Error, Files, Schemas, Stage, compare,
    explain, export_asyncapi, format_schema, generate_outputs, import_asyncapi, lint, release, write_all,
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
    /// Leaves unchanged files untouched, and removes generated files that no definition produces any more. `fanfare.yaml` can
    /// choose the outputs, their folders and styles.
    #[command(
        after_help = "Examples:\n  fanfare generate\n  fanfare generate --check    # in CI: fails if a file is out of date"
    )]
    Generate {
        #[command(flatten)]
        definitions: Definitions,
        /// Folder for the generated files, one subfolder per language [default: generated]
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
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
    /// The configuration file [default: fanfare.yaml, if it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder with the definitions [default: schemas]
    #[arg(long = "schemas", value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Another folder that `$ref`s may read from; can be repeated
    #[arg(long = "allow-refs-to", value_name = "FOLDER")]
    referable: Vec<PathBuf>,
}

impl Definitions {
    /// Reads the configuration. Arguments replace its settings.
    fn configuration(&self) -> Result<Configuration, Error> {
        let mut configuration = match &self.config {
            Some(path) => Configuration::read(path)?,
            None => Configuration::find(Path::new(CONFIGURATION))?,
        };
        if let Some(folder) = &self.folder {
            configuration.schemas = Schemas::new(folder);
        }
        configuration.schemas = self.referable.iter().fold(configuration.schemas, Schemas::allow_refs_to);
        Ok(configuration)
    }

    fn schemas(&self) -> Result<Schemas, Error> {
        Ok(self.configuration()?.schemas)
    }
}

/// Exit code for errors or warnings in definitions, and for outputs that are out of date.
const FINDINGS: u8 = 1;
/// Exit code for wrong usage and I/O errors, such as a folder that cannot be written.
const FAILURE: u8 = 2;

fn main() -> ExitCode {
    execute(Arguments::parse().verb).unwrap_or_else(|error| print_error(&error))
}

fn execute(verb: Verb) -> Result<ExitCode, Error> {
    match verb {
        Verb::Generate { definitions, out, check, diff, against } => {
            let mut configuration = definitions.configuration()?;
            if let Some(out) = out {
                configuration.outputs = Configuration::outputs_in(&out);
            }
            let all = generate_outputs(&configuration)?;
            if check {
                return check_outputs(&configuration, &all, diff, against.as_deref());
            }
            let folders = configuration.outputs.iter().map(|output| output.folder.as_path());
            let outputs: Vec<_> = folders.clone().zip(&all).collect();
            let changes: Vec<_> = folders.zip(write_all(&outputs)?).collect();
            print_changes(&changes, all.iter().map(|files| files.iter().count()).sum());
        }
        Verb::Lint { definitions } => {
            if let Some(warnings) = lint(definitions.schemas()?)? {
                eprint!("{}", warnings.render(std::io::stderr().is_terminal()));
                return Ok(ExitCode::from(FINDINGS));
            }
            print("no warnings\n");
        }
        Verb::Breaking { definitions, against, format } => {
            let Configuration { schemas, levels, .. } = definitions.configuration()?;
            return Ok(print_comparison(&compare(schemas, &against, &levels)?, format));
        }
        Verb::Release { definitions, name } => {
            print(&format!("wrote {}\n", release(definitions.schemas()?, &name)?.display()));
        }
        Verb::Explain { definitions, stage, payload } => {
            print(&explain(definitions.schemas()?, stage, &payload)?);
        }
        Verb::Schema => print(&format_schema()),
        Verb::Import { format: ImportFormat::AsyncApi { document, out, client, referable } } => {
            print_converted(&import_asyncapi(&document, &referable, client)?, out.as_deref())?;
        }
        Verb::Export { format: ExportFormat::AsyncApi { definitions, out, title, api_version } } => {
            let converted = export_asyncapi(definitions.schemas()?, &title, &api_version)?;
            print_converted(&converted, out.as_deref())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Compares the outputs with the files on disk.
fn check_outputs(
    configuration: &Configuration,
    all: &[Files],
    diff: bool,
    against: Option<&str>,
) -> Result<ExitCode, Error> {
    let mut changes = Vec::new();
    for (output, files) in configuration.outputs.iter().zip(all) {
        changes.push((output.folder.as_path(), files.compare(&output.folder)?));
    }
    if changes.iter().all(|(_, changes)| changes.is_empty()) {
        print("all generated files are up to date\n");
        return Ok(ExitCode::SUCCESS);
    }
    print_summary(configuration, against)?;
    print_check(&changes, diff);
    Ok(ExitCode::from(FINDINGS))
}

/// The changes of an output, with its folder.
type Changes<'o> = (&'o Path, Vec<Change>);

/// Returns each change with its path, which starts with the output's folder.
fn with_paths<'c>(all: &'c [Changes<'_>]) -> impl Iterator<Item = (String, &'c Change)> {
    let path = |folder: &Path, change: &Change| folder.join(&change.path).display().to_string();
    all.iter()
        .flat_map(move |(folder, changes)| changes.iter().map(move |change| (path(folder, change), change)))
}

/// Writes or prints the output of a conversion, and prints what it does not contain.
fn print_converted(converted: &Converted, out: Option<&Path>) -> Result<(), Error> {
    match out {
        None => print(&converted.text),
        Some(path) => {
            std::fs::write(path, &converted.text)
                .map_err(|error| std::io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
            print(&format!("wrote {}\n", path.display()));
        }
    }
    if !converted.left_out.is_empty() {
        eprintln!("left out or changed:");
        for left_out in &converted.left_out {
            eprintln!("{left_out}");
        }
    }
    Ok(())
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

fn print_changes(all: &[Changes<'_>], total: usize) {
    let mut written = 0;
    for (path, change) in with_paths(all) {
        let is_orphan = change.kind() == "orphaned";
        written += usize::from(!is_orphan);
        print(&format!("{} {path}\n", if is_orphan { "removed" } else { "wrote" }));
    }
    print(&format!("{total} files up to date, {written} written\n"));
}

/// Prints how the definitions differ from an earlier version. Without a version, the last commit is used if there is one.
fn print_summary(configuration: &Configuration, against: Option<&str>) -> Result<(), Error> {
    let version = against.unwrap_or("HEAD");
    match (compare(configuration.schemas.clone(), version, &configuration.levels), against) {
        (Ok(comparison), _) if comparison.is_empty() => {}
        (Ok(comparison), _) => {
            let version = against.unwrap_or("the last commit");
            print(&format!("the definitions changed since {version}:\n{}\n", comparison.summary()));
        }
        (Err(_), None) => {}
        (Err(error), Some(_)) => return Err(error),
    }
    Ok(())
}

fn print_check(all: &[Changes<'_>], diff: bool) {
    let mut count = 0;
    for (path, change) in with_paths(all) {
        count += 1;
        let (added, removed) = change.line_counts();
        print(&format!("{} {path} (+{added} -{removed})\n", change.kind()));
        if diff {
            print(&format!("{}\n", change.diff()));
        }
    }
    let plural = if count == 1 { "" } else { "s" };
    eprintln!("{count} file{plural} out of date; run `fanfare generate` and commit the result");
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

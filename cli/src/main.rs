//! The command-line tool `fanfare`.

mod dev;
mod init;
mod package_json;
mod print;
mod remote;
mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};
use fanfare_codegen::{
    CONFIGURATION, Configuration, Error, Generator, Schemas, Stage, StaleFiles, compare,
    configuration_schema, explain, explain_code, export_asyncapi, format_schema, generate_outputs,
    import_asyncapi, lint, release,
};

/// Code generation allocates many small syntax nodes, which this allocator handles well.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Typed realtime channels from one definition.
#[derive(Parser)]
#[command(name = "fanfare", version, disable_help_subcommand = true)]
struct Arguments {
    /// The format of diagnostics and breaking changes
    #[arg(long, value_name = "FORMAT", default_value = "human", global = true)]
    message_format: Format,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Set up Fanfare in this folder
    ///
    /// Writes a definition, the configuration and everything else that the folder needs: a server and a page into an empty
    /// folder, a build script and dependencies into a Rust package, channels into an npm package. Adds dependencies to `Cargo.toml` and `package.json`, and leaves other
    /// existing files unchanged.
    #[command(after_help = "Example:\n  fanfare init")]
    Init {
        /// A checkout of Fanfare to depend on, instead of the published packages
        #[arg(long, value_name = "FOLDER")]
        checkout: Option<PathBuf>,
    },
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
        /// Folder for the generated files, one subfolder per language; replaces `outputs` in `fanfare.yaml` [default: generated]
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
        /// Generate again after each change, until the command is interrupted
        #[arg(long, conflicts_with = "check")]
        watch: bool,
    },
    /// Serve the definitions with Fanfare Studio, without a server of your own
    ///
    /// Serves all channels and Fanfare Studio, on this machine only. A change to the definitions takes effect at once; if it has errors, they are printed and the last valid definitions remain. With `--attach`, shows a
    /// running server in Studio instead.
    #[command(
        after_help = "Examples:\n  fanfare dev\n  fanfare dev --port 4000 --database dev.db\n  fanfare dev --attach https://example.com"
    )]
    Dev(dev::Arguments),
    /// Warn about valid definitions that are probably mistakes
    ///
    /// Reports unchecked formats, keywords without effect, schemas that become any JSON value, and patterns on client
    /// input without `maxLength`. Exits with 1 if there are warnings.
    #[command(after_help = "Example:\n  fanfare lint")]
    Lint {
        #[command(flatten)]
        definitions: Definitions,
    },
    /// Find breaking changes to the definitions, and the safe order to deploy them
    ///
    /// Compares an earlier version of the definitions with the current one. Reports pages that would refuse new messages,
    /// tokens that would no longer work, stored messages that would become invalid, and code that would no longer compile,
    /// each with an example. Exits with 1 if a finding is an error; `fanfare.yaml` sets the levels.
    #[command(
        after_help = "Examples:\n  fanfare breaking --against main\n  fanfare breaking --against origin/main --message-format github    # in CI"
    )]
    Breaking {
        #[command(flatten)]
        definitions: Definitions,
        /// The earlier version: a git revision, a folder, a definition file or a release
        #[arg(long, value_name = "VERSION")]
        against: String,
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
    /// Explain a diagnostic code, or show how the compiler processes one payload
    ///
    /// For the code of a diagnostic, prints what it means, an example, its correction and the reason. For the rule of a
    /// breaking change, prints what it means and what to do. For a payload, `lower` prints
    /// the schema in the terms of draft 2020-12, `infer` its type before it has names, and `name` the types with their
    /// names.
    #[command(
        after_help = "Examples:\n  fanfare explain E0009\n  fanfare explain topic-removed\n  fanfare explain --stage infer pipeline/status"
    )]
    Explain {
        #[command(flatten)]
        definitions: Definitions,
        /// The stage: `lower`, `infer` or `name`
        #[arg(long, value_name = "STAGE", default_value = "name")]
        stage: Stage,
        /// A code, a rule, or a payload: `<channel>/<topic>`, `<channel>/<signal>` or `<channel>/result`
        #[arg(value_name = "SUBJECT")]
        subject: String,
    },
    /// Print the JSON Schema of definitions, or of `fanfare.yaml`, for editors
    #[command(
        after_help = "Examples:\n  fanfare schema > schemas/channels.schema.json\n  fanfare schema --configuration > schemas/fanfare.schema.json"
    )]
    Schema {
        /// Print the schema of `fanfare.yaml`
        #[arg(long)]
        configuration: bool,
    },
    /// Print a shell completion script
    #[command(after_help = "Example:\n  source <(fanfare completions bash)")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
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
    #[command(flatten)]
    Remote(remote::RemoteVerb),
}

/// A format of messages.
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
    /// Folder with the definitions; replaces `schemas` in `fanfare.yaml` [default: schemas]
    #[arg(long = "schemas", value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Another folder that `$ref`s may read from; can be repeated
    #[arg(long = "allow-refs-to", value_name = "FOLDER")]
    referable: Vec<PathBuf>,
}

impl Definitions {
    /// Reads the configuration, and applies the arguments.
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

    /// The configuration file, which may not exist.
    fn file(&self) -> PathBuf {
        self.config.clone().unwrap_or_else(|| PathBuf::from(CONFIGURATION))
    }
}

/// Exit code for errors or warnings in definitions, outputs that are out of date, and requests that a server refuses.
const FINDINGS: u8 = 1;
/// Exit code for wrong usage, I/O errors, and servers that deny access or do not respond.
const FAILURE: u8 = 2;

fn main() -> ExitCode {
    let Arguments { message_format, verb } = Arguments::parse();
    execute(verb, message_format).unwrap_or_else(|error| print::error(&error, message_format))
}

fn execute(verb: Verb, format: Format) -> Result<ExitCode, Error> {
    match verb {
        Verb::Init { checkout } => print::text(&init::init(checkout.as_deref())?),
        Verb::Generate { definitions, out, check, diff, against, watch } => {
            let configure = || -> Result<Configuration, Error> {
                let mut configuration = definitions.configuration()?;
                if let Some(out) = &out {
                    configuration.outputs = Configuration::outputs_in(out);
                }
                Ok(configuration)
            };
            if watch {
                let mut generator = Generator::default();
                return watch::watch(&definitions.file(), &configure, format, &mut |configuration| {
                    generate(&mut generator, configuration, format)
                });
            }
            let configuration = configure()?;
            if check {
                return check_outputs(&configuration, diff, against.as_deref(), format);
            }
            generate(&mut Generator::default(), &configuration, format)?;
        }
        Verb::Dev(arguments) => return dev::run(arguments, format),
        Verb::Lint { definitions } => {
            if let Some(warnings) = lint(definitions.configuration()?.schemas)? {
                print::result(&warnings, format);
                return Ok(ExitCode::from(FINDINGS));
            }
            print::nothing("no warnings\n", format);
        }
        Verb::Breaking { definitions, against } => {
            let Configuration { schemas, levels, .. } = definitions.configuration()?;
            let comparison = compare(schemas, &against, &levels)?;
            print::result(&comparison, format);
            if comparison.has_errors() {
                return Ok(ExitCode::from(FINDINGS));
            }
        }
        Verb::Release { definitions, name } => {
            let path = release(definitions.configuration()?.schemas, &name)?;
            print::text(&format!("wrote {}\n", path.display()));
        }
        Verb::Explain { definitions, stage, subject } => match explain_code(&subject) {
            Some(text) => print::text(&text),
            None if !subject.contains('/') => {
                let message = format!(
                    "there is no code or rule `{subject}`; for a payload, write `<channel>/<topic>`, such as `pipeline/status`"
                );
                return Err(std::io::Error::other(message).into());
            }
            None => print::text(&explain(definitions.configuration()?.schemas, stage, &subject)?),
        },
        Verb::Schema { configuration: false } => print::text(&format_schema()),
        Verb::Schema { configuration: true } => print::text(&configuration_schema()),
        Verb::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "fanfare", &mut script);
            print::text(&String::from_utf8_lossy(&script));
        }
        Verb::Import { format: ImportFormat::AsyncApi { document, out, client, referable } } => {
            print::conversion(&import_asyncapi(&document, &referable, client)?, out.as_deref())?;
        }
        Verb::Export { format: ExportFormat::AsyncApi { definitions, out, title, api_version } } => {
            let schemas = definitions.configuration()?.schemas;
            print::conversion(&export_asyncapi(schemas, &title, &api_version)?, out.as_deref())?;
        }
        Verb::Remote(verb) => return Ok(remote::execute(verb)),
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the outputs, and prints the changes.
fn generate(generator: &mut Generator, configuration: &Configuration, format: Format) -> Result<(), Error> {
    let (changes, total) = generator.write(configuration)?;
    let folders = configuration.outputs.iter().map(|output| output.folder.as_path());
    print::changes(folders.zip(&changes), total, format);
    print::nothing("", format);
    Ok(())
}

/// Compares the outputs with the files on disk.
fn check_outputs(
    configuration: &Configuration,
    diff: bool,
    against: Option<&str>,
    format: Format,
) -> Result<ExitCode, Error> {
    let mut stale = StaleFiles::default().with_diffs(diff);
    for (output, files) in configuration.outputs.iter().zip(&generate_outputs(configuration)?) {
        stale.add(&output.folder, files.compare(&output.folder)?);
    }
    if stale.is_empty() {
        print::nothing("all generated files are up to date\n", format);
        return Ok(ExitCode::SUCCESS);
    }
    print::summary(configuration, against, format)?;
    print::result(&stale, format);
    Ok(ExitCode::from(FINDINGS))
}

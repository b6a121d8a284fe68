//! `fanfare storage`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use fanfare::{FindingStatus, Nats, Postgres, Sqlite, StorageFinding, StorageReport};

use super::access::read_variable;
use super::failure::Failure;
use super::output::{BOLD, GREEN, Output, OutputArguments, RED, YELLOW, escape, paint, print, print_json};

const URL_VARIABLE: &str = "FANFARE_STORAGE_URL";
const PASSWORD_VARIABLE: &str = "FANFARE_STORAGE_PASSWORD";

/// The parameters of which a text for PostgreSQL such as `host=db user=app` has at least one.
const POSTGRES_PARAMETERS: [&str; 6] = ["dbname", "host", "hostaddr", "password", "port", "user"];

#[derive(clap::Args)]
pub(crate) struct Storage {
    #[command(subcommand)]
    verb: StorageVerb,
}

#[derive(Subcommand)]
enum StorageVerb {
    /// Check that servers can use a storage, before they start or while they run
    ///
    /// Checks versions, settings, permissions, limits, replicas and clocks, and says how to correct problems. Creates,
    /// migrates and deletes nothing. Pass the options that your servers set.
    #[command(after_help = concat!(
        "Examples:\n  fanfare storage check nats://one.example,nats://two.example --replicas 3\n  fanfare storage check \
         postgres://fanfare@db.example/app --servers 5\n  fanfare storage check fanfare.db",
        "\n\nExit codes:\n  0  servers can use the storage; there may be warnings\n  1  a check failed\n  2  wrong usage"
    ))]
    Check(Box<Check>),
}

#[derive(clap::Args)]
struct Check {
    /// `nats://…`, `tls://…`, `postgres://…`, or the path of a SQLite file [default: `FANFARE_STORAGE_URL`, which hides
    /// passwords from other users of this machine]
    #[arg(value_name = "URL")]
    url: Option<String>,
    #[command(flatten)]
    nats: NatsArguments,
    #[command(flatten)]
    postgres: PostgresArguments,
    #[command(flatten)]
    output: OutputArguments,
}

#[derive(clap::Args)]
#[command(next_help_heading = "NATS")]
struct NatsArguments {
    /// The prefix of the names of streams and subjects [default: fanfare]
    #[arg(long, value_name = "NAME")]
    space: Option<String>,
    /// The number of shards [default: that of the existing streams, or 4]
    #[arg(long, value_name = "NUMBER")]
    shards: Option<usize>,
    /// The number of replicas [default: that of the existing streams, or 1]
    #[arg(long, value_name = "NUMBER")]
    replicas: Option<usize>,
    /// A file with a JWT and the seed of its nkey
    #[arg(long, value_name = "FILE")]
    credentials_file: Option<PathBuf>,
    /// A file with the seed of an nkey
    #[arg(long, value_name = "FILE")]
    nkey_file: Option<PathBuf>,
    /// A file with a token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The name of a user, whose password is in `FANFARE_STORAGE_PASSWORD`
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// A PEM file with a client certificate; requires `--client-key`
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_certificate: Option<PathBuf>,
    /// A PEM file with the private key of the client certificate
    #[arg(long, value_name = "FILE", requires = "client_certificate")]
    client_key: Option<PathBuf>,
    /// A PEM file with the certificate authorities of the servers [default: the system's]
    #[arg(long, value_name = "FILE")]
    root_certificates: Option<PathBuf>,
}

#[derive(clap::Args)]
#[command(next_help_heading = "PostgreSQL")]
struct PostgresArguments {
    /// The schema of the tables [default: fanfare]
    #[arg(long, value_name = "NAME")]
    schema: Option<String>,
    /// The number of servers that share the database [default: 1]
    #[arg(long, value_name = "NUMBER")]
    servers: Option<usize>,
    /// The `connections` option of the servers [default: 4]
    #[arg(long, value_name = "NUMBER")]
    connections: Option<usize>,
}

/// The kind of a storage.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Engine {
    Nats,
    Postgres,
    Sqlite,
}

impl Storage {
    pub(super) async fn execute(self) -> Result<(), Failure> {
        let StorageVerb::Check(check) = self.verb;
        check.execute().await
    }
}

impl Check {
    async fn execute(self) -> Result<(), Failure> {
        let url = self.url.clone().or_else(|| read_variable(URL_VARIABLE)).ok_or_else(|| {
            Failure::usage("no storage to check").help(format!("pass its URL or path, or set {URL_VARIABLE}"))
        })?;
        let engine = Engine::of(&url)?;
        self.refuse_other_options(engine)?;
        let report = match engine {
            Engine::Nats => self.nats.check(&url).await?,
            Engine::Postgres => self.postgres.check(&url).await,
            Engine::Sqlite => Sqlite::check(&url),
        };
        let output = self.output.open();
        show(&report, &output)?;
        let failed = report.findings.iter().filter(|finding| finding.status == FindingStatus::Failed).count();
        match failed {
            0 => Ok(()),
            1 => Err(Failure::refused("servers cannot use this storage: a check failed", None)),
            _ => Err(Failure::refused(
                format!("servers cannot use this storage: {failed} checks failed"),
                None,
            )),
        }
    }

    /// Returns an error if an option of another engine is set, because it would have no effect.
    fn refuse_other_options(&self, engine: Engine) -> Result<(), Failure> {
        let Self { nats, postgres, .. } = self;
        let options = [
            ("--space", nats.space.is_some(), Engine::Nats),
            ("--shards", nats.shards.is_some(), Engine::Nats),
            ("--replicas", nats.replicas.is_some(), Engine::Nats),
            ("--credentials-file", nats.credentials_file.is_some(), Engine::Nats),
            ("--nkey-file", nats.nkey_file.is_some(), Engine::Nats),
            ("--token-file", nats.token_file.is_some(), Engine::Nats),
            ("--user", nats.user.is_some(), Engine::Nats),
            ("--client-certificate", nats.client_certificate.is_some(), Engine::Nats),
            ("--root-certificates", nats.root_certificates.is_some(), Engine::Nats),
            ("--schema", postgres.schema.is_some(), Engine::Postgres),
            ("--servers", postgres.servers.is_some(), Engine::Postgres),
            ("--connections", postgres.connections.is_some(), Engine::Postgres),
        ];
        match options.iter().find(|(_, is_set, of)| *is_set && *of != engine) {
            Some((option, _, of)) => Err(Failure::usage(format!("`{option}` is only for {}", of.name()))),
            None => Ok(()),
        }
    }
}

impl Engine {
    fn of(url: &str) -> Result<Self, Failure> {
        let first = url.split(',').next().unwrap_or_default().trim();
        match first.split_once("://") {
            Some(("nats" | "tls", _)) => Ok(Self::Nats),
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres),
            _ if has_postgres_parameter(url) => Ok(Self::Postgres),
            None if !may_contain_password(url) => Ok(Self::Sqlite),
            // Without the text, which may contain a password.
            _ => Err(Failure::usage("unknown kind of storage").help(
                "write `nats://…`, `tls://…`, `postgres://…`, or the path of a SQLite file; a path that contains `@` \
                 needs its folder, such as `./`",
            )),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Nats => "NATS",
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
        }
    }
}

impl NatsArguments {
    async fn check(&self, url: &str) -> Result<StorageReport, Failure> {
        let mut nats = Nats::connect(url);
        if let Some(space) = &self.space {
            nats = nats.space(space);
        }
        if let Some(shards) = self.shards {
            nats = nats.shards(shards);
        }
        if let Some(replicas) = self.replicas {
            nats = nats.replicas(replicas);
        }
        if let Some(path) = &self.credentials_file {
            nats = nats.credentials_file(path);
        }
        if let Some(path) = &self.nkey_file {
            nats = nats.nkey(read_secret(path)?);
        }
        if let Some(path) = &self.token_file {
            nats = nats.token(read_secret(path)?);
        }
        if let Some(user) = &self.user {
            let password = read_variable(PASSWORD_VARIABLE);
            let password = password.ok_or_else(|| {
                Failure::usage(format!("the password of `{user}` is missing"))
                    .help(format!("set {PASSWORD_VARIABLE}"))
            })?;
            nats = nats.user_and_password(user, password);
        }
        if let Some((certificate, key)) = self.client_certificate.as_ref().zip(self.client_key.as_ref()) {
            nats = nats.client_certificate(certificate, key);
        }
        if let Some(path) = &self.root_certificates {
            nats = nats.root_certificates(path);
        }
        Ok(nats.check().await)
    }
}

impl PostgresArguments {
    async fn check(&self, url: &str) -> StorageReport {
        let mut postgres = Postgres::connect(url);
        if let Some(schema) = &self.schema {
            postgres = postgres.schema(schema);
        }
        if let Some(connections) = self.connections {
            postgres = postgres.connections(connections);
        }
        postgres.check(self.servers.unwrap_or(1)).await
    }
}

/// Returns whether a text contains a parameter of PostgreSQL, such as `host=db` or `host = db`.
fn has_postgres_parameter(text: &str) -> bool {
    let mut names: Vec<&str> = text.split('=').collect();
    // After the last `=` is a value.
    names.pop();
    let mut names = names.into_iter().filter_map(|before| before.split_whitespace().next_back());
    names.any(|name| POSTGRES_PARAMETERS.contains(&name))
}

/// Returns whether a text without a scheme may be an incomplete URL with a password, such as `user:secret@host`. The
/// path of a SQLite file would be in the output.
fn may_contain_password(text: &str) -> bool {
    let folder = Path::new(text).parent().filter(|folder| !folder.as_os_str().is_empty());
    let is_path = Path::new(text).exists() || folder.is_some_and(Path::is_dir);
    !is_path && (text.contains('@') || text.to_lowercase().contains("password="))
}

fn read_secret(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    Ok(text.trim().to_owned())
}

/// Prints the findings: one JSON value per line, or one paragraph per finding.
fn show(report: &StorageReport, output: &Output) -> Result<(), Failure> {
    if output.is_json {
        return report.findings.iter().try_for_each(print_json);
    }
    let width = report.findings.iter().map(|finding| finding.subject.len()).max().unwrap_or(0);
    let mut text = String::new();
    for StorageFinding { subject, status, message, help, .. } in &report.findings {
        let (mark, style) = match status {
            FindingStatus::Ok => ("ok     ", GREEN),
            FindingStatus::Warning => ("warning", YELLOW),
            _ => ("failed ", RED),
        };
        let _ = writeln!(text, "{}  {subject:width$}  {}", paint(style, mark), escape(message));
        if let Some(help) = help {
            let _ = writeln!(text, "         {} {}", paint(BOLD, "help:"), escape(help));
        }
    }
    print(&text)
}

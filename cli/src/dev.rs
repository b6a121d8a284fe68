//! `fanfare dev`: serves definitions with Fanfare Studio, or shows a running server in Studio.

mod attach;
mod definitions;
mod definitions_server;
mod error;
mod host;
mod keys;
mod listen;
mod proxy;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use fanfare_codegen::{Configuration, Error, Generator};
use tokio::net::TcpListener;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::oneshot;

use super::watch::watch;
use super::{Definitions, Format, print};
use crate::remote::access::CredentialArguments;
use definitions_server::DefinitionsServer;
use keys::Keys;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    definitions: Definitions,
    /// The port on this machine, or 0 for any free one
    #[arg(long, value_name = "PORT", default_value_t = 3263)]
    port: u16,
    /// The SQLite file for messages; without it, they are lost when the command ends
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
    /// Show the server at this URL in Studio, instead of serving definitions
    #[arg(long, value_name = "URL", conflicts_with_all = ["folder", "referable", "database"])]
    attach: Option<String>,
    /// The signing key of the server, or an admin token [default: as for `fanfare runs`]
    #[arg(long, value_name = "KEY", requires = "attach")]
    key: Option<String>,
}

/// Serves until the command is interrupted.
pub(super) fn run(arguments: Arguments, format: Format) -> Result<ExitCode, Error> {
    let runtime = Runtime::new()?;
    let Arguments { definitions, port, database, attach, key } = arguments;
    match attach {
        Some(url) => {
            let key = CredentialArguments::find_text(key, definitions.config)?;
            runtime.block_on(attach::run(&url, key, port, format))?;
        }
        None => {
            let listener = runtime.block_on(listen::bind(port))?;
            serve_definitions(&runtime, listener, definitions, database.as_deref(), format)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn serve_definitions(
    runtime: &Runtime,
    listener: TcpListener,
    definitions: Definitions,
    database: Option<&Path>,
    format: Format,
) -> Result<(), Error> {
    let folder =
        definitions.configuration()?.schemas.folders().next().map_or_else(PathBuf::new, Path::to_owned);
    // Removed when the command ends. A file, in contrast to a database in memory, outlives a change of the definitions.
    let temporary = tempfile::tempdir()?;
    let path = database.map_or_else(|| temporary.path().join("dev.db"), Path::to_owned);
    let keys = Keys::from_environment();
    let url = format!("http://{}", listener.local_addr()?);
    let mut lines = vec![
        ("Studio", keys.studio_url(&url)),
        ("Server", format!("{url}    the `apiBaseUrl` of pages and backends")),
        ("Signing key", keys.describe()),
    ];
    lines.push(match database {
        Some(path) => ("Messages", format!("stored in {}", path.display())),
        None => ("Messages", "lost when the command ends; `--database` stores them".to_owned()),
    });
    let server = {
        let _context = runtime.enter();
        Arc::new(DefinitionsServer::new(keys, path)?)
    };
    introduce(&format!("Serving the definitions in {}", folder.display()), &lines, format);

    let app = DefinitionsServer::router(&server);
    let (handle, updated) = (runtime.handle().clone(), Arc::clone(&server));
    let (failed, failure) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = failed.send(follow(&definitions, &updated, &handle, format));
    });
    let mut watching = Ok(());
    let stop = async {
        tokio::select! {
            () = listen::interrupted() => {}
            Ok(error) = failure => watching = Err(error),
        }
        server.shutdown().await;
    };
    let result = runtime.block_on(listen::serve(listener, app, stop));
    server.close();
    result?;
    watching
}

/// Updates the server after each change of the definitions. Returns the error if they cannot be watched.
fn follow(definitions: &Definitions, server: &DefinitionsServer, runtime: &Handle, format: Format) -> Error {
    let (mut generator, mut is_serving) = (Generator::default(), false);
    let mut update = |configuration: &Configuration| {
        let channels = generator.tables(&configuration.schemas).inspect_err(|_| {
            let effect = if is_serving { "this change has no effect" } else { "there are no channels yet" };
            print::progress(&format!("the definitions have errors, so {effect}\n"), format);
        })?;
        is_serving = true;
        let names: Vec<&str> = channels.iter().map(|channel| channel.name).collect();
        let count = names.len();
        let channel = if count == 1 { "channel" } else { "channels" };
        print::progress(&format!("{count} {channel}: {}\n", names.join(", ")), format);
        runtime.block_on(server.update(definitions::registry(channels)))
    };
    match watch(&definitions.file(), &|| definitions.configuration(), format, &mut update) {
        Err(error) => error,
        Ok(_) => io::Error::other("the definitions are no longer watched").into(),
    }
}

/// Prints what the command does, where, and how to stop it.
fn introduce(title: &str, lines: &[(&str, String)], format: Format) {
    let mut text = format!("{title}\n\n");
    for (name, value) in lines {
        text.push_str(&format!("  {name:<13}{value}\n"));
    }
    text.push_str("\nPress Ctrl-C to stop.\n\n");
    print::progress(&text, format);
}

//! Generates again after each change.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use fanfare_codegen::{Configuration, Error};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::{Format, print};

/// How long a change may take. Editors write a file in several steps.
const PAUSE: Duration = Duration::from_millis(20);

/// Generates the outputs, and again whenever the configuration or a definition changes. Returns only if files cannot be
/// watched; errors in definitions are printed.
pub(super) fn watch(
    file: &Path,
    configure: &dyn Fn() -> Result<Configuration, Error>,
    generate: fn(&Configuration) -> Result<(), Error>,
    format: Format,
) -> Result<ExitCode, Error> {
    let (sender, events) = channel();
    let mut watcher = notify::recommended_watcher(sender).map_err(std::io::Error::other)?;
    let mut folders = BTreeSet::new();
    let mut outputs = Vec::new();
    loop {
        let start = Instant::now();
        let result = configure().and_then(|configuration| {
            watch_sources(&mut watcher, &mut folders, file, &configuration)?;
            outputs = configuration.outputs.iter().map(|output| absolute(&output.folder)).collect();
            generate(&configuration)
        });
        match result {
            Ok(()) => print::text(&format!("watching for changes ({} ms)\n", start.elapsed().as_millis())),
            Err(error) if folders.is_empty() => return Err(error),
            Err(error) => {
                print::error(&error, format);
            }
        }
        wait(&events, &outputs).map_err(std::io::Error::other)?;
    }
}

/// Watches the folders of the configuration, of the definitions, and of what these refer to.
fn watch_sources(
    watcher: &mut RecommendedWatcher,
    folders: &mut BTreeSet<PathBuf>,
    file: &Path,
    configuration: &Configuration,
) -> Result<(), Error> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let definitions = configuration.schemas.folders().map(|folder| (folder, RecursiveMode::Recursive));
    for (folder, mode) in std::iter::once((folder, RecursiveMode::NonRecursive)).chain(definitions) {
        if folders.contains(folder) || !folder.exists() {
            continue;
        }
        watcher
            .watch(folder, mode)
            .map_err(|error| std::io::Error::other(format!("cannot watch {}: {error}", folder.display())))?;
        folders.insert(folder.to_owned());
    }
    Ok(())
}

/// Waits for a change, and until no other one follows at once.
fn wait(
    events: &Receiver<notify::Result<Event>>,
    outputs: &[PathBuf],
) -> Result<(), std::sync::mpsc::RecvError> {
    let is_change = |event: &notify::Result<Event>| {
        event.as_ref().is_ok_and(|event| {
            let is_access = matches!(event.kind, EventKind::Access(_));
            let is_output = |path: &PathBuf| outputs.iter().any(|output| absolute(path).starts_with(output));
            !is_access && !event.paths.iter().all(is_output)
        })
    };
    while !is_change(&events.recv()?) {}
    while events.recv_timeout(PAUSE).is_ok() {}
    Ok(())
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

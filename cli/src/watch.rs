//! Repeats work after each change of the definitions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use fanfare_codegen::{Configuration, Error};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::{Format, print};

/// How long a change may take. Editors write a file in several steps.
const PAUSE: Duration = Duration::from_millis(10);

/// The longest time to wait for further changes.
const MAX_PAUSE: Duration = Duration::from_millis(200);

/// Does the work, and again whenever the configuration or a definition changes. Returns only if files cannot be watched;
/// errors in definitions are printed.
pub(super) fn watch(
    file: &Path,
    configure: &dyn Fn() -> Result<Configuration, Error>,
    format: Format,
    work: &mut dyn FnMut(&Configuration) -> Result<(), Error>,
) -> Result<ExitCode, Error> {
    let (sender, events) = channel();
    let mut sources = Sources::new(file);
    loop {
        let start = Instant::now();
        // Each watcher is new, because a folder may have been removed and created again.
        let mut watcher = notify::recommended_watcher(sender.clone()).map_err(std::io::Error::other)?;
        let result = configure().and_then(|configuration| {
            sources.definitions = configuration.schemas.folders().map(absolute).collect();
            sources.outputs = configuration.outputs.iter().map(|output| absolute(&output.folder)).collect();
            sources.watch(&mut watcher)?;
            work(&configuration)
        });
        match result {
            Ok(()) => {
                let message = format!("watching for changes ({} ms)\n", start.elapsed().as_millis());
                print::progress(&message, format);
            }
            Err(error) => {
                print::error(&error, format);
                sources.watch(&mut watcher)?;
            }
        }
        sources.wait(&events)?;
    }
}

/// The files and folders that the outputs depend on.
struct Sources {
    configuration: PathBuf,
    definitions: Vec<PathBuf>,
    outputs: Vec<PathBuf>,
}

impl Sources {
    fn new(configuration: &Path) -> Self {
        Self { configuration: absolute(configuration), definitions: Vec::new(), outputs: Vec::new() }
    }

    /// Watches the folder of the configuration, and those of the definitions. For one that does not exist, watches the
    /// nearest folder above it that does.
    fn watch(&self, watcher: &mut RecommendedWatcher) -> Result<(), Error> {
        let mut folders = BTreeMap::new();
        for folder in self
            .configuration
            .parent()
            .into_iter()
            .chain(self.definitions.iter().filter_map(|folder| folder.parent()))
        {
            let existing = folder.ancestors().find(|folder| folder.exists()).unwrap_or(folder);
            folders.entry(existing.to_owned()).or_insert(RecursiveMode::NonRecursive);
        }
        for folder in self.definitions.iter().filter(|folder| folder.exists()) {
            folders.insert(folder.clone(), RecursiveMode::Recursive);
        }
        for (folder, mode) in folders {
            watcher.watch(&folder, mode).map_err(|error| {
                std::io::Error::other(format!("cannot watch {}: {error}", folder.display()))
            })?;
        }
        Ok(())
    }

    /// Waits for a change, and until no other one follows at once.
    fn wait(&self, events: &Receiver<notify::Result<Event>>) -> Result<(), Error> {
        while !events.recv().map_err(std::io::Error::other)?.is_ok_and(|event| self.is_change(&event)) {}
        let end = Instant::now() + MAX_PAUSE;
        while Instant::now() < end && events.recv_timeout(PAUSE).is_ok() {}
        Ok(())
    }

    fn is_change(&self, event: &Event) -> bool {
        let is_source = |path: &PathBuf| {
            let path = absolute(path);
            let is_output = self.outputs.iter().any(|output| path.starts_with(output));
            let is_definition =
                self.definitions.iter().any(|folder| path.starts_with(folder) || folder.starts_with(&path));
            path == self.configuration || (is_definition && !is_output)
        };
        event.need_rescan()
            || (!matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(is_source))
    }
}

fn absolute(path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

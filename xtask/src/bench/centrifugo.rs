//! Builds and starts Centrifugo.

use super::workspace;
use crate::failure::Result;
use crate::paths::write_file;
use crate::process::{Running, command, find_free_port, run_quietly, start, wait_until_listening};
use crate::step::step;
use std::path::Path;
use std::process::{Command, Stdio};

/// The version in `benches/centrifugo/go.mod`.
pub(super) const VERSION: &str = "6.9.1";

/// Builds the program from the Go modules that `go.sum` pins.
pub(super) fn build() -> Result {
    let module = "github.com/centrifugal/centrifugo/v6";
    step("Building Centrifugo", || {
        let mut build = Command::new("go");
        build.args(["build", "-p", "1", "-mod", "readonly", "-ldflags"]);
        build.arg(format!("-X {module}/internal/build.Version={VERSION}")).arg("-o");
        build.arg(workspace::program("centrifugo")).arg(module);
        run_quietly(build.current_dir(workspace::source("centrifugo")))
    })
}

/// Starts a node, and returns its port. If it keeps a history, subscribers recover. `engine` adds settings. The other
/// settings are the defaults, except that up to 32 MB may wait for a subscriber, and that a subscriber may recover 20,000
/// messages.
pub(super) fn start_node(history: Option<usize>, engine: &str, folder: &Path) -> Result<(u16, Running)> {
    let port = find_free_port()?;
    let channels = history.map_or_else(String::new, |size| {
        format!(r#""history_size": {size}, "history_ttl": "1h", "force_recovery": true"#)
    });
    let settings = format!(
        r#"{{
    {engine}
    "channel": {{"without_namespace": {{{channels}}}}},
    "client": {{"insecure": true, "recovery_max_publication_limit": 20000, "queue_max_size": 33554432}},
    "http_api": {{"insecure": true}},
    "http_server": {{"address": "127.0.0.1", "port": {port}}},
    "log": {{"level": "error"}}
}}
"#
    );
    let file = folder.join(format!("centrifugo-{port}.json"));
    write_file(&file, &settings)?;
    let mut program =
        workspace::with_many_files(&mut command(workspace::program("centrifugo"), &["--config"]));
    let running = start(program.arg(&file).stdout(Stdio::null()))?;
    wait_until_listening("Centrifugo", port)?;
    Ok((port, running))
}

//! Payloads from arguments, files and the standard input.

use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;

use futures_util::stream::{self, Stream};
use tokio::sync::mpsc;

use super::failure::Failure;

/// Reads a payload: JSON, `@file`, or `-` for the standard input. `None` means the standard input if it is not a terminal.
pub(super) fn read_payload(argument: Option<&str>) -> Result<String, Failure> {
    match argument {
        None if io::stdin().is_terminal() => Err(Failure::usage("there is no payload")
            .help("pass JSON, `@file`, or `-` to read the standard input")),
        None | Some("-") => read_stdin(),
        Some(text) => match text.strip_prefix('@') {
            Some(path) => read_file(Path::new(path)),
            None => Ok(text.to_owned()),
        },
    }
}

pub(super) fn read_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(format!("the standard input: {error}")))?;
    Ok(text)
}

/// Returns the standard input in pieces, as they arrive.
pub(super) fn stream_stdin() -> impl Stream<Item = io::Result<Vec<u8>>> + Send + 'static {
    let (sender, receiver) = mpsc::channel(1);
    // A terminal or a pipe blocks until there is input.
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let piece = match stdin.read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => Ok(buffer[..length].to_vec()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            if sender.blocking_send(piece).is_err() {
                return;
            }
        }
    });
    stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)))
}

fn read_file(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

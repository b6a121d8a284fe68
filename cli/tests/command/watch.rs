//! `fanfare generate --watch`: generates again after each change.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::{DEFINITION, Project};

/// A running command, with the lines that it prints.
struct Watching {
    child: Child,
    lines: Receiver<String>,
}

impl Watching {
    fn start(project: &Project) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_fanfare"))
            .args(["generate", "--watch"])
            .current_dir(&project.0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command");
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().expect("its output")).lines();
        let stderr = BufReader::new(child.stderr.take().expect("its errors")).lines();
        let other = sender.clone();
        std::thread::spawn(move || stdout.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        std::thread::spawn(move || stderr.map_while(Result::ok).try_for_each(|line| other.send(line)));
        Self { child, lines }
    }

    /// Waits for a line that starts with a text.
    fn expect(&self, start: &str) {
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(20)) {
            if line.starts_with(start) {
                return;
            }
            seen.push(line);
        }
        panic!("no line starts with {start:?}: {seen:#?}");
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn changes_are_generated_and_mistakes_do_not_end_it() {
    let project = Project::new("watch");
    project.define("../fanfare.yaml", "outputs: [{ language: typescript, folder: web }]\n");
    let watching = Watching::start(&project);
    watching.expect("watching for changes");

    project.define("news.yaml", &DEFINITION.replace("text", "title"));
    watching.expect("wrote web/news.types.d.ts");
    watching.expect("watching for changes");

    project.define("news.yaml", "version: 1\nchannels: [");
    watching.expect("error[E0001]");
    project.define("deeper/weather.yaml", &DEFINITION.replace("news", "weather"));
    project.define("news.yaml", DEFINITION);
    watching.expect("wrote web/deeper/weather.js");
    watching.expect("watching for changes");

    std::fs::remove_dir_all(project.schemas()).expect("the definitions");
    watching.expect("error[");
    project.define("news.yaml", DEFINITION);
    watching.expect("removed web/deeper/weather.js");
    watching.expect("watching for changes");
    project.define("news.yaml", &DEFINITION.replace("text", "title"));
    watching.expect("wrote web/news.types.d.ts");

    project.define("../fanfare.yaml", "outputs: [{ language: json-schema, folder: docs }]\n");
    watching.expect("wrote docs/news/headline.json");
}

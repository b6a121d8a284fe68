//! Tests of the command `fanfare`, and that build scripts and the library produce the same bytes.

mod configuration;
mod dev;
mod init;
mod remote;
mod running;
mod stale;
mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::SystemTime;

const DEFINITION: &str = "\
version: 1
channels:
  news:
    address: news:{topic}
    params: { topic: { type: string } }
    topics:
      headline: { payload: { type: object, required: [text], properties: { text: { type: string } } } }
";

#[test]
fn generate_writes_all_outputs_once() {
    let project = Project::new("generate");
    let first = project.fanfare(&["generate"]);
    assert_exit(&first, 0);
    assert!(stdout(&first).contains("wrote generated/rust/news.rs\n"), "{}", stdout(&first));
    let files = project.outputs();
    for path in [
        "rust/channels.rs",
        "rust/news.rs",
        "typescript/news.js",
        "typescript/news.d.ts",
        "typescript/index.js",
        "json-schema/news/headline.json",
    ] {
        assert!(files.contains_key(path), "{path} is missing in {:?}", files.keys());
    }

    let times = project.times();
    let second = project.fanfare(&["generate"]);
    assert_exit(&second, 0);
    assert_eq!(stdout(&second), format!("{} files up to date (0 written)\n", files.len()));
    assert_eq!(project.times(), times);
}

#[test]
fn references_cannot_leave_the_folder_unless_allowed() {
    let project = Project::new("outside");
    std::fs::create_dir(project.0.join("shared")).expect("a folder");
    let secret = "text: { type: string }\nsecret: hunter2\n";
    std::fs::write(project.0.join("shared/headline.yaml"), secret).expect("a file");
    let headline = "{ type: object, required: [text], properties: { text: { type: string } } }";
    let outside = [
        "../shared/headline.yaml",
        "./inner/../../shared/headline.yaml",
        &format!("{}/shared/headline.yaml", project.0.display()),
        "..%2Fshared/headline.yaml",
    ];
    for reference in outside {
        project.define("news.yaml", &DEFINITION.replace(headline, &format!("{{ $ref: \"{reference}\" }}")));
        let refused = project.fanfare(&["generate"]);
        assert_exit(&refused, 1);
        let text = stderr(&refused);
        assert!(text.contains("is outside the definition folder"), "{text}");
        assert!(text.contains("--allow-refs-to"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }

    std::fs::write(project.0.join("shared/headline.yaml"), headline).expect("a file");
    project.define("news.yaml", &DEFINITION.replace(headline, "{ $ref: \"../shared/headline.yaml\" }"));
    assert_exit(&project.fanfare(&["generate", "--allow-refs-to", "other", "--allow-refs-to", "shared"]), 0);
    assert_exit(&project.fanfare(&["lint", "--allow-refs-to", "shared"]), 0);
    let schemas = fanfare_codegen::Schemas::new(project.schemas()).allow_refs_to(project.0.join("shared"));
    assert!(fanfare_codegen::generate(schemas).is_ok());
}

#[test]
fn only_changed_files_are_written() {
    let project = Project::new("changed");
    project.fanfare(&["generate"]);
    let before = project.times();
    project.define("other.yaml", &DEFINITION.replace("news", "weather"));
    let output = project.fanfare(&["generate"]);
    assert_exit(&output, 0);
    assert_eq!(project.times()["rust/news.rs"], before["rust/news.rs"]);
    assert!(!stdout(&output).contains("wrote generated/rust/news.rs"));
    assert!(stdout(&output).contains("wrote generated/rust/weather.rs"));
}

#[test]
fn check_fails_if_one_character_differs() {
    let project = Project::new("check");
    project.fanfare(&["generate"]);
    let current = project.fanfare(&["generate", "--check"]);
    assert_exit(&current, 0);
    assert_eq!(stdout(&current), "all generated files are up to date\n");

    let path = project.out().join("rust/news.rs");
    let text = std::fs::read_to_string(&path).expect("a generated file");
    std::fs::write(&path, text.replacen("pub text: String", "pub text: Strinq", 1))
        .expect("a file that can be written");
    let before = (project.outputs(), project.times());
    let summary = project.fanfare(&["generate", "--check"]);
    assert_exit(&summary, 1);
    assert_eq!(
        stdout(&summary),
        "changed generated/rust/news.rs (+1 -1)\n1 file out of date; run `fanfare generate` and commit the result\nrun with `--diff` to see the differences; `fanfare breaking --against <VERSION>` shows what the change breaks\n"
    );
    let stale = project.fanfare(&["generate", "--check", "--diff"]);
    assert_exit(&stale, 1);
    let text = stdout(&stale);
    assert!(
        text.starts_with("changed generated/rust/news.rs (+1 -1)\n--- on disk: news.rs\n+++ generated\n@@ "),
        "{text}"
    );
    assert!(text.contains("\n-    pub text: Strinq,\n+    pub text: String,\n"), "{text}");
    assert!(text.ends_with("\n1 file out of date; run `fanfare generate` and commit the result\n"), "{text}");
    assert_eq!((project.outputs(), project.times()), before, "--check writes nothing");

    assert_exit(&project.fanfare(&["generate"]), 0);
    assert_exit(&project.fanfare(&["generate", "--check"]), 0);
}

#[test]
fn check_finds_missing_files_and_orphans() {
    let project = Project::new("missing");
    assert_exit(&project.fanfare(&["generate", "--check"]), 1);
    assert!(project.outputs().is_empty(), "--check writes nothing");

    project.fanfare(&["generate"]);
    std::fs::copy(project.out().join("rust/news.rs"), project.out().join("rust/olds.rs")).expect("a copy");
    let orphaned = project.fanfare(&["generate", "--check"]);
    assert_exit(&orphaned, 1);
    assert!(stdout(&orphaned).starts_with("orphaned generated/rust/olds.rs (+0 -"), "{}", stdout(&orphaned));
}

#[test]
fn orphans_are_removed_and_user_files_are_kept() {
    let project = Project::new("orphans");
    project.define("other.yaml", &DEFINITION.replace("news", "weather"));
    project.fanfare(&["generate"]);
    let own = [
        ("rust/Cargo.toml", "[package]\n"),
        ("rust/lib.rs", "include!(\"channels.rs\");\n"),
        ("elsewhere.rs", "// @generated by fanfare from another project. Do not edit.\n"),
        ("typescript/mine.ts", "// one\n// two\n// three\n// four\n// @generated by fanfare from nothing\n"),
        ("json-schema/weather/notes.md", "@generated by fanfare from a note\n"),
    ];
    for (path, text) in own {
        std::fs::write(project.out().join(path), text).expect("a file that can be written");
    }
    std::fs::remove_file(project.schemas().join("other.yaml")).expect("a definition");
    let output = project.fanfare(&["generate"]);
    assert_exit(&output, 0);
    assert!(stdout(&output).contains("removed generated/rust/weather.rs\n"), "{}", stdout(&output));
    let files = project.outputs();
    assert!(
        !files.keys().any(|path| path.contains("weather") && !path.ends_with("notes.md")),
        "{:?}",
        files.keys()
    );
    for (path, text) in own {
        assert_eq!(files.get(path).map(String::as_str), Some(text), "{path}");
    }
}

#[test]
fn empty_folders_of_orphans_are_removed() {
    let project = Project::new("folders");
    project.define("deep/er.yaml", &DEFINITION.replace("news", "weather"));
    project.fanfare(&["generate"]);
    assert!(project.out().join("typescript/deep").is_dir());
    std::fs::remove_dir_all(project.schemas().join("deep")).expect("a folder");
    project.fanfare(&["generate"]);
    assert!(!project.out().join("typescript/deep").exists());
    assert!(!project.out().join("json-schema/weather").exists());
}

#[cfg(unix)]
#[test]
fn files_behind_symlinks_are_not_removed() {
    let project = Project::new("links");
    project.fanfare(&["generate"]);
    let (elsewhere, out) = (project.0.join("elsewhere"), project.out());
    std::fs::create_dir_all(&elsewhere).expect("a folder");
    std::fs::copy(out.join("rust/news.rs"), elsewhere.join("other.rs")).expect("a copy");
    std::os::unix::fs::symlink(&elsewhere, out.join("rust/link")).expect("a link");
    std::os::unix::fs::symlink(&out, out.join("rust/circle")).expect("a link");
    let output = project.fanfare(&["generate"]);
    assert_exit(&output, 0);
    assert!(elsewhere.join("other.rs").exists(), "{}", stdout(&output));
}

#[test]
fn an_output_folder_inside_the_definition_folder_is_an_error() {
    let project = Project::new("inside");
    let output = project.fanfare(&["generate", "--out", "schemas/generated"]);
    assert_exit(&output, 2);
    assert!(
        stderr(&output).contains("is inside the definition folder; choose another"),
        "{}",
        stderr(&output)
    );
    assert!(!project.schemas().join("generated").exists());
}

#[test]
fn an_invalid_definition_writes_nothing() {
    let project = Project::new("wrong");
    project.fanfare(&["generate"]);
    let before = (project.outputs(), project.times());
    project.define("news.yaml", &DEFINITION.replace("type: string }", "type: string, minLenght: 1 }"));
    for arguments in [vec!["generate"], vec!["generate", "--check"]] {
        let output = project.fanfare(&arguments);
        assert_exit(&output, 1);
        assert_eq!(stdout(&output), "");
        let text = stderr(&output);
        assert!(
            text.starts_with("error[E0005]: unknown keyword `minLenght`\n --> schemas/news.yaml:5:38\n"),
            "{text}"
        );
        assert!(text.ends_with("2 errors; nothing was written\n"), "{text}");
        assert!(!text.contains('\u{1b}'), "no colours without a terminal");
    }
    assert_eq!((project.outputs(), project.times()), before);
}

#[test]
fn an_unwritable_output_leaves_no_files() {
    let project = Project::new("unwritable");
    std::fs::create_dir_all(project.out()).expect("a folder");
    std::fs::write(project.out().join("typescript"), "a file in the way").expect("a file");
    let output = project.fanfare(&["generate"]);
    assert_exit(&output, 2);
    assert!(stderr(&output).starts_with("error: generated/typescript"), "{}", stderr(&output));
    assert_eq!(project.outputs().keys().collect::<Vec<_>>(), ["typescript"]);
}

#[test]
fn a_folder_instead_of_an_output_leaves_no_files() {
    let project = Project::new("in-the-way");
    std::fs::create_dir_all(project.out().join("typescript/news.js")).expect("a folder");
    assert_exit(&project.fanfare(&["generate"]), 2);
    assert!(project.outputs().is_empty());
}

#[cfg(unix)]
#[test]
fn a_failed_write_changes_no_outputs() {
    let project = Project::new("half");
    project.fanfare(&["generate"]);
    std::fs::remove_dir_all(project.out().join("typescript")).expect("a folder");
    std::os::unix::fs::symlink("nowhere/at/all", project.out().join("typescript")).expect("a link");
    let before = project.outputs();
    project.define("news.yaml", &DEFINITION.replace("text", "title"));
    let output = project.fanfare(&["generate"]);
    assert_exit(&output, 2);
    assert_eq!(project.outputs(), before, "{}", stderr(&output));
}

/// A value of a huge type would overflow the stack of the thread that decodes it.
#[test]
fn parts_of_huge_types_are_boxed() {
    let project = Project::new("huge");
    let list = |letter: &str, schema: &str| {
        let all: Vec<String> = (0..24).map(|at| format!("{letter}{at}: {{ {schema} }}")).collect();
        all.join(", ")
    };
    let texts = list("t", "type: string");
    let rows = list("r", "$ref: \"#/$defs/Row\"");
    let payload = format!("type: object, properties: {{ row: {{ $ref: \"#/$defs/Row\" }}, {rows} }}");
    let small = "type: object, properties: { row: { $ref: \"#/$defs/Row\" } }";
    let topics =
        format!("topics: {{ big: {{ payload: {{ {payload} }} }}, small: {{ payload: {{ {small} }} }} }}");
    project.define(
        "huge.yaml",
        &format!(
            "version: 1\nchannels: {{ huge: {{ address: huge, {topics} }} }}\n\
             $defs: {{ Row: {{ type: object, properties: {{ {texts} }} }} }}\n"
        ),
    );
    assert_exit(&project.fanfare(&["generate"]), 0);
    let rust = &project.outputs()["rust/huge.rs"];
    assert_eq!(rust.matches("Box<").count(), 25, "{rust}");
}

#[test]
fn schema_prints_the_schema_of_the_format() {
    let output = Project::new("schema").fanfare(&["schema"]);
    assert_exit(&output, 0);
    assert_eq!(stdout(&output), fanfare_codegen::format_schema());
    let output = Project::new("schema-configuration").fanfare(&["schema", "--configuration"]);
    assert_exit(&output, 0);
    assert_eq!(stdout(&output), fanfare_codegen::configuration_schema());
}

#[test]
fn incorrect_usage_exits_with_2() {
    let project = Project::new("usage");
    for arguments in
        [vec![], vec!["generat"], vec!["generate", "--nope"], vec!["generate", "--out"], vec!["schema", "x"]]
    {
        let output = project.fanfare(&arguments);
        assert_exit(&output, 2);
        let text = stderr(&output);
        assert!(text.contains("Usage: fanfare") || text.contains("try '--help'"), "{text}");
    }
    let output = project.fanfare(&["generate", "--schemas", "nowhere"]);
    assert_exit(&output, 1);
    assert!(stderr(&output).contains("--> nowhere"), "{}", stderr(&output));
}

#[test]
fn help_contains_examples() {
    let project = Project::new("help");
    for verb in ["generate", "schema", "tail", "publish", "signal", "token"] {
        let output = project.fanfare(&[verb, "--help"]);
        assert_exit(&output, 0);
        assert!(stdout(&output).contains(&format!("Examples:\n  fanfare {verb}")));
    }
}

#[test]
fn command_build_script_and_library_produce_the_same_bytes() {
    let project = Project::new("same");
    project.fanfare(&["generate"]);
    let command = project.outputs();

    let library = fanfare_codegen::generate(project.schemas()).expect("a valid definition");
    let absolute = format!("{}/", project.0.display());
    let library: BTreeMap<String, String> =
        library.iter().map(|(path, text)| (path.to_owned(), text.replace(&absolute, ""))).collect();
    assert_eq!(library, command);

    let out = project.0.join("target/out");
    std::fs::create_dir_all(&out).expect("a folder");
    let script = || {
        Command::new(std::env::current_exe().expect("this test's binary"))
            .args(["--exact", "build_script", "--ignored", "--nocapture"])
            .current_dir(&project.0)
            .env("OUT_DIR", &out)
            .output()
            .expect("a process")
    };
    let output = script();
    assert_exit(&output, 0);
    let text = stdout(&output);
    for watched in ["schemas", "schemas/news.yaml"] {
        assert!(text.contains(&format!("cargo::rerun-if-changed={watched}\n")), "{text}");
    }
    let compiled = files(&out);
    let rust = command.iter().filter_map(|(path, text)| Some((path.strip_prefix("rust/")?, text)));
    let rust: BTreeMap<String, String> =
        rust.map(|(path, text)| (format!("fanfare/{path}"), text.clone())).collect();
    assert_eq!(compiled, rust);

    let times = modified(&out);
    assert_exit(&script(), 0);
    assert_eq!(modified(&out), times, "a second run writes nothing");
}

/// Runs in a separate process, like a build script.
#[test]
#[ignore = "another test runs it"]
fn build_script() {
    fanfare_codegen::compile("schemas").expect("a valid definition");
}

#[test]
fn a_build_script_needs_out_dir() {
    let project = Project::new("no-out-dir");
    let output = Command::new(std::env::current_exe().expect("this test's binary"))
        .args(["--exact", "build_script", "--ignored"])
        .current_dir(&project.0)
        .env_remove("OUT_DIR")
        .output()
        .expect("a process");
    assert!(!output.status.success());
    assert!(stdout(&output).contains("OUT_DIR is not set"), "{}", stdout(&output));
}

/// A temporary folder with a definition.
struct Project(PathBuf);

impl Project {
    fn new(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("command-{name}-{}", std::process::id()));
        let project = Self(path);
        project.define("news.yaml", DEFINITION);
        project
    }

    fn define(&self, path: &str, text: &str) {
        let path = self.schemas().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder that can be made");
        std::fs::write(path, text).expect("a file that can be written");
    }

    fn schemas(&self) -> PathBuf {
        self.0.join("schemas")
    }

    fn out(&self) -> PathBuf {
        self.0.join("generated")
    }

    fn outputs(&self) -> BTreeMap<String, String> {
        files(&self.out())
    }

    fn times(&self) -> BTreeMap<String, SystemTime> {
        modified(&self.out())
    }

    fn fanfare(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the command")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fanfare"));
        command.args(arguments).current_dir(&self.0);
        command
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The texts of all files below a folder.
fn files(folder: &Path) -> BTreeMap<String, String> {
    paths(folder)
        .into_iter()
        .map(|(name, path)| (name, std::fs::read_to_string(path).expect("a text")))
        .collect()
}

fn modified(folder: &Path) -> BTreeMap<String, SystemTime> {
    let time = |path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).expect("a time");
    paths(folder).into_iter().map(|(name, path)| (name, time(path))).collect()
}

fn paths(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(current) = open.pop() {
        for entry in std::fs::read_dir(current).into_iter().flatten() {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                open.push(path);
            } else if path.is_file() {
                found.push((
                    path.strip_prefix(folder).expect("a path below").to_string_lossy().replace('\\', "/"),
                    path,
                ));
            }
        }
    }
    found
}

fn assert_exit(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}{}", stdout(output), stderr(output));
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

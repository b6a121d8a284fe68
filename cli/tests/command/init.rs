//! `fanfare init`: into an empty folder, a Rust package, a workspace and an npm package.

use std::path::Path;

use crate::{Project, assert_exit, stderr, stdout};

fn empty(name: &str) -> Project {
    let project = Project::new(name);
    std::fs::remove_dir_all(project.schemas()).expect("the folder of definitions");
    project
}

fn read(project: &Project, path: &str) -> String {
    std::fs::read_to_string(project.0.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn an_empty_folder_gets_the_project_of_the_readme() {
    let project = empty("init-empty");
    let output = project.fanfare(&["init", "--checkout", "../fanfare"]);
    assert_exit(&output, 0);
    let readme = include_str!("../../../README.md");
    for (path, language, comment) in [
        ("schemas/pipeline.yaml", "yaml", "# schemas/pipeline.yaml"),
        ("build.rs", "rust", "// build.rs"),
        ("src/main.rs", "rust", "// src/main.rs"),
        ("index.html", "html", "<!-- index.html -->"),
        ("main.ts", "ts", "// main.ts"),
        ("vite.config.js", "js", "// vite.config.js"),
    ] {
        assert!(stdout(&output).contains(&format!("wrote {path}\n")), "{}", stdout(&output));
        let shown = format!("```{language}\n{comment}\n{}```\n", read(&project, path));
        assert!(readme.contains(&shown), "the README should show {path} as `fanfare init` writes it");
    }
    let manifest = read(&project, "Cargo.toml");
    let (_, dependencies) = manifest.split_once("\n\n").expect("dependencies");
    assert!(readme.contains(&format!("```toml\n# Cargo.toml\n{dependencies}```\n")), "{dependencies}");
    assert!(read(&project, "package.json").contains("\"fanfare\": \"file:../fanfare/runtime/typescript\""));
    assert!(project.0.join("generated/typescript/pipeline.js").exists());
    assert_exit(&project.fanfare(&["generate", "--check"]), 0);

    let again = project.fanfare(&["init"]);
    assert_exit(&again, 2);
    assert!(stderr(&again).contains("`fanfare.yaml` already exists"), "{}", stderr(&again));
}

#[test]
fn published_packages_are_the_default() {
    let project = empty("init-published");
    assert_exit(&project.fanfare(&["init"]), 0);
    assert!(read(&project, "Cargo.toml").contains("fanfare = { version = \"0.1\" }"));
    assert!(read(&project, "package.json").contains("\"fanfare\": \"^0.1.0\""));
    assert!(!project.0.join(".npmrc").exists());
}

#[test]
fn a_rust_package_keeps_its_files() {
    let project = empty("init-rust");
    let manifest = "[package]\nname = \"shop\" # ours\nversion = \"1.0.0\"\nedition = \"2024\"\n\n[dependencies]\nfanfare = { path = \"mine\" }\n";
    project.define("../Cargo.toml", manifest);
    project.define("../src/main.rs", "fn main() {}\n");
    project.define("../build.rs", "fn main() { mine() }\n");
    let output = project.fanfare(&["init"]);
    assert_exit(&output, 0);
    assert!(stdout(&output).contains("kept build.rs (already exists)\n"), "{}", stdout(&output));
    assert_eq!(read(&project, "src/main.rs"), "fn main() {}\n");
    let changed = read(&project, "Cargo.toml");
    assert!(changed.starts_with(manifest), "{changed}");
    assert!(changed.contains("[build-dependencies]\nfanfare-codegen = { version = \"0.1\" }"));
    assert!(!project.0.join("package.json").exists() && !project.0.join("index.html").exists());
}

#[test]
fn a_workspace_is_left_alone() {
    let project = empty("init-workspace");
    let manifest = "[workspace]\nmembers = [\"server\"]\n";
    project.define("../Cargo.toml", manifest);
    let output = project.fanfare(&["init"]);
    assert_exit(&output, 0);
    assert!(
        stdout(&output).contains("run `fanfare init` in the package of your server"),
        "{}",
        stdout(&output)
    );
    assert_eq!(read(&project, "Cargo.toml"), manifest);
    assert!(!project.0.join("build.rs").exists());
}

#[test]
fn an_npm_package_gets_its_definitions_and_channels() {
    let project = Project::new("init-npm");
    project.define("../src/App.tsx", "\n");
    project.define(
        "../package.json",
        "{ \"name\": \"web\", \"zeta\": 1, \"dependencies\": { \"react\": \"19\" }, \"alpha\": 2 }",
    );
    let output = project.fanfare(&["init"]);
    assert_exit(&output, 0);
    assert_eq!(
        read(&project, "package.json"),
        "{ \"name\": \"web\", \"zeta\": 1, \"dependencies\": {\n    \"fanfare\": \"^0.1.0\",\n    \"react\": \"19\"\n  }, \"alpha\": 2 }"
    );
    // The definitions that exist are used.
    assert!(!project.schemas().join("pipeline.yaml").exists());
    assert!(project.0.join("src/generated/news.js").exists());
    assert!(!project.0.join("Cargo.toml").exists());
}

#[test]
fn the_text_of_a_package_is_kept() {
    let added = "\"fanfare\": \"^0.1.0\"";
    for (before, after) in [
        (
            "{\n\t\"name\": \"web\",\n\t\"n\": 1.10,\n\t\"dependencies\": {\n\t\t\"vue\": \"3\"\n\t}\n}"
                .to_owned(),
            format!(
                "{{\n\t\"name\": \"web\",\n\t\"n\": 1.10,\n\t\"dependencies\": {{\n\t\t{added},\n\t\t\"vue\": \"3\"\n\t}}\n}}"
            ),
        ),
        (
            "{\r\n    \"name\": \"web\",\r\n    \"list\": [1,2]\r\n}\r\n".to_owned(),
            format!(
                "{{\r\n    \"name\": \"web\",\r\n    \"list\": [1,2],\r\n    \"dependencies\": {{\r\n        {added}\r\n    }}\r\n}}\r\n"
            ),
        ),
        (
            "\u{feff}{\n  \"dependencies\": {\n    \"vue\": \"3\",\n    \"axios\": \"1e0\"\n  }\n}\n"
                .to_owned(),
            format!(
                "\u{feff}{{\n  \"dependencies\": {{\n    \"vue\": \"3\",\n    \"axios\": \"1e0\",\n    {added}\n  }}\n}}\n"
            ),
        ),
    ] {
        let project = Project::new("init-text");
        project.define("../package.json", &before);
        assert_exit(&project.fanfare(&["init"]), 0);
        assert_eq!(read(&project, "package.json"), after);
    }
}

#[test]
fn a_folder_inside_a_project_is_refused() {
    let project = Project::new("init-nested");
    project.define("../.git/HEAD", "ref: refs/heads/main\n");
    project.define("../fanfare.yaml", "version: 1\n");
    project.define("../apps/web/package.json", "{}\n");
    let init = || {
        let web = project.0.join("apps/web");
        std::process::Command::new(env!("CARGO_BIN_EXE_fanfare"))
            .arg("init")
            .current_dir(web)
            .output()
            .expect("the command")
    };
    let output = init();
    assert_exit(&output, 2);
    let text = stderr(&output);
    assert!(text.starts_with("error: this folder belongs to the project of `"), "{text}");
    assert!(text.contains("`- { language: typescript, folder: apps/web/generated }`"), "{text}");
    assert_eq!(read(&project, "apps/web/package.json"), "{}\n");

    // A repository of its own inside the other.
    project.define("../apps/web/.git", "gitdir: ../../.git/modules/web\n");
    assert_exit(&init(), 0);
}

#[test]
fn definitions_in_subfolders_and_existing_dependencies_are_kept() {
    let project = empty("init-kept");
    project.define("sub/pipeline.yml", crate::DEFINITION);
    project.define("channels.schema.json", "{}\n");
    let package = "{\n\t\"dependencies\": { \"fanfare\": \"workspace:*\" },\n\t\"n\": 1.10\n}\n";
    project.define("../package.json", package);
    assert_exit(&project.fanfare(&["init"]), 0);
    assert!(!project.schemas().join("pipeline.yaml").exists());
    assert_eq!(read(&project, "package.json"), package);

    let project = empty("init-schema-only");
    project.define("channels.schema.json", "{}\n");
    assert_exit(&project.fanfare(&["init"]), 0);
    assert!(project.schemas().join("pipeline.yaml").exists());
}

#[test]
fn nothing_is_written_if_a_manifest_is_broken() {
    let project = empty("init-nothing");
    project.define("../Cargo.toml", "[package]\nname = \"shop\"\n");
    project.define("../package.json", "{ \"name\": \"x\", }");
    assert_exit(&project.fanfare(&["init"]), 2);
    assert_eq!(read(&project, "Cargo.toml"), "[package]\nname = \"shop\"\n");
    assert!(!project.0.join("build.rs").exists() && !project.0.join("fanfare.yaml").exists());
}

#[test]
fn files_that_cannot_be_read_are_explained() {
    for (file, text, expected) in [
        ("Cargo.toml", "[package", "error: Cargo.toml: "),
        ("package.json", "{", "error: package.json: "),
        ("package.json", "{ \"dependencies\": [] }", "`dependencies` is not an object"),
    ] {
        let project = Project::new("init-broken");
        project.define(&Path::new("..").join(file).to_string_lossy(), text);
        let output = project.fanfare(&["init"]);
        assert_exit(&output, 2);
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
        assert_eq!(read(&project, file), text);
    }
}

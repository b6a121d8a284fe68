//! `fanfare init`: sets up Fanfare in a folder.

use std::fmt::Write as _;
use std::path::Path;

use fanfare_codegen::{CONFIGURATION, Configuration, Error, Generator, lint};
use toml_edit::{DocumentMut, InlineTable, Item, Table, value};

use super::package_json;

/// Writes what the current folder needs. Returns a report with the next steps.
pub(super) fn init(checkout: Option<&Path>) -> Result<String, Error> {
    if Path::new(CONFIGURATION).exists() {
        return Err(failure(format!("`{CONFIGURATION}` already exists; run `fanfare generate`")));
    }
    refuse_nested()?;
    let (has_cargo, has_npm) = (Path::new("Cargo.toml").exists(), Path::new("package.json").exists());
    if has_npm {
        // Before anything is written.
        package_json::check(&read("package.json")?).map_err(|error| in_package_json(&error))?;
    }
    let is_new = !has_cargo && !has_npm;
    let mut folder = Folder { checkout, report: String::new() };
    if !has_definitions() {
        folder.write("schemas/pipeline.yaml", include_str!("../templates/pipeline.yaml"))?;
    }
    let mut next = Vec::new();
    if is_new {
        folder.write("Cargo.toml", include_str!("../templates/Cargo.toml.in"))?;
        folder.write("src/main.rs", include_str!("../templates/main.rs"))?;
        folder.write(".gitignore", "/target\n/node_modules\n/dist\n")?;
        folder.write("package.json", include_str!("../templates/package.json"))?;
        folder.write("index.html", include_str!("../templates/index.html"))?;
        folder.write("main.ts", include_str!("../templates/main.ts"))?;
        folder.write("vite.config.js", include_str!("../templates/vite.config.js"))?;
        next.push("FANFARE_SIGNING_KEY=$(openssl rand -hex 32) cargo run");
        next.push("npm install && npm run dev    # in another terminal; open the address that it prints");
    }
    if is_new || has_cargo {
        if folder.depend_in_cargo()? {
            if Path::new("build.rs").exists() {
                next.push("# call `fanfare_codegen::compile(\"schemas\")?` in build.rs");
            }
            folder.write("build.rs", include_str!("../templates/build.rs"))?;
            if !is_new {
                next.push("cargo add axum && cargo add tokio --features full");
                next.push(concat!(
                    "# then add a hub to your server: ",
                    env!("CARGO_PKG_REPOSITORY"),
                    "#2-publish"
                ));
            }
        } else {
            next.push("# Cargo.toml is a workspace: run `fanfare init` in the package of your server, too");
        }
    }
    if is_new || has_npm {
        folder.depend_in_npm()?;
        if !is_new {
            next.push("npm install");
        }
    }
    let output = if !is_new && has_npm && Path::new("src").is_dir() {
        "src/generated"
    } else {
        "generated/typescript"
    };
    let configuration = format!(
        "# All keys: {}/blob/main/docs/configuration.md\nversion: 1\nschemas: schemas\noutputs:\n  - {{ language: typescript, folder: {output} }}\n",
        env!("CARGO_PKG_REPOSITORY")
    );
    folder.write(CONFIGURATION, &configuration)?;
    folder.generate()?;
    next.push("fanfare generate --watch      # after this, whenever you change schemas/");
    let mut report = folder.report;
    let _ = writeln!(report, "\nNext:");
    for step in next {
        let _ = writeln!(report, "  {step}");
    }
    Ok(report)
}

/// Refuses a folder inside a project that has a configuration already. Commands that run there would use the new one, and
/// those above it the other.
fn refuse_nested() -> Result<(), Error> {
    let folder = std::env::current_dir().map_err(Error::from)?;
    // A repository is a project of its own.
    let depth = folder.ancestors().position(|parent| parent.join(".git").exists());
    let parents = folder.ancestors().take(depth.map_or(usize::MAX, |depth| depth + 1)).skip(1);
    let Some(project) = parents.into_iter().find(|parent| parent.join(CONFIGURATION).exists()) else {
        return Ok(());
    };
    let below = folder.strip_prefix(project).unwrap_or(&folder).display();
    Err(failure(format!(
        "this folder belongs to the project of `{}`\nhelp: add an output to its `outputs`, such as `- {{ language: typescript, folder: {below}/generated }}`, and run `fanfare generate` there; for a project of its own, write a `{CONFIGURATION}` here",
        project.join(CONFIGURATION).display()
    )))
}

/// Returns `true` if the folder of definitions, or one below it, has a definition.
fn has_definitions() -> bool {
    !matches!(lint("schemas"), Err(Error::Definitions(errors)) if errors.are_only_missing())
}

/// The current folder, and a report of what happened to it.
struct Folder<'c> {
    checkout: Option<&'c Path>,
    report: String,
}

impl Folder<'_> {
    /// Writes a file, unless it exists.
    fn write(&mut self, path: &str, text: &str) -> Result<(), Error> {
        let target = Path::new(path);
        if target.exists() {
            let _ = writeln!(self.report, "kept {path} (already exists)");
            return Ok(());
        }
        self.replace(path, text, "wrote")
    }

    fn replace(&mut self, path: &str, text: &str, verb: &str) -> Result<(), Error> {
        let target = Path::new(path);
        let parent = target.parent().unwrap_or(Path::new(""));
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(target, text))
            .map_err(|error| failure(format!("{path}: {error}")))?;
        let _ = writeln!(self.report, "{verb} {path}");
        Ok(())
    }

    /// Adds the dependencies to `Cargo.toml`. Returns `false` if it has no package.
    fn depend_in_cargo(&mut self) -> Result<bool, Error> {
        let text = read("Cargo.toml")?;
        let mut manifest: DocumentMut =
            text.parse().map_err(|error| failure(format!("Cargo.toml: {error}")))?;
        if !manifest.contains_key("package") {
            return Ok(false);
        }
        add_dependency(&mut manifest, "dependencies", "fanfare", self.dependency("runtime/rust"))?;
        add_dependency(&mut manifest, "build-dependencies", "fanfare-codegen", self.dependency("codegen"))?;
        let text = manifest.to_string();
        self.replace("Cargo.toml", &text, "added `fanfare` and `fanfare-codegen` to")?;
        Ok(true)
    }

    /// A crate: the published one, or that of the checkout.
    fn dependency(&self, folder: &str) -> Item {
        let mut table = InlineTable::new();
        match self.checkout {
            Some(checkout) => table.insert("path", checkout.join(folder).display().to_string().into()),
            None => table.insert("version", minor_version().into()),
        };
        value(table)
    }

    /// Adds the dependency to `package.json`.
    fn depend_in_npm(&mut self) -> Result<(), Error> {
        let version = match self.checkout {
            Some(checkout) => format!("file:{}", checkout.join("runtime/typescript").display()),
            None => format!("^{}", env!("CARGO_PKG_VERSION")),
        };
        let text = read("package.json")?;
        match package_json::add_dependency(&text, "fanfare", &version)
            .map_err(|error| in_package_json(&error))?
        {
            Some(text) => self.replace("package.json", &text, "added `fanfare` to")?,
            None => {
                let _ = writeln!(self.report, "kept the dependency `fanfare` of package.json");
                return Ok(());
            }
        }
        if self.checkout.is_some() {
            // Otherwise npm links the folder, and its dependencies are those of the checkout.
            self.write(".npmrc", "install-links=true\n")?;
        }
        Ok(())
    }

    fn generate(&mut self) -> Result<(), Error> {
        let configuration = Configuration::read(Path::new(CONFIGURATION))?;
        Generator::default().write(&configuration)?;
        for output in &configuration.outputs {
            let _ = writeln!(self.report, "generated {}", output.folder.display());
        }
        Ok(())
    }
}

/// Adds a dependency, unless the manifest has it.
fn add_dependency(manifest: &mut DocumentMut, kind: &str, name: &str, dependency: Item) -> Result<(), Error> {
    let dependencies = manifest.entry(kind).or_insert_with(|| Item::Table(Table::new()));
    let Some(dependencies) = dependencies.as_table_like_mut() else {
        return Err(failure(format!("Cargo.toml: `{kind}` is not a table")));
    };
    if !dependencies.contains_key(name) {
        dependencies.insert(name, dependency);
    }
    Ok(())
}

fn read(path: &str) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| failure(format!("{path}: {error}")))
}

/// The version without the patch, as Cargo's requirements are usually written.
fn minor_version() -> &'static str {
    concat!(env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"))
}

fn in_package_json(message: &str) -> Error {
    failure(format!("package.json: {message}"))
}

fn failure(message: String) -> Error {
    std::io::Error::other(message).into()
}

//! `cargo xtask docs`: builds a site from the Markdown files, with the APIs in Rust and TypeScript.
//!
//! `VitePress` makes the site: it fails on dead links, searches without a network, and has a dark mode. Version 1 is the
//! current stable release, and a folder of npm packages is its whole cost; mdBook takes minutes to compile.

mod pages;

use crate::failure::{Failure, Result};
use crate::paths::{create_empty_folder, create_folder, in_root, read_file, target, write_file};
use crate::process::{self, WaitOutcome, cargo, command, run, run_quietly};
use crate::step::step;
use crate::tools;
use pages::Index;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(clap::Args)]
pub(crate) struct Docs {
    /// Serve the site after it is built, until Ctrl-C is pressed
    #[arg(long)]
    serve: bool,
    /// Port of the server
    #[arg(long, value_name = "N", default_value_t = 4173, requires = "serve")]
    port: u16,
}

impl Docs {
    pub(crate) fn run(&self) -> Result {
        tools::ensure_npm_packages()?;
        let site = in_root("site");
        if !tools::are_packages_installed(&site) {
            step("Installing the npm packages of the site", || tools::install_packages(&site))?;
        }
        let folders = Folders::new();
        step("Collecting the pages", || folders.collect_pages())?;
        step("Documenting TypeScript", || folders.document_typescript())?;
        step("Documenting Rust", document_rust)?;
        step("Building the site", || folders.build_site())?;
        step("Checking links", || run(folders.node("check-links.js").arg(&folders.site)))?;
        println!("\n  The site is in {}", folders.site.display());
        if self.serve { self.serve(&folders) } else { Ok(()) }
    }

    fn serve(&self, folders: &Folders) -> Result {
        process::stop_on_interrupt()?;
        let mut preview = folders.node(VITEPRESS);
        let mut server = process::start(preview.args(["preview", "--port", &self.port.to_string()]))?;
        println!("\n  Open http://localhost:{}\n  Press Ctrl-C to stop the server.\n", self.port);
        match server.wait()? {
            WaitOutcome::Interrupted => Ok(()),
            WaitOutcome::Exited | WaitOutcome::Killed => Err(Failure::new("the server exited")),
        }
    }
}

/// The pictures of `README.md` and the pages.
const PICTURES: &str = "docs/images";
const VITEPRESS: &str = "node_modules/vitepress/bin/vitepress.js";

struct Folders {
    all: PathBuf,
    /// The pages that the generator reads.
    source: PathBuf,
    site: PathBuf,
}

impl Folders {
    fn new() -> Self {
        let all = target().join("docs");
        Self { source: all.join("source"), site: all.join("site"), all }
    }

    /// Returns a command that runs a program of the site.
    fn node(&self, program: &str) -> Command {
        let mut command = command("node", &[program]);
        command.current_dir(in_root("site")).env("FANFARE_DOCS", &self.all);
        command
    }

    /// Copies the Markdown files, unchanged, and writes the indexes for coding agents.
    fn collect_pages(&self) -> Result {
        create_empty_folder(&self.source)?;
        let index = Index::read()?;
        write_file(&in_root("llms.txt"), &index.short())?;
        let public = self.source.join("public");
        // VitePress copies `public` to the site, so the links of `llms.txt` lead to Markdown there, too.
        for page in index.pages() {
            write_file(&self.source.join(&page.path), &page.text)?;
            write_file(&public.join(&page.path), &page.text)?;
        }
        for folder in [&self.source, &public] {
            copy_folder(&in_root(PICTURES), &folder.join(PICTURES))?;
        }
        write_file(&self.source.join("llms.txt"), &index.short())?;
        write_file(&public.join("llms.txt"), &index.short())?;
        write_file(&public.join("llms-full.txt"), &index.full())
    }

    fn document_typescript(&self) -> Result {
        let out = self.source.join("typescript");
        run_quietly(self.node("node_modules/typedoc/bin/typedoc").arg("--out").arg(out))
    }

    fn build_site(&self) -> Result {
        run_quietly(self.node(VITEPRESS).arg("build"))?;
        copy_folder(&target().join("doc"), &self.site.join("rust"))
    }
}

/// Runs rustdoc into an empty folder, so that no other crates are in it.
fn document_rust() -> Result {
    create_empty_folder(&target().join("doc"))?;
    let mut rustdoc =
        cargo(&["doc", "--quiet", "--no-deps", "--package", "fanfare", "--package", "fanfare-codegen"]);
    run(rustdoc
        .args(["--lib", "--features", "fanfare/jwks,fanfare/studio"])
        .env("RUSTDOCFLAGS", "--deny warnings"))
}

fn copy_folder(from: &Path, to: &Path) -> Result {
    create_folder(to)?;
    for entry in fs::read_dir(from).map_err(|error| Failure::at(from, &error))? {
        let path = entry.map_err(|error| Failure::at(from, &error))?.path();
        let copy = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_folder(&path, &copy)?;
        } else {
            copy_file(&path, &copy)?;
        }
    }
    Ok(())
}

/// Copies a file into a folder that exists.
fn copy_file(from: &Path, to: &Path) -> Result {
    fs::copy(from, to).map(drop).map_err(|error| Failure::at(from, &error))
}

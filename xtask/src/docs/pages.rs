//! The pages of the documentation, and the indexes of them for coding agents: `llms.txt` and `llms-full.txt`.

use super::{Failure, Result, in_root, read_file};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// The sections of the site, with their pages in the order for readers. The last section also has the pages of `docs`
/// that are not listed.
const SECTIONS: [(&str, &[&str]); 6] = [
    ("Start", &["README.md", "examples/content-pipeline/README.md", "docs/moving-from-inngest-realtime.md"]),
    (
        "Guides",
        &[
            "docs/guides/existing-project.md",
            "docs/guides/nextjs.md",
            "docs/guides/vite.md",
            "docs/guides/sveltekit.md",
            "docs/guides/axum.md",
            "docs/guides/other-rust-servers.md",
            "docs/guides/your-auth.md",
            "docs/proxies.md",
        ],
    ),
    (
        "Definitions",
        &[
            "docs/definition.md",
            "docs/json-schema.md",
            "docs/diagnostics.md",
            "docs/configuration.md",
            "docs/from-rust-types.md",
            "docs/changing-definitions.md",
            "docs/breaking-changes.md",
            "docs/asyncapi.md",
        ],
    ),
    ("Clients", &["docs/client.md", "docs/frameworks.md", "docs/testing.md", "docs/rust-client.md"]),
    (
        "Servers",
        &[
            "docs/runs.md",
            "docs/management.md",
            "docs/studio.md",
            "docs/command-line.md",
            "docs/testing-rust.md",
            "docs/storage.md",
            "docs/transactions.md",
            "docs/clusters.md",
            "docs/performance.md",
            "docs/tokens.md",
            "docs/limits.md",
            "docs/metrics.md",
            "docs/security.md",
            "SECURITY.md",
        ],
    ),
    (
        "Reference",
        &[
            "runtime/PROTOCOL.md",
            "runtime/ADMIN.md",
            "runtime/EXCHANGES.md",
            "docs/conformance.md",
            "docs/architecture.md",
            "docs/glossary.md",
            "CONTRIBUTING.md",
        ],
    ),
];

pub(super) struct Page {
    /// The path in the repository.
    pub(super) path: String,
    pub(super) text: String,
}

pub(super) struct Index {
    sections: Vec<(&'static str, Vec<Page>)>,
}

impl Index {
    pub(super) fn read() -> Result<Self> {
        let mut sections =
            SECTIONS.map(|(title, paths)| (title, paths.iter().map(ToString::to_string).collect()));
        let listed: Vec<String> =
            sections.iter().flat_map(|(_, paths): &(_, Vec<String>)| paths.clone()).collect();
        let others = ["docs", "docs/guides"].map(find_pages).into_iter().collect::<Result<Vec<_>>>()?;
        let others = others.into_iter().flatten().filter(|path| !listed.contains(path));
        if let Some((_, last)) = sections.last_mut() {
            last.extend(others);
        }
        let read = |(title, paths): (_, Vec<String>)| {
            let pages = paths.into_iter().map(|path| Ok(Page { text: read_file(&in_root(&path))?, path }));
            Ok((title, pages.collect::<Result<_>>()?))
        };
        Ok(Self { sections: sections.into_iter().map(read).collect::<Result<_>>()? })
    }

    pub(super) fn pages(&self) -> impl Iterator<Item = &Page> {
        self.sections.iter().flat_map(|(_, pages)| pages)
    }

    /// Returns `llms.txt`: the title and the first sentence of each page, with a link to its Markdown.
    pub(super) fn short(&self) -> String {
        let mut text = String::from("# Fanfare\n");
        for (title, pages) in &self.sections {
            let _ = write!(text, "\n## {title}\n\n");
            for page in pages {
                let _ = writeln!(text, "- [{}]({}): {}", page.title(), page.path, page.summary());
            }
        }
        text
    }

    /// Returns `llms-full.txt`: all pages, each with its path.
    pub(super) fn full(&self) -> String {
        self.pages().fold(String::new(), |mut text, page| {
            let _ = write!(text, "<!-- {} -->\n\n{}\n", page.path, page.text);
            text
        })
    }
}

impl Page {
    fn title(&self) -> &str {
        self.text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or(&self.path)
    }

    /// Returns the first sentence of the first paragraph, with the texts of its links.
    fn summary(&self) -> String {
        let mut paragraphs = self.text.split("\n\n").map(str::trim);
        let paragraph = paragraphs.find(|paragraph| !paragraph.starts_with(['#', '<'])).unwrap_or_default();
        let paragraph = without_links(&paragraph.replace('\n', " "));
        let end = [". ", ": "].iter().filter_map(|end| paragraph.find(end)).min().unwrap_or(paragraph.len());
        format!("{}.", paragraph[..end].trim_end_matches(['.', ':']))
    }
}

/// Returns the paths of the pages in a folder.
fn find_pages(folder: &str) -> Result<Vec<String>> {
    let path = in_root(folder);
    let entries = fs::read_dir(&path).map_err(|error| Failure::at(&path, &error))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut pages: Vec<_> = names
        .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "md"))
        .map(|name| format!("{folder}/{name}"))
        .collect();
    pages.sort();
    Ok(pages)
}

fn without_links(text: &str) -> String {
    let mut parts = text.split("](");
    let first = parts.next().unwrap_or_default().to_owned();
    let text = parts.fold(first, |text, part| text + part.split_once(')').map_or("", |(_, rest)| rest));
    text.replace('[', "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::write_file;

    #[test]
    fn the_index_for_agents_is_current() {
        let (path, current) = (in_root("llms.txt"), Index::read().unwrap().short());
        if std::env::var_os("UPDATE").is_some() {
            write_file(&path, &current).unwrap();
        }
        assert!(read_file(&path).unwrap() == current, "llms.txt is stale: UPDATE=1 cargo test -p xtask");
    }

    #[test]
    fn each_page_has_a_title_and_a_summary() {
        for page in Index::read().unwrap().pages() {
            assert_ne!(page.title(), page.path);
            assert!(page.summary().len() > 15, "{}: {}", page.path, page.summary());
        }
    }

    #[test]
    fn a_summary_is_one_sentence_without_links() {
        let text = "# Title\n\nSee [one](a.md#b) and\n[`two`](c). Then more.\n\nEnd.\n".to_owned();
        assert_eq!(Page { path: String::new(), text }.summary(), "See one and `two`.");
    }
}

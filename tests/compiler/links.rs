//! Links of the documentation lead to files and headings that exist.

use std::fs;
use std::path::Path;

/// The folders with documentation.
const FOLDERS: [&str; 5] = ["..", "../docs", "../docs/guides", "../runtime", "../examples/content-pipeline"];

#[test]
fn links_of_the_documentation_can_be_followed() {
    let mut broken = Vec::new();
    for folder in FOLDERS.map(Path::new) {
        for entry in fs::read_dir(folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.extension().is_none_or(|extension| extension != "md") {
                continue;
            }
            let text = read_prose(&path);
            let broken_here = links(&text).filter(|link| !can_be_followed(&path, link));
            broken.extend(broken_here.map(|link| format!("{}: {link}", path.display())));
        }
    }
    assert!(broken.is_empty(), "links to nothing:\n{}", broken.join("\n"));
}

#[test]
fn anchors_are_those_of_github() {
    assert_eq!(anchor("1. The wire profile"), "1-the-wire-profile");
    assert_eq!(anchor("A page's own session"), "a-pages-own-session");
    assert_eq!(anchor("`POST publish?channel=<name>[&run_id=<id>]`"), "post-publishchannelnamerun_idid");
    assert_eq!(links("[a](b.md#c) and [`d`](e) [f]").collect::<Vec<_>>(), ["b.md#c", "e"]);
}

/// Reads a document without its code blocks.
fn read_prose(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut is_code = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link)
}

fn can_be_followed(from: &Path, link: &str) -> bool {
    if link.starts_with("https://") {
        return true;
    }
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let target = if file.is_empty() { from.to_owned() } else { from.with_file_name(file) };
    target.exists() && (heading.is_empty() || has_heading(&read_prose(&target), heading))
}

/// Returns whether a document has a heading with this anchor.
fn has_heading(text: &str, wanted: &str) -> bool {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#').trim())).any(|anchor| anchor == wanted)
}

/// Returns the anchor that GitHub gives to a heading.
fn anchor(heading: &str) -> String {
    let kept = |character: &char| character.is_alphanumeric() || "-_ ".contains(*character);
    heading.to_lowercase().replace(' ', "-").chars().filter(kept).collect()
}

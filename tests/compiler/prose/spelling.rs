//! Comments and documentation contain only known words: those of the npm package `an-array-of-english-words`, and those in
//! `words.txt`. Names and code in backticks are not checked.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::checked_files;
use super::lexer::{BREAK, Language, Parts, prose};

const ENGLISH: &str = "../node_modules/an-array-of-english-words/index.json";

/// Technical terms and names, one per line, in lower case and sorted.
const TERMS: &str = include_str!("words.txt");

#[test]
fn words_are_spelt_correctly() {
    let english = std::fs::read_to_string(ENGLISH).expect("the list of words; run `npm ci` in the root");
    let english: Vec<String> = serde_json::from_str(&english).expect("a JSON array of words");
    let known: HashSet<&str> = english.iter().map(String::as_str).chain(TERMS.lines()).collect();
    let mut unknown: BTreeMap<String, String> = BTreeMap::new();
    for path in checked_files() {
        let Some(text) = text(&path) else { continue };
        for (line, word) in words(&text) {
            let word = word.to_lowercase();
            if !known.contains(word.as_str()) {
                unknown.entry(word).or_insert_with(|| format!("{path}:{line}"));
            }
        }
    }
    let unknown: Vec<String> = unknown.iter().map(|(word, place)| format!("{place}: {word}")).collect();
    assert!(
        unknown.is_empty(),
        "unknown words; correct them, put code in backticks, or add terms to tests/compiler/prose/words.txt:\n{}",
        unknown.join("\n")
    );
}

#[test]
fn terms_are_sorted_and_distinct() {
    let terms: Vec<&str> = TERMS.lines().collect();
    assert!(terms.is_sorted_by(|one, other| one < other), "tests/compiler/prose/words.txt is not sorted");
}

#[test]
fn names_and_code_are_not_words() {
    let text =
        "A `misspeled\nnam` in Rust's some_name, a-well-known on_disk JavaScript x86 src/lib.rs (zod).";
    let words: Vec<String> = words(text).into_iter().map(|(_, word)| word).collect();
    assert_eq!(words, ["Rust", "well", "known", "zod"]);
}

/// The comments of a source file, or a Markdown file without its code blocks.
fn text(path: &str) -> Option<String> {
    let language = Language::of(path).filter(|language| *language != Language::Other)?;
    let text = std::fs::read_to_string(Path::new("..").join(path)).expect("a UTF-8 file");
    if language != Language::Markdown {
        return Some(prose(&text, language, Parts::Comments));
    }
    let mut is_code = false;
    let without_code = |line: &str| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        if is_code || is_fence { "\n".to_owned() } else { line.to_owned() }
    };
    Some(text.split_inclusive('\n').map(without_code).collect())
}

/// The words of prose with their lines. Names of code are not words: text in backticks, and what contains more than
/// letters, such as paths, or capitals inside.
fn words(prose: &str) -> Vec<(usize, String)> {
    let mut words = Vec::new();
    for (number, line) in without_code(prose).lines().enumerate() {
        for chunk in line.split(|character: char| character.is_whitespace() || character == BREAK) {
            let chunk = chunk.trim_matches(|character: char| !character.is_alphanumeric());
            let chunk = chunk.strip_suffix("'s").or_else(|| chunk.strip_suffix("s'")).unwrap_or(chunk);
            if chunk.chars().all(|character| character.is_ascii_alphabetic() || "-'".contains(character)) {
                let parts =
                    chunk.split(['-', '\'']).filter(|part| part.len() > 2 && !has_inner_capital(part));
                words.extend(parts.map(|part| (number + 1, part.to_owned())));
            }
        }
    }
    words
}

fn has_inner_capital(word: &str) -> bool {
    word.chars().skip(1).any(char::is_uppercase)
}

/// Blanks out text in backticks, which may extend over a line break.
fn without_code(prose: &str) -> String {
    let mut text = String::new();
    let mut rest = prose;
    while let Some((before, after)) = rest.split_once('`') {
        text.push_str(before);
        let end = after.find(['`', BREAK]).filter(|end| after[*end..].starts_with('`'));
        let Some(end) = end else {
            rest = after;
            continue;
        };
        // Keeps the word that the code ends in, such as `$ref`s, from becoming one of its own.
        text.push_str("_ ");
        text.extend(after[..end].matches('\n'));
        rest = after[end + 1..].trim_start_matches(|character: char| character.is_ascii_alphabetic());
    }
    text + rest
}

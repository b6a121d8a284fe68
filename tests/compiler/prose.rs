//! Comments, strings and documentation use the field's usual words.
//!
//! [`PHRASES`] lists phrases that are not idiomatic, with what to write instead. Code outside of comments and strings is
//! not searched.

mod lexer;
mod spelling;

use std::path::Path;

use lexer::{Language, Parts, prose, words};

/// Folders without prose of this project, and the files that quote phrases.
const SKIPPED: &[&str] = &[
    "node_modules",
    "target",
    "dist",
    "corpus",
    // Copies of `docs` for packages.
    "codegen/docs",
    "runtime/rust/docs",
    "runtime/typescript/docs",
    "CONTRIBUTING.md",
    "docs/glossary.md",
    "tests/compiler/prose.rs",
];

/// A phrase that is not idiomatic.
struct Phrase {
    /// The words in lower case. `a|b` means either word.
    words: &'static str,
    instead: &'static str,
    /// Words that make the phrase fine if they precede it.
    fine_after: &'static [&'static str],
    /// Words that make the phrase fine if they follow it.
    fine_before: &'static [&'static str],
}

const fn phrase(words: &'static str, instead: &'static str) -> Phrase {
    Phrase { words, instead, fine_after: &[], fine_before: &[] }
}

const PHRASES: &[Phrase] = &[
    phrase("comes|come|came back", "returns"),
    phrase("tells|says whether", "returns `true` if"),
    phrase("a channel each", "one per channel"),
    phrase("a folder a case", "one folder per case"),
    phrase("one file|folder|log|step a", "one per"),
    phrase("for so long", "for this long, or name the limit"),
    phrase("has|have|had come to be", "is, or becomes"),
    phrase("hold|holds|held|holding against", "compare with, or validate against"),
    phrase("hold|holds|held to", "require of, or check that"),
    phrase("mend|mends|mended|mending", "fix"),
    phrase("whoever", "a concrete noun, such as client or caller"),
    phrase("who comes|goes|reads|asks|looks|sends", "a concrete noun as the subject"),
    phrase("stands|stand|stood here|there|in|between|alone|beside", "is, is in, follows, or means"),
    phrase("beside", "next to, with, or besides"),
    phrase("as it came", "unchanged"),
    phrase("all the same", "still"),
    phrase("goes|go|going|went on", "continue"),
    phrase("is|are|was|were|be told", "is notified, receives, or learns"),
    phrase("hears|hear of", "receives, or learns of"),
    phrase("speaks|speak of", "describes, or applies to"),
    phrase("leads|lead nowhere", "cannot be resolved"),
    phrase("by turns", "alternately"),
    phrase("anew", "again"),
    phrase("nothing to|but mend", "no warnings"),
    phrase("is|are no news", "is ignored, or is known"),
    phrase("what|all that is|was there", "the existing one"),
    phrase("looked|looks into", "inspected, or checked"),
    phrase("binds|bind nothing|no", "has no effect"),
    phrase("where nobody|nothing|none", "if nobody, or if there is no"),
    phrase("in this|that wise", "like this"),
    phrase("the house", "the repository, or the project"),
    Phrase {
        words: "is|are no",
        instead: "is not a",
        fine_after: &["there"],
        fine_before: &["longer", "more", "larger", "smaller", "greater", "less", "different", "such"],
    },
];

#[test]
fn prose_is_idiomatic() {
    let mut found = Vec::new();
    for path in checked_files() {
        let Some(language) = Language::of(&path) else { continue };
        let text = std::fs::read_to_string(Path::new("..").join(&path)).expect("a UTF-8 file");
        for (line, phrase, instead) in findings(&text, language) {
            found.push(format!("{path}:{line}: \"{phrase}\": write {instead}"));
        }
    }
    assert!(found.is_empty(), "{} phrases are not idiomatic:\n{}", found.len(), found.join("\n"));
}

#[test]
fn phrases_are_found_in_comments_and_strings_only() {
    let rust =
        "fn comes_back() {}\n/// It comes\n/// back.\nlet a = \"it\\\ncomes back\"; // x\ncome(back);\n";
    assert_eq!(lines(rust, Language::Rust), [2, 5]);
    assert_eq!(lines("let c = '\"'; comes(back); // it mends\n", Language::Rust), [1]);
    assert_eq!(lines("r#\"a \"quoted\" mend\"#; mend();\n", Language::Rust), [1]);
    assert_eq!(lines("// comes\nf();\n// back\n// It comes. Back again.\n", Language::Rust), [0; 0]);
    let typescript = "/**\n * comes\n * back\n */\nconst a = `x ${mend} mend`;\nconst b = 'mend';\n";
    assert_eq!(lines(typescript, Language::TypeScript), [2, 5, 6]);
    assert_eq!(lines("There is no limit. It is no list.\n", Language::Markdown), [1]);
}

fn lines(text: &str, language: Language) -> Vec<usize> {
    findings(text, language).into_iter().map(|(line, ..)| line).collect()
}

/// The phrases in a text: the line on which each begins, its words, and what to write instead.
fn findings(text: &str, language: Language) -> Vec<(usize, String, &'static str)> {
    let prose = prose(text, language, Parts::CommentsAndStrings);
    let words = words(&prose);
    let line = |offset: usize| prose[..offset].matches('\n').count() + 1;
    let mut found = Vec::new();
    for (at, (offset, first)) in words.iter().enumerate() {
        for phrase in PHRASES.iter().filter(|phrase| phrase.begins_with(first) && phrase.is_at(&words, at)) {
            let phrase_words: Vec<&str> =
                words[at..at + phrase.length()].iter().map(|(_, word)| word.as_str()).collect();
            found.push((line(*offset), phrase_words.join(" "), phrase.instead));
        }
    }
    found
}

impl Phrase {
    fn length(&self) -> usize {
        self.words.split(' ').count()
    }

    fn begins_with(&self, word: &str) -> bool {
        self.words.split(' ').next().is_some_and(|own| own.split('|').any(|own| own == word))
    }

    fn is_at(&self, words: &[(usize, String)], at: usize) -> bool {
        let word = |at: usize| words.get(at).map_or("", |(_, word)| word);
        let own: Vec<&str> = self.words.split(' ').collect();
        let is_same = |(offset, own): (usize, &&str)| own.split('|').any(|own| own == word(at + offset));
        own.iter().enumerate().all(is_same)
            && !at.checked_sub(1).is_some_and(|before| self.fine_after.contains(&word(before)))
            && !self.fine_before.contains(&word(at + own.len()))
    }
}

fn checked_files() -> Vec<String> {
    let mut paths = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(Path::new("..").join(&folder)).expect("a readable folder");
        for entry in entries.map(|entry| entry.expect("a readable entry")) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{folder}{name}");
            if name.starts_with('.') || SKIPPED.contains(&name.as_str()) || SKIPPED.contains(&path.as_str()) {
                continue;
            }
            if entry.file_type().expect("a type").is_dir() {
                folders.push(format!("{path}/"));
            } else {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths
}

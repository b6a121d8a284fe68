//! Comments, strings and documentation use the field's usual words.
//!
//! [`PHRASES`] lists phrases that are not idiomatic, with what to write instead. Code outside of comments and strings is
//! not searched.

use std::path::Path;

use crate::cases::files_below;

/// The folders and files that are checked, relative to the root of the repository.
const CHECKED: &[&str] = &["codegen", "generated", "pattern", "schemas", "tests/build.rs", "tests/compiler"];

/// Folders without prose of this project, files that are not checked yet, and this file, which quotes the phrases.
const SKIPPED: &[&str] =
    &["node_modules", "target", "dist", "tests/compiler/floors.rs", "tests/compiler/prose.rs"];

/// A phrase that is not idiomatic.
struct Phrase {
    /// The words in lower case. `a|b` stands for either word.
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
    phrase("stands|stand|stood here|there|in|between|alone|for|beside", "is, is in, follows, or means"),
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
    assert_eq!(lines("There is no limit. It is no list.\n", Language::Text), [1]);
}

fn lines(text: &str, language: Language) -> Vec<usize> {
    findings(text, language).into_iter().map(|(line, ..)| line).collect()
}

/// The phrases in a text: the line on which each begins, its words, and what to write instead.
fn findings(text: &str, language: Language) -> Vec<(usize, String, &'static str)> {
    let words = words(&prose(text, language));
    let line = |offset: usize| text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1;
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

/// Splits prose into lower-case words with their offsets. Punctuation that ends a clause becomes an empty word, so that
/// no phrase extends across it.
fn words(prose: &str) -> Vec<(usize, String)> {
    let mut words: Vec<(usize, String)> = Vec::new();
    let mut is_inside = false;
    for (at, character) in prose.char_indices() {
        match (character.is_alphanumeric() || "'_-".contains(character), words.last_mut()) {
            (true, Some((_, word))) if is_inside => word.extend(character.to_lowercase()),
            (true, _) => words.push((at, character.to_lowercase().collect())),
            (false, _) if character == BREAK || ".;:!?()".contains(character) => {
                words.push((at, String::new()))
            }
            (false, _) => {}
        }
        is_inside = character.is_alphanumeric() || "'_-".contains(character);
    }
    words
}

/// Replaces each character of code.
const BREAK: char = '\u{1}';

#[derive(Clone, Copy, PartialEq)]
enum Language {
    Rust,
    TypeScript,
    /// Markdown, YAML and templates: everything is prose.
    Text,
}

impl Language {
    fn of(path: &str) -> Option<Self> {
        match Path::new(path).extension()?.to_str()? {
            "rs" => Some(Self::Rust),
            "ts" | "tsx" | "mjs" => Some(Self::TypeScript),
            "md" | "yaml" | "j2" => Some(Self::Text),
            _ => None,
        }
    }
}

/// Blanks out everything except comments and string literals. Offsets stay the same.
fn prose(text: &str, language: Language) -> String {
    if language == Language::Text {
        return text.to_owned();
    }
    let mut lexer = Lexer { text, language, at: 0, prose: String::new() };
    while let Some(next) = lexer.rest().chars().next() {
        lexer.step(next);
    }
    lexer.prose
}

/// Reads source text, just well enough to find comments and string literals.
struct Lexer<'t> {
    text: &'t str,
    language: Language,
    at: usize,
    prose: String,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn step(&mut self, next: char) {
        let rest = self.rest();
        let is_rust = self.language == Language::Rust;
        if rest.starts_with("//") {
            let marker = rest.len() - rest.trim_start_matches(['/', '!']).len();
            self.blank(marker);
            self.copy(self.rest().find('\n').unwrap_or(self.rest().len()));
        } else if rest.starts_with("/*") {
            self.blank(2);
            self.copy(self.rest().find("*/").unwrap_or(self.rest().len()));
            self.blank(2.min(self.rest().len()));
        } else if let Some(hashes) = raw_string(rest).filter(|_| is_rust && !self.is_in_word()) {
            self.code(hashes + 2);
            let end = format!("\"{}", "#".repeat(hashes));
            self.copy(self.rest().find(&end).unwrap_or(self.rest().len()));
            self.code(end.len().min(self.rest().len()));
        } else if next == '"' || (!is_rust && (next == '`' || next == '\'')) {
            self.string(next);
        } else if next == '\'' {
            self.code(character_literal(rest).unwrap_or(1));
        } else {
            self.code(next.len_utf8());
        }
    }

    fn string(&mut self, quote: char) {
        self.code(1);
        while let Some(next) = self.rest().chars().next() {
            if next == quote || (next == '\n' && self.language == Language::TypeScript && quote != '`') {
                self.code(1);
                return;
            } else if next == '\\' {
                let escaped = self.rest().chars().nth(1).map_or(0, char::len_utf8);
                self.blank(1 + escaped);
            } else if quote == '`' && self.rest().starts_with("${") {
                self.code(self.rest().find('}').map_or(self.rest().len(), |end| end + 1));
            } else {
                self.copy(next.len_utf8());
            }
        }
    }

    fn is_in_word(&self) -> bool {
        self.text[..self.at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
    }

    /// Keeps the next bytes. The stars at the beginning of lines belong to the comment's syntax.
    fn copy(&mut self, length: usize) {
        let text = &self.text[self.at..self.at + length];
        let mut is_start = false;
        for character in text.chars() {
            self.prose.push(if is_start && character == '*' { ' ' } else { character });
            is_start = character == '\n' || (is_start && character.is_whitespace());
        }
        self.at += length;
    }

    fn blank(&mut self, length: usize) {
        self.replace(length, ' ');
    }

    fn code(&mut self, length: usize) {
        self.replace(length, BREAK);
    }

    /// Replaces the next bytes, except white space.
    fn replace(&mut self, length: usize, by: char) {
        for character in self.text[self.at..self.at + length].chars() {
            if character.is_ascii_whitespace() {
                self.prose.push(character);
            } else {
                (0..character.len_utf8()).for_each(|_| self.prose.push(by));
            }
        }
        self.at += length;
    }
}

/// The number of `#` if a raw string begins here.
fn raw_string(rest: &str) -> Option<usize> {
    let hashes = rest.strip_prefix('r')?;
    let text = hashes.trim_start_matches('#');
    text.starts_with('"').then(|| hashes.len() - text.len())
}

/// The length of a character literal; `None` for a lifetime.
fn character_literal(rest: &str) -> Option<usize> {
    let mut characters = rest.char_indices().skip(1);
    let (_, first) = characters.next()?;
    if first == '\\' {
        characters.next()?;
        return characters.find(|(_, character)| *character == '\'').map(|(at, _)| at + 1);
    }
    characters.next().filter(|(_, character)| *character == '\'').map(|(at, _)| at + 1)
}

fn checked_files() -> Vec<String> {
    let mut paths = Vec::new();
    for checked in CHECKED {
        let path = Path::new("..").join(checked);
        if path.is_file() {
            paths.push((*checked).to_owned());
        } else {
            paths.extend(files_below(&path).into_iter().map(|file| format!("{checked}/{file}")));
        }
    }
    paths.retain(|path| {
        !SKIPPED.iter().any(|skipped| path == skipped || path.split('/').any(|part| part == *skipped))
    });
    paths
}

//! Finds the prose in source text: comments and string literals.

use std::path::Path;

/// Replaces each character of code.
pub(super) const BREAK: char = '\u{1}';

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Language {
    Rust,
    TypeScript,
    Markdown,
    /// YAML and templates.
    Other,
}

impl Language {
    pub(super) fn of(path: &str) -> Option<Self> {
        match Path::new(path).extension()?.to_str()? {
            "rs" => Some(Self::Rust),
            "ts" | "tsx" | "mjs" => Some(Self::TypeScript),
            "md" => Some(Self::Markdown),
            "yaml" | "j2" => Some(Self::Other),
            _ => None,
        }
    }
}

/// The parts of source text that count as prose.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Parts {
    Comments,
    CommentsAndStrings,
}

/// Blanks out everything else. Offsets stay the same. Outside of Rust and TypeScript, everything is prose.
pub(super) fn prose(text: &str, language: Language, parts: Parts) -> String {
    if matches!(language, Language::Markdown | Language::Other) {
        return text.to_owned();
    }
    let mut lexer = Lexer { source: text, language, parts, at: 0, prose: String::new() };
    while let Some(next) = lexer.rest().chars().next() {
        lexer.step(next);
    }
    lexer.prose
}

/// Splits prose into lower-case words with their offsets. Punctuation that ends a clause becomes an empty word, so that
/// no phrase extends across it.
pub(super) fn words(prose: &str) -> Vec<(usize, String)> {
    let mut words: Vec<(usize, String)> = Vec::new();
    let mut is_inside = false;
    for (at, character) in prose.char_indices() {
        let is_letter = character.is_alphanumeric() || "'_-".contains(character);
        let ends_clause = character == BREAK || ".;:!?()".contains(character);
        match words.last_mut() {
            Some((_, word)) if is_letter && is_inside => word.extend(character.to_lowercase()),
            _ if is_letter => words.push((at, character.to_lowercase().collect())),
            Some((_, word)) if ends_clause && !word.is_empty() => words.push((at, String::new())),
            _ => {}
        }
        is_inside = is_letter;
    }
    words
}

/// Reads source text, just well enough to find comments and string literals.
struct Lexer<'t> {
    source: &'t str,
    language: Language,
    parts: Parts,
    at: usize,
    prose: String,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.source[self.at..]
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
            self.text(self.rest().find(&end).unwrap_or(self.rest().len()));
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
                self.text(next.len_utf8());
            }
        }
    }

    /// Keeps the next bytes of a string literal if strings count.
    fn text(&mut self, length: usize) {
        match self.parts {
            Parts::Comments => self.code(length),
            Parts::CommentsAndStrings => self.copy(length),
        }
    }

    fn is_in_word(&self) -> bool {
        self.source[..self.at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
    }

    /// Keeps the next bytes. The stars at the beginning of lines belong to the comment's syntax.
    fn copy(&mut self, length: usize) {
        let text = &self.source[self.at..self.at + length];
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
        for character in self.source[self.at..self.at + length].chars() {
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

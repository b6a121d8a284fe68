//! Splits plain text or Markdown into sentences.

/// A text, split into sentences.
#[derive(Debug, PartialEq)]
pub(crate) struct Text {
    /// The first heading.
    pub(crate) title: Option<String>,
    /// All sentences outside of headings, tables and code.
    pub(crate) sentences: Vec<String>,
}

impl Text {
    /// Splits plain text or Markdown.
    pub(crate) fn read(markdown: &str) -> Self {
        let mut title = None;
        let mut blocks = vec![String::new()];
        let mut in_code = false;
        for line in markdown.lines().map(str::trim) {
            if line.starts_with("```") || line.starts_with("~~~") {
                in_code = !in_code;
            }
            if in_code || is_break(line) {
                blocks.push(String::new());
            } else if let Some(heading) = heading(line) {
                title = title.or_else(|| Some(plain(heading)));
                blocks.push(String::new());
            } else {
                let (starts_block, content) = without_list_mark(line);
                if starts_block {
                    blocks.push(String::new());
                }
                let block = blocks.last_mut().expect("there is at least one block");
                block.push_str(content);
                block.push(' ');
            }
        }
        let sentences = blocks.iter().flat_map(|block| split(&plain(block))).collect();
        Self { title, sentences }
    }

    /// Returns the number of words in all sentences.
    pub(crate) fn words(&self) -> usize {
        self.sentences.iter().map(|sentence| words(sentence).count()).sum()
    }
}

/// Returns the words of a sentence, without spaces and punctuation.
pub(crate) fn words(sentence: &str) -> impl Iterator<Item = &str> {
    sentence.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty())
}

fn is_break(line: &str) -> bool {
    let is_rule = line.len() >= 3 && (line.chars().all(|c| c == '-') || line.chars().all(|c| c == '='));
    line.is_empty()
        || is_rule
        || line.starts_with(['|', '<'])
        || line.starts_with("```")
        || line.starts_with("~~~")
}

fn heading(line: &str) -> Option<&str> {
    let content = line.trim_start_matches('#');
    (content.len() < line.len() && content.starts_with(' '))
        .then(|| content.trim().trim_end_matches('#').trim())
}

fn without_list_mark(line: &str) -> (bool, &str) {
    if let Some(content) = ["- ", "* ", "+ "].iter().find_map(|mark| line.strip_prefix(mark)) {
        return (true, content.trim_start());
    }
    let number = line.trim_start_matches(|c: char| c.is_ascii_digit());
    match number.strip_prefix(". ") {
        Some(content) if number.len() < line.len() => (true, content.trim_start()),
        _ => (false, line.trim_start_matches("> ")),
    }
}

/// Removes Markdown's marks for emphasis, code and links.
fn plain(markdown: &str) -> String {
    let mut text = markdown.replace("**", "").replace('`', "");
    while let Some((before, rest)) = text.split_once("](") {
        let Some((label_start, (_, after))) = before.rfind('[').zip(rest.split_once(')')) else {
            break;
        };
        text = format!("{}{}{after}", &before[..label_start], &before[label_start + 1..]);
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn split(block: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut start = 0;
    for (at, mark) in block.char_indices() {
        let end = at + mark.len_utf8();
        let ends = match mark {
            '。' | '！' | '？' => true,
            '.' | '!' | '?' => ends_sentence(&block[start..end], &block[end..]),
            _ => false,
        };
        if ends {
            sentences.push(block[start..end].trim().to_owned());
            start = end;
        }
    }
    sentences.push(block[start..].trim().to_owned());
    sentences.retain(|sentence| words(sentence).next().is_some());
    sentences
}

/// Returns whether the mark between `before` and `after` ends a sentence. Those in `3.14`, `e.g. this` and `J. Smith`
/// do not.
fn ends_sentence(before: &str, after: &str) -> bool {
    let mut following = after.chars();
    match (following.next(), following.next()) {
        (None, _) => true,
        (Some(' '), Some(next)) => {
            let word = before.trim_end_matches('.').rsplit([' ', '.', '(']).next().unwrap_or_default();
            !next.is_lowercase()
                && word.chars().count() > 1
                && !matches!(word, "Mr" | "Mrs" | "Dr" | "vs" | "cf" | "No")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences_of(text: &str) -> Vec<String> {
        Text::read(text).sentences
    }

    #[test]
    fn markdown_is_split_into_title_and_sentences() {
        let text = Text::read(
            "# The *first* heading\n\nOne sentence\nover two lines. Another one!\n\n## Second\n\n```\nlet code = 1.\n```\n\n\
             | a | table |\n|---|---|\n\n- A **bold** item.\n- See [the docs](https://example.org/a) and `code`.\n1. First.\n",
        );
        assert_eq!(text.title.as_deref(), Some("The *first* heading"));
        assert_eq!(
            text.sentences,
            [
                "One sentence over two lines.",
                "Another one!",
                "A bold item.",
                "See the docs and code.",
                "First."
            ]
        );
    }

    #[test]
    fn a_plain_text_has_no_title() {
        assert_eq!(Text::read("Just words"), Text { title: None, sentences: vec!["Just words".into()] });
    }

    #[test]
    fn a_text_without_words_has_no_sentences() {
        assert_eq!(sentences_of(" \n\n---\n...\n"), Vec::<String>::new());
    }

    #[test]
    fn marks_in_numbers_and_abbreviations_do_not_end_a_sentence() {
        let text = "Pi is 3.14 or so. Use a list, e.g. This one. J. Smith knows Dr. Jones. 你好。再见。";
        assert_eq!(
            sentences_of(text),
            [
                "Pi is 3.14 or so.",
                "Use a list, e.g. This one.",
                "J. Smith knows Dr. Jones.",
                "你好。",
                "再见。"
            ]
        );
    }
}

//! The standard output: JSON lines for programs, columns and colours for terminals.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::failure::Failure;

/// The width of a terminal whose width is unknown.
const DEFAULT_WIDTH: usize = 80;

/// The space between two columns.
const GAP: usize = 2;

/// The room for the last column that other columns are cut for, and the width that they keep.
const ROOM_FOR_LAST: usize = 24;
const MIN_CUT: usize = 12;

pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const BOLD: Style = Style::new().bold();
pub(super) const RED: Style = coloured(AnsiColor::Red);
pub(super) const GREEN: Style = coloured(AnsiColor::Green);
pub(super) const YELLOW: Style = coloured(AnsiColor::Yellow);
pub(super) const CYAN: Style = coloured(AnsiColor::Cyan);
pub(super) const MAGENTA: Style = coloured(AnsiColor::Magenta);

#[derive(clap::Args)]
pub(super) struct OutputArguments {
    /// Print JSON lines, as if the output were not a terminal
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// The standard output.
pub(super) struct Output {
    /// Whether it consists of JSON lines.
    pub(super) is_json: bool,
    width: usize,
}

impl OutputArguments {
    pub(super) fn open(&self) -> Output {
        let is_json = self.json || !io::stdout().is_terminal();
        Output { is_json, width: terminal_width().unwrap_or(DEFAULT_WIDTH) }
    }
}

impl Output {
    /// Prints rows in columns. The last column is cut to the width of the terminal, and so is `flexible` before it.
    pub(super) fn table(&self, rows: &[Vec<Cell>], flexible: Option<usize>) -> Result<(), Failure> {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width_of = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.text.width()).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..columns).map(width_of).collect();
        if let Some(last) = widths.pop() {
            let used: usize = widths.iter().map(|width| width + GAP).sum();
            let excess = (used + last.min(ROOM_FOR_LAST)).saturating_sub(self.width);
            if let Some(width) = flexible.and_then(|column| widths.get_mut(column)) {
                *width = width.saturating_sub(excess).max(MIN_CUT.min(*width));
            }
            let used: usize = widths.iter().map(|width| width + GAP).sum();
            widths.push(self.width.saturating_sub(used).max(1));
        }
        let mut text = String::new();
        for row in rows {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let cut = cut(&cell.text, *width);
                let padding = if column + 1 == columns { 0 } else { width - cut.width() + GAP };
                let _ = write!(line, "{}{}", paint(cell.style, &cut), " ".repeat(padding));
            }
            let _ = writeln!(text, "{}", line.trim_end_matches(' '));
        }
        print(&text)
    }
}

/// Prints a value as one line of JSON.
pub(super) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::usage(error.to_string()))?;
    print(&format!("{}\n", escape_json(&text)))
}

/// Prints a text that is safe for terminals. Colours are removed if the terminal does not want them.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}

/// A cell of a table. Its text is safe for terminals.
pub(super) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(super) fn new(text: &str, style: Style) -> Self {
        Self { text: escape(text), style }
    }

    pub(super) fn plain(text: &str) -> Self {
        Self::new(text, Style::new())
    }
}

/// Adds a style to a text.
pub(super) fn paint(style: Style, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("{style}{text}{style:#}")
}

/// Escapes the characters of a text that could control a terminal, and line breaks.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unsafe(character) {
            let _ = write!(escaped, "{}", character.escape_unicode());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Escapes the characters of JSON that could control a terminal. They occur in strings only, where JSON itself allows
/// those above U+001F.
pub(super) fn escape_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if is_unsafe(character) {
            let _ = write!(escaped, "\\u{:04x}", u32::from(character));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Returns `true` for control characters, and for characters that change the direction of the text after them.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns the width of the terminal that the standard output is, if it has one.
#[cfg(unix)]
fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|width| *width > 0)
}

#[cfg(not(unix))]
fn terminal_width() -> Option<usize> {
    None
}

/// Cuts a text to a width.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut used = 0;
    let fits = |character: &char| {
        used += character.width().unwrap_or(0);
        used < width
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

const fn coloured(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(anstyle::Color::Ansi(colour)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_that_controls_a_terminal_is_printed() {
        let text = "a\u{1b}[31mb\u{9b}2Jc\u{7f}\r\n\u{202e}é漢";
        assert_eq!(escape(text), "a\\u{1b}[31mb\\u{9b}2Jc\\u{7f}\\u{d}\\u{a}\\u{202e}é漢");
        let json = serde_json::to_string(text).unwrap();
        let escaped = escape_json(&json);
        assert!(!escaped.chars().any(is_unsafe), "{escaped}");
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
    }

    #[test]
    fn a_text_is_cut_to_its_width_in_the_terminal() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("漢字漢字", 5), "漢字…");
    }
}

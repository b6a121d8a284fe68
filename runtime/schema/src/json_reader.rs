//! Reads JSON text part by part, and checks each part against its schema before it reads the next.
//!
//! It reads most valid payloads in one pass, without a tree. It never describes a violation: on [`Unread`], parse the
//! text and [`check`](super::check) the value, which decides, and lists the issues.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::MAX_DEPTH;
pub use checked::{ArrayReader, MemberReader, ObjectReader};
use number::NumberToken;

mod checked;
mod number;
#[cfg(test)]
mod tests;

/// The text is not JSON, its schema does not accept it, or this reader cannot decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread;

/// A cursor into JSON text.
pub struct JsonReader<'j> {
    text: &'j str,
    position: usize,
    /// The number of enclosing arrays and objects.
    depth: usize,
}

impl<'j> JsonReader<'j> {
    /// Creates a reader at the start of a text.
    ///
    /// # Errors
    /// Returns an error if the bytes are not UTF-8.
    pub fn new(json: &'j [u8]) -> Result<Self, Unread> {
        let text = std::str::from_utf8(json).map_err(|_| Unread)?;
        Ok(Self { text, position: 0, depth: 0 })
    }

    /// Checks that only whitespace follows.
    ///
    /// # Errors
    /// Returns an error if something else follows.
    pub fn end(mut self) -> Result<(), Unread> {
        if self.peek().is_none() { Ok(()) } else { Err(Unread) }
    }

    /// Skips whitespace, and returns the next byte.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.position) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.position += 1;
        }
        None
    }

    /// Moves past the next byte that is not whitespace if it is this one.
    #[inline]
    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.position += usize::from(is_next);
        is_next
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Result<(), Unread> {
        if self.take(byte) { Ok(()) } else { Err(Unread) }
    }

    fn word(&mut self, word: &str) -> Result<(), Unread> {
        self.peek();
        let is_next = self.text.as_bytes()[self.position..].starts_with(word.as_bytes());
        self.position += word.len();
        if is_next { Ok(()) } else { Err(Unread) }
    }

    fn bool(&mut self) -> Result<bool, Unread> {
        let value = self.peek() == Some(b't');
        self.word(if value { "true" } else { "false" })?;
        Ok(value)
    }

    /// Reads a string. It is borrowed unless it contains an escape.
    #[inline]
    fn string(&mut self) -> Result<Cow<'j, str>, Unread> {
        self.expect(b'"')?;
        let start = self.position;
        let end = find_special(self.text.as_bytes(), start);
        if self.text.as_bytes().get(end) == Some(&b'"') {
            self.position = end + 1;
            return Ok(Cow::Borrowed(self.text.get(start..end).ok_or(Unread)?));
        }
        self.escaped_string(start, end).map(Cow::Owned)
    }

    #[inline(never)]
    fn escaped_string(&mut self, start: usize, mut end: usize) -> Result<String, Unread> {
        let bytes = self.text.as_bytes();
        while bytes.get(end) == Some(&b'\\') {
            end = find_special(bytes, end + 2);
        }
        // A control character is found here too, and refused by the parser.
        self.position = end + 1;
        let quoted = self.text.get(start - 1..=end).ok_or(Unread)?;
        serde_json::from_str(quoted).map_err(|_| Unread)
    }

    /// Moves into an array or object.
    #[inline]
    fn open(&mut self, bracket: u8) -> Result<(), Unread> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(Unread) } else { self.expect(bracket) }
    }

    /// Moves to the next item or member, or returns `false` at the end of the array or object.
    #[inline]
    fn next(&mut self, is_first: bool, bracket: u8) -> Result<bool, Unread> {
        if self.take(bracket) {
            self.depth -= 1;
            return Ok(false);
        }
        if !is_first {
            self.expect(b',')?;
        }
        // The caller refuses a bracket after the comma, because it reads a value there.
        Ok(true)
    }

    /// Reads the name of a member.
    #[inline]
    fn name(&mut self) -> Result<Cow<'j, str>, Unread> {
        let name = self.string()?;
        self.expect(b':')?;
        Ok(name)
    }

    /// Skips a value that any schema accepts.
    fn skip(&mut self) -> Result<(), Unread> {
        match self.peek().ok_or(Unread)? {
            b'"' => self.string().map(drop),
            b'[' => {
                self.open(b'[')?;
                let mut is_first = true;
                while self.next(is_first, b']')? {
                    is_first = false;
                    self.skip()?;
                }
                Ok(())
            }
            b'{' => {
                self.open(b'{')?;
                let mut is_first = true;
                while self.next(is_first, b'}')? {
                    is_first = false;
                    self.name()?;
                    self.skip()?;
                }
                Ok(())
            }
            b'n' => self.word("null"),
            b't' | b'f' => self.bool().map(drop),
            _ => self.scan_number().map(drop),
        }
    }

    /// Reads a value as a tree, as serde does.
    fn value(&mut self) -> Result<Value, Unread> {
        Ok(match self.peek().ok_or(Unread)? {
            b'"' => Value::String(self.string()?.into_owned()),
            b'[' => {
                self.open(b'[')?;
                let mut items = Vec::new();
                while self.next(items.is_empty(), b']')? {
                    items.push(self.value()?);
                }
                Value::Array(items)
            }
            b'{' => {
                self.open(b'{')?;
                let mut members = Map::new();
                while self.next(members.is_empty(), b'}')? {
                    members.insert(self.name()?.into_owned(), self.value()?);
                }
                Value::Object(members)
            }
            b'n' => self.word("null").map(|()| Value::Null)?,
            b't' | b'f' => Value::Bool(self.bool()?),
            _ => {
                let start = self.position;
                self.scan_number()?;
                let number: Number =
                    serde_json::from_str(&self.text[start..self.position]).map_err(|_| Unread)?;
                Value::Number(number)
            }
        })
    }

    #[inline]
    fn scan_number(&mut self) -> Result<f64, Unread> {
        self.peek();
        let token = NumberToken::scan(&self.text.as_bytes()[self.position..]).ok_or(Unread)?;
        let start = self.position;
        self.position += token.length;
        token.value(&self.text[start..self.position]).ok_or(Unread)
    }
}

/// Returns the index of the first quote, backslash or control character, or the length of the text. Looks at eight
/// bytes at once, because most of a payload is strings.
#[inline]
fn find_special(bytes: &[u8], start: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH_BITS: u64 = ONES << 7;
    let mut at = start;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        // The high bit of a byte becomes set if it is below the subtrahend. Borrows reach only bytes above such a byte.
        let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word;
        let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
        let special = (below(word, 0x20) | equal(b'"') | equal(b'\\')) & HIGH_BITS;
        if special != 0 {
            return at + (special.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    at + rest.iter().position(is_special).unwrap_or(rest.len())
}

//! Escapes inside and outside of classes, and group names.

use super::{Parser, Quantifiable, Reference};
use crate::Error;
use crate::code_points::CodePoints;
use crate::properties::property;
use crate::tree::Tree;

const INVALID: Error = Error::Syntax("invalid escape");

impl Parser<'_> {
    /// Parses an escape outside of a class, after its backslash.
    pub(super) fn atom_escape(&mut self) -> Result<Quantifiable, Error> {
        match self.peek() {
            Some('b' | 'B') => {
                let negated = self.next() == Some('B');
                return Ok((Tree::WordBoundary { negated }, false));
            }
            Some('1'..='9') => {
                let number = self.digits().unwrap_or(u32::MAX);
                self.references.push(Reference::Number(number));
                return Ok((Tree::Empty, true));
            }
            Some('k') => {
                self.next();
                if !self.take("<") {
                    return Err(INVALID);
                }
                let name = self.group_name()?;
                self.references.push(Reference::Name(name));
                return Ok((Tree::Empty, true));
            }
            _ => {}
        }
        let set = match self.class_escape()? {
            Some(set) => set,
            None => CodePoints::single(self.character_escape(false)?),
        };
        Ok((Tree::Set(set), true))
    }

    /// Parses `\d`, `\w`, `\s`, `\p{…}` and their negations, after the backslash.
    pub(super) fn class_escape(&mut self) -> Result<Option<CodePoints>, Error> {
        let Some(letter) = self.peek().filter(|letter| "dDwWsSpP".contains(*letter)) else { return Ok(None) };
        self.next();
        let set = match letter.to_ascii_lowercase() {
            'd' => CodePoints::digits(),
            'w' => CodePoints::word(),
            's' => CodePoints::space(),
            _ => {
                let end = self.rest.find('}').filter(|_| self.rest.starts_with('{'));
                let end = end.ok_or(Error::Syntax("`\\p` requires a property in braces"))?;
                let set = property(&self.rest[1..end]);
                self.rest = &self.rest[end + 1..];
                set.ok_or(Error::Syntax("unknown Unicode property"))?
            }
        };
        Ok(Some(if letter.is_ascii_uppercase() { set.negated() } else { set }))
    }

    /// Parses an escape for one code point, after the backslash.
    pub(super) fn character_escape(&mut self, in_class: bool) -> Result<u32, Error> {
        let character = self.next().ok_or(Error::Syntax("`\\` at the end of the pattern"))?;
        Ok(match character {
            't' => 0x09,
            'n' => 0x0A,
            'v' => 0x0B,
            'f' => 0x0C,
            'r' => 0x0D,
            'b' if in_class => 0x08,
            '-' if in_class => '-'.into(),
            '0' if !self.peek().is_some_and(|next| next.is_ascii_digit()) => 0,
            'c' => match self.next() {
                Some(letter) if letter.is_ascii_alphabetic() => u32::from(letter) % 32,
                _ => return Err(INVALID),
            },
            'x' => self.hexadecimal(2).ok_or(INVALID)?,
            'u' => self.unicode_escape()?,
            other if "^$\\.*+?()[]{}|/".contains(other) => other.into(),
            _ => return Err(INVALID),
        })
    }

    /// Parses `{1F600}`, `D83D\uDE00` or `00E9`, after `\u`.
    fn unicode_escape(&mut self) -> Result<u32, Error> {
        const INVALID: Error = Error::Syntax("invalid Unicode escape");
        if self.take("{") {
            let end = self.rest.find('}').filter(|end| *end > 0).ok_or(INVALID)?;
            let digits = &self.rest[..end];
            if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(INVALID);
            }
            let significant = digits.trim_start_matches('0');
            let code_point = match significant {
                "" => Some(0),
                digits if digits.len() <= 6 => u32::from_str_radix(digits, 16).ok(),
                _ => None,
            };
            self.rest = &self.rest[end + 1..];
            return code_point.filter(|code_point| *code_point <= 0x0010_FFFF).ok_or(INVALID);
        }
        let unit = self.hexadecimal(4).ok_or(INVALID)?;
        if (0xD800..0xDC00).contains(&unit) {
            let behind = self.rest;
            if self.take("\\u")
                && let Some(low @ 0xDC00..0xE000) = self.hexadecimal(4)
            {
                return Ok(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00));
            }
            self.rest = behind;
        }
        Ok(unit)
    }

    fn hexadecimal(&mut self, count: usize) -> Option<u32> {
        let digits = self.rest.get(..count)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        self.rest = &self.rest[count..];
        u32::from_str_radix(digits, 16).ok()
    }

    /// Parses `year>` in `(?<year>…)`.
    pub(super) fn group_name(&mut self) -> Result<String, Error> {
        const INVALID: Error = Error::Syntax("invalid group name");
        let mut name = String::new();
        loop {
            let code_point = match self.next().ok_or(INVALID)? {
                '>' if !name.is_empty() => return Ok(name),
                '\\' if self.take("u") => self.unicode_escape()?,
                character => character.into(),
            };
            let character = char::from_u32(code_point).ok_or(INVALID)?;
            let property_name = if name.is_empty() { "ID_Start" } else { "ID_Continue" };
            let is_allowed = match character {
                '$' | '_' => true,
                '\u{200C}' | '\u{200D}' => !name.is_empty(),
                ascii if ascii.is_ascii() => {
                    ascii.is_ascii_alphabetic() || (!name.is_empty() && ascii.is_ascii_digit())
                }
                _ => property(property_name).is_some_and(|set| set.contains(code_point)),
            };
            if !is_allowed {
                return Err(INVALID);
            }
            name.push(character);
        }
    }
}

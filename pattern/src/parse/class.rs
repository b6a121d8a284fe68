//! Character classes in brackets.

use super::Parser;
use crate::Error;
use crate::code_points::CodePoints;

/// One member of a class: a character that may begin a range, or a set.
enum Member {
    Character(u32),
    Set(CodePoints),
}

impl Parser<'_> {
    /// Parses `a-z0-9]`, after the opening bracket.
    pub(super) fn class(&mut self) -> Result<CodePoints, Error> {
        let negated = self.take("^");
        let mut ranges = Vec::new();
        while !self.take("]") {
            let first = self.class_member()?;
            let is_range = self.rest.starts_with('-') && !self.rest.starts_with("-]");
            if is_range {
                self.next();
                let last = self.class_member()?;
                let (Member::Character(first), Member::Character(last)) = (first, last) else {
                    return Err(Error::Syntax("character class in a range"));
                };
                if first > last {
                    return Err(Error::Syntax("character range out of order"));
                }
                ranges.push((first, last));
                continue;
            }
            match first {
                Member::Character(character) => ranges.push((character, character)),
                Member::Set(set) => ranges.extend_from_slice(set.ranges()),
            }
        }
        let set = CodePoints::from_ranges(ranges);
        Ok(if negated { set.negated() } else { set })
    }

    fn class_member(&mut self) -> Result<Member, Error> {
        match self.next().ok_or(Error::Syntax("unterminated class"))? {
            '\\' => Ok(match self.class_escape()? {
                Some(set) => Member::Set(set),
                None => Member::Character(self.character_escape(true)?),
            }),
            character => Ok(Member::Character(character.into())),
        }
    }
}

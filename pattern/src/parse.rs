//! Parses patterns with the grammar of ECMA-262 with the `u` flag.

mod class;
mod escape;

use crate::Error;
use crate::code_points::CodePoints;
use crate::tree::Tree;

/// The maximum nesting depth of groups, since the parser and its callers recurse.
const MAX_DEPTH: usize = 200;

const MAX_LOOKAROUNDS: usize = 16;

/// Parses a pattern.
pub(crate) fn parse(source: &str) -> Result<Tree, Error> {
    let mut parser = Parser {
        rest: source,
        depth: 0,
        names: Vec::new(),
        groups: 0,
        references: Vec::new(),
        lookarounds: 0,
    };
    let tree = parser.alternatives()?;
    if !parser.rest.is_empty() {
        return Err(Error::Syntax("unmatched `)`"));
    }
    parser.check_references()?;
    Ok(tree)
}

struct Parser<'s> {
    rest: &'s str,
    depth: usize,
    names: Vec<String>,
    groups: u32,
    references: Vec<Reference>,
    lookarounds: usize,
}

/// The target of a back-reference.
enum Reference {
    Number(u32),
    Name(String),
}

/// A part, and `true` if a quantifier may follow it.
type Quantifiable = (Tree, bool);

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.rest = &self.rest[character.len_utf8()..];
        Some(character)
    }

    /// Consumes a text if it comes next.
    fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn alternatives(&mut self) -> Result<Tree, Error> {
        let mut parts = vec![self.sequence()?];
        while self.take("|") {
            parts.push(self.sequence()?);
        }
        Ok(Tree::alternatives(parts))
    }

    fn sequence(&mut self) -> Result<Tree, Error> {
        let mut parts = Vec::new();
        while self.peek().is_some_and(|next| next != '|' && next != ')') {
            let (part, is_quantifiable) = self.term()?;
            parts.push(match self.quantifier()? {
                Some(_) if !is_quantifiable => return Err(Error::Syntax("nothing to repeat")),
                Some((least, most)) => Tree::Repeat { part: Box::new(part), least, most },
                None => part,
            });
        }
        Ok(match parts.len() {
            0 => Tree::Empty,
            1 => parts.remove(0),
            _ => Tree::Sequence(parts),
        })
    }

    fn term(&mut self) -> Result<Quantifiable, Error> {
        match self.next() {
            Some('^') => Ok((Tree::Start, false)),
            Some('$') => Ok((Tree::End, false)),
            Some('.') => Ok((Tree::Set(CodePoints::dot()), true)),
            Some('[') => Ok((Tree::Set(self.class()?), true)),
            Some('(') => self.group(),
            Some('\\') => self.atom_escape(),
            Some('*' | '+' | '?') => Err(Error::Syntax("nothing to repeat")),
            Some('{' | '}') => Err(Error::Syntax("unescaped brace outside a quantifier")),
            Some(']') => Err(Error::Syntax("unmatched `]`")),
            Some(character) => Ok((Tree::Set(CodePoints::single(character.into())), true)),
            None => Ok((Tree::Empty, false)),
        }
    }

    fn group(&mut self) -> Result<Quantifiable, Error> {
        let look = [("?=", true, false), ("?!", true, true), ("?<=", false, false), ("?<!", false, true)];
        for (prefix, ahead, negated) in look {
            if self.take(prefix) {
                self.lookarounds += 1;
                if self.lookarounds > MAX_LOOKAROUNDS {
                    return Err(Error::TooManyLookarounds);
                }
                let part = Box::new(self.inside()?);
                return Ok((Tree::Look { ahead, negated, part }, false));
            }
        }
        if self.take("?<") {
            self.groups += 1;
            let name = self.group_name()?;
            if self.names.contains(&name) {
                return Err(Error::Syntax("duplicate group name"));
            }
            self.names.push(name);
        } else if self.take("?:") {
            // Groups never capture.
        } else if self.take("?") {
            let flags = self.peek().is_some_and(|next| "imsxuU-".contains(next));
            return Err(if flags { Error::Modifier } else { Error::Syntax("invalid group") });
        } else {
            self.groups += 1;
        }
        Ok((self.inside()?, true))
    }

    /// Parses the content of a group and its closing parenthesis.
    fn inside(&mut self) -> Result<Tree, Error> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        let tree = self.alternatives()?;
        self.depth -= 1;
        if self.take(")") { Ok(tree) } else { Err(Error::Syntax("unterminated group")) }
    }

    fn quantifier(&mut self) -> Result<Option<(u32, Option<u32>)>, Error> {
        let range = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => return self.braces().map(Some),
            _ => return Ok(None),
        };
        self.next();
        // A lazy quantifier matches the same texts.
        self.take("?");
        Ok(Some(range))
    }

    /// `{2}`, `{2,}` or `{2,5}`
    fn braces(&mut self) -> Result<(u32, Option<u32>), Error> {
        const INCOMPLETE: Error = Error::Syntax("incomplete quantifier");
        self.next();
        let least = self.digits().ok_or(INCOMPLETE)?;
        let most = if self.take(",") { self.digits() } else { Some(least) };
        if !self.take("}") {
            return Err(INCOMPLETE);
        }
        if most.is_some_and(|most| most < least) {
            return Err(Error::Syntax("quantifier range out of order"));
        }
        self.take("?");
        Ok((least, most))
    }

    /// Parses a decimal number, if one comes next. Saturates at `u32::MAX`.
    fn digits(&mut self) -> Option<u32> {
        let end = self.rest.find(|next: char| !next.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!digits.is_empty()).then(|| digits.parse().unwrap_or(u32::MAX))
    }

    fn check_references(&self) -> Result<(), Error> {
        for reference in &self.references {
            let is_known = match reference {
                Reference::Number(number) => *number <= self.groups,
                Reference::Name(name) => self.names.contains(name),
            };
            if !is_known {
                return Err(Error::Syntax("back-reference to a nonexistent group"));
            }
        }
        if self.references.is_empty() { Ok(()) } else { Err(Error::BackReference) }
    }
}

//! A fast path for common patterns such as `^[A-Z]{3}-[0-9]{4}$`: sequences of sets of ASCII characters. They are
//! matched in one pass, in a fraction of the time that a general regular expression needs.

/// A sequence of sets of characters that matches a whole text.
#[derive(Debug)]
pub(super) struct Sequence(Vec<Element>);

/// A number of characters from a set.
#[derive(Debug)]
struct Element {
    /// A bit for each ASCII character.
    set: u128,
    min: usize,
    max: usize,
}

impl Sequence {
    /// Parses a pattern. Returns `None` if it is not a sequence of sets, or if a character could belong to two
    /// adjacent elements.
    pub(super) fn parse(pattern: &str) -> Option<Self> {
        let mut rest = pattern.strip_prefix('^')?.strip_suffix('$')?.as_bytes();
        let mut elements = Vec::new();
        while !rest.is_empty() {
            let (set, after) = parse_set(rest)?;
            let (min, max, after) = parse_quantifier(after)?;
            elements.push(Element { set, min, max });
            rest = after;
        }
        let sequence = Self(elements);
        sequence.is_certain().then_some(sequence)
    }

    /// Returns whether matching as many characters as possible per element is always right.
    fn is_certain(&self) -> bool {
        let Self(elements) = self;
        elements.iter().enumerate().all(|(at, element)| {
            let mut following = 0;
            for next in &elements[at + 1..] {
                following |= next.set;
                if next.min > 0 {
                    break;
                }
            }
            element.min == element.max || element.set & following == 0
        })
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let mut rest = text.as_bytes();
        for Element { set, min, max } in &self.0 {
            let is_in_set = |byte: &&u8| byte.is_ascii() && set >> **byte & 1 == 1;
            let count = rest.iter().take(*max).take_while(is_in_set).count();
            if count < *min {
                return false;
            }
            rest = &rest[count..];
        }
        rest.is_empty()
    }
}

/// Parses the set at the start of a pattern, and returns it with the rest.
fn parse_set(pattern: &[u8]) -> Option<(u128, &[u8])> {
    match pattern {
        [b'[', inside @ ..] => parse_class(inside),
        [b'\\', escaped, after @ ..] => Some((parse_escape(*escaped)?, after)),
        [byte, after @ ..] if byte.is_ascii() && !SYNTAX.contains(byte) => Some((1 << byte, after)),
        _ => None,
    }
}

const SYNTAX: &[u8] = b"^$\\.*+?()[]{}|/";

fn parse_escape(escaped: u8) -> Option<u128> {
    match escaped {
        b'd' => Some(range(b'0', b'9')),
        b'w' => Some(range(b'0', b'9') | range(b'A', b'Z') | range(b'a', b'z') | 1 << b'_'),
        escaped if SYNTAX.contains(&escaped) => Some(1 << escaped),
        _ => None,
    }
}

/// Parses `A-Z0-9_]`, after the opening bracket.
fn parse_class(mut rest: &[u8]) -> Option<(u128, &[u8])> {
    let mut set = 0;
    loop {
        rest = match rest {
            [b']', after @ ..] => return Some((set, after)),
            // A hyphen at the end, or an escaped one, is a literal hyphen.
            [b'-', after @ ..] | [b'\\', b'-', after @ ..] if after.first() == Some(&b']') => {
                set |= 1 << b'-';
                after
            }
            [first, b'-', last, after @ ..] if is_plain(*first) && is_plain(*last) && first <= last => {
                set |= range(*first, *last);
                after
            }
            [b'\\', escaped, after @ ..] if !begins_range(after) => {
                set |= parse_escape(*escaped)?;
                after
            }
            [byte, after @ ..] if is_plain(*byte) && !begins_range(after) => {
                set |= 1 << byte;
                after
            }
            _ => return None,
        }
    }
}

/// Returns whether the preceding character begins a range.
fn begins_range(after: &[u8]) -> bool {
    after.first() == Some(&b'-') && after.get(1) != Some(&b']')
}

/// Returns whether a character inside brackets is a literal.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii() && !b"\\]-[^".contains(&byte)
}

fn range(first: u8, last: u8) -> u128 {
    (first..=last).fold(0, |set, byte| set | 1 << byte)
}

/// Parses a quantifier, and returns the minimum and the maximum with the rest of the pattern.
fn parse_quantifier(pattern: &[u8]) -> Option<(usize, usize, &[u8])> {
    let (min, max, after) = match pattern {
        [b'*', after @ ..] => (0, usize::MAX, after),
        [b'+', after @ ..] => (1, usize::MAX, after),
        [b'?', after @ ..] => (0, 1, after),
        [b'{', inside @ ..] => {
            let end = inside.iter().position(|byte| *byte == b'}')?;
            let text = std::str::from_utf8(&inside[..end]).ok()?;
            let (min, max) = match text.split_once(',') {
                None => (text.parse().ok()?, text.parse().ok()?),
                Some((min, "")) => (min.parse().ok()?, usize::MAX),
                Some((min, max)) => (min.parse().ok()?, max.parse().ok()?),
            };
            (min, max, &inside[end + 1..])
        }
        _ => (1, 1, pattern),
    };
    // A `?` after a quantifier would change it.
    (min <= max && after.first() != Some(&b'?')).then_some((min, max, after))
}

#[cfg(test)]
mod tests {
    use super::Sequence;

    #[test]
    fn other_patterns_are_not_parsed() {
        for pattern in [
            "a",
            "^a",
            "a$",
            "^a|b$",
            "^(a)$",
            "^.$",
            "^[^a]$",
            "^a*a$",
            "^a?b*a$",
            "^a+?$",
            "^é$",
            "^[a-é]$",
            "^\\s$",
            "^\\$",
            "^[\\w-z]$",
            "^\\p{L}$",
            "^[[a]$",
            "^a{2,1}$",
        ] {
            assert!(Sequence::parse(pattern).is_none(), "{pattern}");
        }
    }

    #[test]
    fn random_patterns_match_like_the_regular_expression() {
        let parts =
            ["a", "b", "[ab]", "[a-c]", "\\d", "\\w", "[0-9_]", "-", "\\.", "[a-]", "[\\d.]", "[x\\-]"];
        let counts = ["", "", "{2}", "{1,2}", "{0,1}", "{2,}", "+", "*", "?"];
        let letters = ["a", "b", "c", "0", "9", "_", "-", ".", "x", "é", "\n"];
        let mut random = 1_u64;
        let mut next = |count: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(random >> 40).unwrap_or_default() % count
        };
        let (mut read, mut matched) = (0, 0);
        for _ in 0..20_000 {
            let length = next(4);
            let body: String =
                (0..length).flat_map(|_| [parts[next(parts.len())], counts[next(counts.len())]]).collect();
            let pattern = format!("^{body}$");
            let Some(sequence) = Sequence::parse(&pattern) else { continue };
            let regex = regress::Regex::with_flags(&pattern, "u").expect("a regular expression");
            read += 1;
            for _ in 0..10 {
                let text: String = (0..next(6)).map(|_| letters[next(letters.len())]).collect();
                assert_eq!(sequence.matches(&text), regex.find(&text).is_some(), "{pattern} on {text:?}");
                matched += usize::from(sequence.matches(&text));
            }
        }
        assert!(read > 5_000 && matched > 1_000, "{read} patterns, {matched} matches");
    }
}

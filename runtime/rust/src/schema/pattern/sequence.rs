//! Patterns such as `^[A-Z]{3}-[0-9]{4}$`, of which there are many: a row of ASCII
//! characters from sets. They are matched in one pass, a fraction of the time that
//! a regular expression in general needs.

/// A row of sets of characters that a text consists of, from its start to its end.
#[derive(Debug)]
pub(super) struct Sequence(Vec<Element>);

/// So many characters from a set.
#[derive(Debug)]
struct Element {
    /// A bit for each ASCII character.
    set: u128,
    least: usize,
    most: usize,
}

impl Sequence {
    /// Reads a pattern; none where it is anything more than a row of sets, or
    /// where a character could belong to two neighbours.
    pub(super) fn of(pattern: &str) -> Option<Self> {
        let mut rest = pattern.strip_prefix('^')?.strip_suffix('$')?.as_bytes();
        let mut elements = Vec::new();
        while !rest.is_empty() {
            let (set, after) = set(rest)?;
            let (least, most, after) = quantifier(after)?;
            elements.push(Element { set, least, most });
            rest = after;
        }
        let sequence = Self(elements);
        sequence.is_certain().then_some(sequence)
    }

    /// Whether taking as many characters as an element allows can never be wrong.
    fn is_certain(&self) -> bool {
        let Self(elements) = self;
        elements.iter().enumerate().all(|(at, element)| {
            let mut following = 0;
            for next in &elements[at + 1..] {
                following |= next.set;
                if next.least > 0 {
                    break;
                }
            }
            element.least == element.most || element.set & following == 0
        })
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let mut rest = text.as_bytes();
        for Element { set, least, most } in &self.0 {
            let is_in_set = |byte: &&u8| byte.is_ascii() && set >> **byte & 1 == 1;
            let count = rest.iter().take(*most).take_while(is_in_set).count();
            if count < *least {
                return false;
            }
            rest = &rest[count..];
        }
        rest.is_empty()
    }
}

/// The set at the start of a pattern, and what comes after it.
fn set(pattern: &[u8]) -> Option<(u128, &[u8])> {
    match pattern {
        [b'[', inside @ ..] => class(inside),
        [b'\\', escaped, after @ ..] => Some((escape(*escaped)?, after)),
        [byte, after @ ..] if byte.is_ascii() && !SYNTAX.contains(byte) => Some((1 << byte, after)),
        _ => None,
    }
}

const SYNTAX: &[u8] = b"^$\\.*+?()[]{}|/";

fn escape(escaped: u8) -> Option<u128> {
    match escaped {
        b'd' => Some(range(b'0', b'9')),
        b'w' => Some(range(b'0', b'9') | range(b'A', b'Z') | range(b'a', b'z') | 1 << b'_'),
        escaped if SYNTAX.contains(&escaped) => Some(1 << escaped),
        _ => None,
    }
}

/// `A-Z0-9_]`, from behind the bracket that opens it.
fn class(mut rest: &[u8]) -> Option<(u128, &[u8])> {
    let mut set = 0;
    loop {
        rest = match rest {
            [b']', after @ ..] => return Some((set, after)),
            // A hyphen at the end stands for itself, and so does one that is escaped.
            [b'-', after @ ..] | [b'\\', b'-', after @ ..] if after.first() == Some(&b']') => {
                set |= 1 << b'-';
                after
            }
            [first, b'-', last, after @ ..] if is_plain(*first) && is_plain(*last) && first <= last => {
                set |= range(*first, *last);
                after
            }
            [b'\\', escaped, after @ ..] if !begins_range(after) => {
                set |= escape(*escaped)?;
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

/// Whether what stands before this is the first of a range.
fn begins_range(after: &[u8]) -> bool {
    after.first() == Some(&b'-') && after.get(1) != Some(&b']')
}

/// Whether a character inside brackets means itself.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii() && !b"\\]-[^".contains(&byte)
}

fn range(first: u8, last: u8) -> u128 {
    (first..=last).fold(0, |set, byte| set | 1 << byte)
}

/// How many characters are taken, and what comes after that in the pattern.
fn quantifier(pattern: &[u8]) -> Option<(usize, usize, &[u8])> {
    let (least, most, after) = match pattern {
        [b'*', after @ ..] => (0, usize::MAX, after),
        [b'+', after @ ..] => (1, usize::MAX, after),
        [b'?', after @ ..] => (0, 1, after),
        [b'{', inside @ ..] => {
            let end = inside.iter().position(|byte| *byte == b'}')?;
            let text = std::str::from_utf8(&inside[..end]).ok()?;
            let (least, most) = match text.split_once(',') {
                None => (text.parse().ok()?, text.parse().ok()?),
                Some((least, "")) => (least.parse().ok()?, usize::MAX),
                Some((least, most)) => (least.parse().ok()?, most.parse().ok()?),
            };
            (least, most, &inside[end + 1..])
        }
        _ => (1, 1, pattern),
    };
    // What follows a quantifier may change it.
    (least <= most && after.first() != Some(&b'?')).then_some((least, most, after))
}

#[cfg(test)]
mod tests {
    use super::Sequence;

    #[test]
    fn patterns_that_are_no_row_of_sets_are_left_alone() {
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
            assert!(Sequence::of(pattern).is_none(), "{pattern}");
        }
    }

    #[test]
    fn random_patterns_match_what_the_regular_expression_does() {
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
            let Some(sequence) = Sequence::of(&pattern) else { continue };
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

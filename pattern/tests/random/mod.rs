//! Random patterns and texts.

const ATOMS: [&str; 30] = [
    "a",
    "b",
    "é",
    "😀",
    ".",
    r"\d",
    r"\w",
    r"\s",
    r"\W",
    r"\D",
    "[ab]",
    "[^a]",
    "[a-c0-9]",
    "[^\\s\\d]",
    r"\p{L}",
    r"\P{Lu}",
    r"\p{Script=Greek}",
    r"\uD83D\uDE00",
    r"\u{1F600}",
    r"[\u{1F600}-\u{1F64F}]",
    "^",
    "$",
    r"\b",
    r"\B",
    "-",
    "_",
    r"\n",
    "[]",
    "[^]",
    r"\p{M}",
];
const QUANTIFIERS: [&str; 12] =
    ["*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}", "*?", "+?", "??", "{0}", "{1,2}?"];
const CHARACTERS: [char; 18] = [
    'a', 'b', 'c', 'A', '0', '9', ' ', '\n', '\r', '\u{2028}', '-', '_', 'é', '\u{301}', 'λ', '😀', '😁',
    '\u{FEFF}',
];

/// A pattern with groups nested up to this depth.
pub(crate) fn pattern(random: &mut fastrand::Rng, depth: usize) -> String {
    let mut text = String::new();
    for _ in 0..random.usize(1..4) {
        if depth > 0 && random.usize(..3) == 0 {
            let inner = pattern(random, depth - 1);
            match random.usize(..7) {
                0 => text.push_str(&format!("(?={inner})")),
                1 => text.push_str(&format!("(?!{inner})")),
                2 => text.push_str(&format!("(?<={inner})")),
                3 => text.push_str(&format!("(?<!{inner})")),
                4 => text.push_str(&format!("({inner}|{})", pattern(random, depth - 1))),
                _ => {
                    text.push_str(&format!("(?:{inner})"));
                    if random.bool() {
                        text.push_str(QUANTIFIERS[random.usize(..QUANTIFIERS.len())]);
                    }
                }
            }
            continue;
        }
        let atom = ATOMS[random.usize(..ATOMS.len())];
        text.push_str(atom);
        if !["^", "$", r"\b", r"\B"].contains(&atom) && random.usize(..3) == 0 {
            text.push_str(QUANTIFIERS[random.usize(..QUANTIFIERS.len())]);
        }
    }
    if random.usize(..6) == 0 {
        text = format!("{text}|{}", ATOMS[random.usize(..ATOMS.len())]);
    }
    text
}

/// A text of a few characters that patterns are likely to distinguish.
pub(crate) fn text(random: &mut fastrand::Rng) -> String {
    (0..random.usize(..9)).map(|_| CHARACTERS[random.usize(..CHARACTERS.len())]).collect()
}

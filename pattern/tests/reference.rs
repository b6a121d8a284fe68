//! Random patterns match the same random texts as the reference.

mod random;

use fanfare_pattern::{Error, Regex};
use random::{pattern, text};

#[test]
fn random_patterns_match_what_the_reference_does() {
    let mut random = fastrand::Rng::with_seed(7);
    let (mut compared, mut matched) = (0, 0);
    for _ in 0..3_000 {
        let source = pattern(&mut random, 3);
        let reference = regress::Regex::with_flags(&source, "u").expect("a pattern");
        let regex = match Regex::new(&source) {
            Ok(regex) => regex,
            Err(Error::TooManyLookarounds) => continue,
            Err(error) => panic!("{source}: {error}"),
        };
        let without_tables = Regex::new(&source).expect("a pattern").without_tables();
        for _ in 0..8 {
            let text = text(&mut random);
            let expected = reference.find(&text).is_some();
            assert_eq!(regex.is_match(&text), expected, "/{source}/u on {text:?}");
            assert_eq!(without_tables.is_match(&text), expected, "/{source}/u without tables on {text:?}");
            compared += 1;
            matched += usize::from(expected);
        }
    }
    assert!(matched > 5_000 && compared - matched > 5_000, "{matched} of {compared} match");
}

/// Characters of patterns in random order are valid for both or for neither. The reference accepts a repeated `\b` and
/// signs in hexadecimal digits, which the grammar does not, so neither occurs here.
#[test]
fn what_is_a_pattern_is_what_the_reference_says() {
    const PIECES: [&str; 43] = [
        "a",
        "e",
        "\\",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "*",
        "+",
        "?",
        "|",
        "^",
        "$",
        ".",
        "-",
        ",",
        "1",
        "2",
        "0",
        ":",
        "=",
        "!",
        "<",
        ">",
        "/",
        "\\u",
        "\\x",
        "\\c",
        "\\k",
        "\\p",
        "{2,1}",
        "\\-",
        "\\d",
        "é",
        "(?:",
        "(?=",
        "(?<x>",
        "{L}",
        "{Script=Greek}",
        "00E9",
        "{1F600}",
    ];
    let mut random = fastrand::Rng::with_seed(11);
    let mut valid = 0;
    for _ in 0..100_000 {
        let source: String = (0..random.usize(1..6)).map(|_| PIECES[random.usize(..PIECES.len())]).collect();
        if source.contains("\\u+") || source.contains("\\x+") {
            continue;
        }
        let expected = regress::Regex::with_flags(&source, "u").is_ok();
        match Regex::new(&source) {
            Ok(_) => assert!(expected, "/{source}/u is accepted"),
            Err(Error::Syntax(why)) => assert!(!expected, "/{source}/u is refused: {why}"),
            Err(_) => continue,
        }
        valid += usize::from(expected);
    }
    assert!(valid > 5_000, "{valid} are valid");
}

//! The vectors that the TypeScript library reads: random patterns as automata, with
//! texts and verdicts.

mod random;

use fanfare_pattern::Regex;
use serde_json::{Value, json};

const PATH: &str = "../tests/vectors/patterns.json";

/// Realistic patterns, some of which take a backtracking engine exponential time.
const KNOWN: [&str; 12] = [
    r"^(\w+\s?)*$",
    r"\S+@example\.com",
    "^(a+)+$",
    "(x+x+)+y",
    r"^(?=.*\d)(?=.*[a-z])(?=.*[A-Z]).{8,}$",
    r"(?<!a.*)b",
    r"(?<=(?<!b)a+)\b",
    r"\bab?\b.*\Bz",
    "(?:a|b)*a(?:a|b){20}c",
    r"\p{Lu}.*\p{Script=Greek}",
    "^.*,.*$",
    "[]|a.*b",
];

#[test]
fn the_vectors_are_what_the_automata_say() {
    let mut random = fastrand::Rng::with_seed(3);
    let known = KNOWN.map(str::to_owned).into_iter();
    let sources = known.chain((0..300).map(|_| random::pattern(&mut random, 2))).collect::<Vec<_>>();
    let cases: Vec<Value> = sources
        .into_iter()
        .filter_map(|source| {
            let regex = Regex::new(&source).ok()?;
            let texts: Vec<String> = (0..12).map(|_| random::text(&mut random)).collect();
            let (matching, other): (Vec<_>, Vec<_>) =
                texts.into_iter().partition(|text| regex.is_match(text));
            let code = regex.encode();
            // A property with hundreds of ranges adds nothing to the test.
            (code.len() < 600 || KNOWN.contains(&&*source))
                .then(|| json!({ "pattern": source, "automaton": code, "matches": matching, "fails": other }))
        })
        .collect();
    let lines: Vec<String> = cases.iter().map(Value::to_string).collect();
    let text = format!("[\n{}\n]\n", lines.join(",\n"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(PATH, text).expect("a writable file");
    } else {
        let stored = std::fs::read_to_string(PATH).expect("the vectors");
        assert!(stored == text, "out of date; run `UPDATE=1 cargo test -p fanfare-pattern --test vectors`");
    }
}

//! Rejected patterns, and the growth of time with the length of the text.

use fanfare_pattern::{Error, Regex, Search, find_text};

fn refused(source: &str) -> Error {
    Regex::new(source).err().unwrap_or_else(|| panic!("/{source}/u is accepted"))
}

#[test]
fn back_references_and_flags_are_refused() {
    for source in [r"(a)\1", r"(?<x>a)\k<x>", r"\1(a)", r"(?:(a)|b)\1"] {
        assert_eq!(refused(source), Error::BackReference, "{source}");
    }
    assert!(matches!(refused(r"(a)\2"), Error::Syntax(_)));
    assert_eq!(refused("(?i:a)"), Error::Modifier);
}

#[test]
fn large_repetitions_are_refused_before_they_are_written_out() {
    for source in [
        "a{1000000000}",
        "(a{1000}){1000}",
        "(?:){1000000000}",
        "((((a{99}){99}){99}){99}){99}",
        "a{10001}",
        "a{99999999999999999999}",
    ] {
        assert_eq!(refused(source), Error::TooLarge, "{source}");
    }
    assert!(Regex::new("^a{4000}$").is_ok());
    assert!(Regex::new("^[a-z]{1,4000}$").is_ok());
}

#[test]
fn deep_groups_and_many_lookarounds_are_refused() {
    assert_eq!(refused(&"(".repeat(100_000)), Error::TooDeep);
    assert_eq!(refused(&"(?=a)".repeat(17)), Error::TooManyLookarounds);
}

#[test]
fn patterns_with_too_many_active_states_are_refused() {
    assert_eq!(refused("(?:a|b)*a(?:a|b){2000}c"), Error::TooSlow);
    assert_eq!(refused("(?=.{1000})a.*b(?:a|b){1000}c"), Error::TooSlow);
    assert!(Regex::new("(?:a|b)*a(?:a|b){200}c").is_ok());
}

#[test]
fn sets_that_divide_the_alphabet_in_many_ways_are_refused() {
    let sets = |count: u32| -> String {
        let characters = (0..count).filter_map(|number| char::from_u32(0x4e00 + number));
        characters.flat_map(|character| ['[', '^', character, ']', '?']).collect()
    };
    assert_eq!(refused(&format!("^{}$", sets(2_000))), Error::TooManyClasses);
    assert!(Regex::new(&format!("^{}$", sets(100))).is_ok());
}

#[test]
fn a_lookaround_at_the_start_is_not_looked_for_further_on() {
    let alternatives: Vec<String> = (0..2_000)
        .filter_map(|number| char::from_u32(0x4e00 + number))
        .map(|first| format!("^{first}a"))
        .collect();
    // Each character has its own set. The limit is some hundreds of sets.
    let source = format!("(?<=(?:{}))z", alternatives[..300].join("|"));
    let regex = Regex::new(&source).expect("a pattern").without_tables();
    let (_, steps) = regex.count_steps(&"x".repeat(100_000));
    assert!(steps < 1_000_000, "{steps} steps");
}

/// The number of steps for a text and for one ten times as long.
fn growth(source: &str, text: impl Fn(usize) -> String) -> (u64, u64) {
    let regex = Regex::new(source).expect("a pattern");
    let (_, short) = regex.count_steps(&text(2_000));
    let (_, long) = regex.count_steps(&text(20_000));
    (short, long)
}

/// The first alternative needs too many states for a table.
#[test]
fn an_anchor_binds_its_own_alternative_only() {
    let regex = Regex::new("^(?:a|b)*a(?:a|b){20}c|$").expect("a pattern");
    assert!(regex.is_match("xyz"));
    let regex = Regex::new("^(?:a|b)*a(?:a|b){20}c|z").expect("a pattern");
    assert!(regex.is_match("xyz") && !regex.is_match("xy"));
}

#[test]
fn steps_grow_with_the_length_of_the_text_and_no_faster() {
    let cases: [(&str, &str, &str); 9] = [
        (r"^(\w+\s?)*$", "a", "!"),
        (r"\S+@example\.com", "a", ""),
        ("^(a+)+$", "a", "b"),
        ("(a|a)*b", "a", ""),
        ("(x+x+)+y", "x", ""),
        (r"^(?=.*\d)(?=.*[a-z]).*!$", "a1", ""),
        (r"(?<=a.*)b", "a", ""),
        (r"\b\w+\b.*\bz", "ab ", ""),
        ("(?:a|b)*a(?:a|b){200}c", "ab", ""),
    ];
    for (source, unit, end) in cases {
        let (short, long) = growth(source, |count| unit.repeat(count) + end);
        assert!(long <= 11 * short, "/{source}/u: {short} steps, then {long}");
    }
}

#[test]
fn a_text_of_a_mebibyte_is_answered_soon() {
    let since = std::time::Instant::now();
    let text = "a".repeat(1 << 20);
    assert!(!Regex::new(r"^(\w+\s?)*$").expect("a pattern").is_match(&(text.clone() + "!")));
    assert!(!Regex::new(r"\S+@example\.com").expect("a pattern").is_match(&text));
    assert!(since.elapsed().as_secs() < 20, "{:?}", since.elapsed());
}

#[test]
fn patterns_that_backtracking_matches_in_linear_time_are_known() {
    let linear = [
        "^[a-z0-9]+(?:-[a-z0-9]+)*$",
        "^run_[a-z0-9]+$",
        r"\.example$",
        "^(info|important|in)$",
        r"^[\w\-]+$",
        r"^\d{4}-\d{2}-\d{2}T",
        "^(?!-)[a-z-]{1,63}$",
        "",
        "^x-",
        "a",
        r"^\p{Lu}[ä😀]{1,3}$",
        "^[A-Z]",
        "^[^@]+@[^@]+$",
        r"\bfox\b",
        r"^\B",
    ];
    let other = [
        r"^(\w+\s?)*$",
        r"\S+@example\.com",
        "^(a+)+$",
        "(a|a)*b",
        "^(a|ab)*$",
        "^a*a*$",
        "a+b",
        r"^\s*\w*\s*$|x.*y",
        r"(?=.*\d)a",
        "^(?:(?:a|b)?)*$",
        "^.*,.*$",
        "^(a?){30}a{30}$",
        "(?:ab?){60}c",
        "^(a|a)*$",
        r"\B",
        "(?!a)",
        "^(?:[ab]|[bc])*$",
        // A backtracking engine would need too much memory per character.
        r"^(?:[A-Z]*[a-z]*\d*[_-]*@*#*\.)*$",
    ];
    for source in linear {
        assert!(Regex::new(source).expect("a pattern").is_natively_linear(), "{source}");
    }
    for source in other {
        assert!(!Regex::new(source).expect("a pattern").is_natively_linear(), "{source}");
    }
}

#[test]
fn searches_with_many_states_of_lookarounds_are_given_up() {
    let sources = ["(?=.*a.{5}$)(?=.*b.{6}$)", "(?=.*c.{5}$)(?=.*d.{6}$)", "(?=.*e.{5}$)(?=.*f.{6}$)"];
    let patterns = sources.map(|source| Regex::new(source).expect("a pattern"));
    let all: Vec<&Regex> = patterns.iter().collect();
    assert_eq!(find_text(&all, &[], &[], 0), Search::Undecided);
}

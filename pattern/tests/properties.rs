//! The table of Unicode properties equals that of the reference.

use std::fmt::Write as _;

const PATH: &str = "src/properties.txt";

/// Comparing every code point with every property takes minutes, so only updating the table does it.
#[test]
fn the_table_of_properties_is_that_of_the_reference() {
    let stored = std::fs::read_to_string(PATH).expect("a readable table");
    if std::env::var_os("UPDATE").is_some() {
        let all: String = ('\0'..=char::MAX).collect();
        let current: String = stored.lines().map(|line| with_ranges(line, &all)).collect();
        std::fs::write(PATH, current).expect("a writable table");
        return;
    }
    for line in stored.lines() {
        let edges: String = edges(line).into_iter().filter_map(char::from_u32).collect();
        let ranges = ranges(line);
        let is_in = |code_point| ranges.iter().any(|(first, last)| (*first..=*last).contains(&code_point));
        let expected: String = edges.chars().filter(|character| is_in(u32::from(*character))).collect();
        let found: String = regex_of(line).find_iter(&edges).map(|found| &edges[found.range()]).collect();
        assert_eq!(
            found,
            expected,
            "{}; run `UPDATE=1 cargo test -p fanfare-pattern` to update the table",
            &line[..20.min(line.len())]
        );
    }
}

/// The code points at which a range of a line begins or ends, and their neighbours.
fn edges(line: &str) -> Vec<u32> {
    let mut edges = vec![0, 0x0010_FFFF];
    for (first, last) in ranges(line) {
        edges.extend([first.saturating_sub(1), first, last, last + 1]);
    }
    edges.sort_unstable();
    edges.dedup();
    edges
}

fn ranges(line: &str) -> Vec<(u32, u32)> {
    let numbers: Vec<u32> = line
        .split_once(':')
        .map_or("", |(_, ranges)| ranges)
        .split_ascii_whitespace()
        .map(|number| u32::from_str_radix(number, 36).expect("a number in base 36"))
        .collect();
    let mut next = 0;
    numbers
        .chunks(2)
        .map(|pair| {
            let first = next + pair[0];
            next = first + pair[1];
            (first, next - 1)
        })
        .collect()
}

fn regex_of(line: &str) -> regress::Regex {
    let mut names = line.split([':', ' ']);
    let key = match names.next() {
        Some("g") => "gc=",
        Some("s") => "sc=",
        Some("x") => "scx=",
        _ => "",
    };
    let name = names.next().unwrap_or_default();
    regress::Regex::with_flags(&format!("\\p{{{key}{name}}}+"), "u").expect("a known property")
}

fn with_ranges(line: &str, all: &str) -> String {
    let mut text = format!("{}:", line.split(':').next().unwrap_or(line).trim());
    let mut next = 0;
    for found in regex_of(line).find_iter(all) {
        let matched = &all[found.range()];
        let first = matched.chars().next().map_or(0, u32::from);
        let last = matched.chars().next_back().map_or(0, u32::from);
        // A run that crosses the surrogates includes them here; no text contains any.
        let _ = write!(text, " {} {}", base_36(first - next), base_36(last + 1 - first));
        next = last + 1;
    }
    text.push('\n');
    text
}

fn base_36(mut number: u32) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit(number % 36, 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

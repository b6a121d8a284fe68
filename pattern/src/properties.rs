//! Unicode properties for `\p{…}`.
//!
//! A test generates the table with `regress`, so that no crate of Unicode tables is
//! needed at run time. Each line contains the kind (`b` binary, `g` general category,
//! `s` script, `x` script extensions), the names, and after a `:` the ranges: alternately
//! the number of code points to skip and to include, in base 36.

use crate::code_points::CodePoints;

const TABLE: &str = include_str!("properties.txt");

/// Returns the code points with a property; `None` if ECMA-262 does not define it.
pub(crate) fn property(text: &str) -> Option<CodePoints> {
    let (kinds, value) = match text.split_once('=') {
        None => ("bg", text),
        Some(("General_Category" | "gc", value)) => ("g", value),
        Some(("Script" | "sc", value)) => ("s", value),
        Some(("Script_Extensions" | "scx", value)) => ("x", value),
        Some(_) => return None,
    };
    TABLE.lines().find_map(|line| {
        let (names, ranges) = line.split_once(':')?;
        let mut names = names.split(' ');
        let kind = names.next()?;
        (kinds.contains(kind) && names.any(|name| name == value)).then(|| decode(ranges))?
    })
}

fn decode(text: &str) -> Option<CodePoints> {
    let mut ranges = Vec::new();
    let mut numbers = text.split_ascii_whitespace().map(|number| u32::from_str_radix(number, 36).ok());
    let mut next = 0;
    while let (Some(left_out), Some(count)) = (numbers.next(), numbers.next()) {
        let first = next + left_out?;
        next = first + count?;
        ranges.push((first, next - 1));
    }
    Some(CodePoints::from_ranges(ranges))
}

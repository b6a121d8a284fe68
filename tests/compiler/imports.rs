//! Reads which modules a source file imports.

use std::collections::BTreeSet;

/// Returns the names that lead to a file's module.
pub(crate) fn module(path: &str) -> Vec<String> {
    let path = path.rsplit_once('.').map_or(path, |(path, _)| path);
    path.split('/').map(str::to_owned).collect()
}

/// Paths that begin with `crate::` or `super::`.
pub(crate) fn of_rust(module: &[String], text: &str) -> BTreeSet<Vec<String>> {
    // In a module of tests, `super` is the file itself.
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let text = without_comments(text);
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("crate::").filter(|(at, _)| !continues_a_name(&text, *at)) {
        read_tree(&text[at + "crate::".len()..], &[], &mut found);
    }
    for (at, _) in text.match_indices("super::").filter(|(at, _)| !text[..*at].ends_with("super::")) {
        let mut rest = &text[at..];
        let mut depth = module.len();
        while let Some(next) = rest.strip_prefix("super::") {
            rest = next;
            depth = depth.saturating_sub(1);
        }
        read_tree(rest, &module[..depth], &mut found);
    }
    found
}

fn continues_a_name(text: &str, at: usize) -> bool {
    text[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == '$')
}

/// Reads `a::b` or `{a::b, c}`, and adds each path below `parent`.
fn read_tree(text: &str, parent: &[String], found: &mut BTreeSet<Vec<String>>) {
    if let Some(group) = text.strip_prefix('{') {
        let mut depth = 0;
        let mut start = 0;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    read_tree(group[start..at].trim(), parent, found);
                    start = at + 1;
                    if c == '}' {
                        return;
                    }
                }
                _ => {}
            }
        }
        return;
    }
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    if name.is_empty() {
        return;
    }
    let rest = text[name.len()..].strip_prefix("::");
    let path = [parent, &[name]].concat();
    match rest {
        Some(rest) if rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '{') => {
            read_tree(rest, &path, found);
        }
        _ => drop(found.insert(path)),
    }
}

/// Relative imports and exports.
pub(crate) fn of_typescript(module: &[String], text: &str) -> BTreeSet<Vec<String>> {
    let text = without_comments(text);
    let specifiers = ["from \"", "import(\"", "import \""].iter().flat_map(|start| text.split(start).skip(1));
    let mut found = BTreeSet::new();
    for specifier in specifiers.filter_map(|rest| rest.split('"').next()) {
        if !specifier.starts_with('.') {
            continue;
        }
        let mut path = module[..module.len() - 1].to_vec();
        for name in specifier.trim_end_matches(".js").split('/') {
            match name {
                "." => {}
                ".." => drop(path.pop()),
                name => path.push(name.to_owned()),
            }
        }
        found.insert(path);
    }
    found
}

fn without_comments(text: &str) -> String {
    let is_comment = |line: &&str| ["//", "*", "/*"].iter().any(|mark| line.trim_start().starts_with(mark));
    text.lines().filter(|line| !is_comment(line)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(found: BTreeSet<Vec<String>>) -> Vec<String> {
        found.into_iter().map(|path| path.join("/")).collect()
    }

    #[test]
    fn rust_paths_are_read_in_every_spelling() {
        let text = "use crate::a::B;\nuse super::super::{b, c::{D, E}};\nuse super::near;\ncrate::g::call();\nuse crate::{h, i::J};";
        let found = joined(of_rust(&module("x/y.rs"), text));
        assert_eq!(found, ["a/B", "b", "c/D", "c/E", "g/call", "h", "i/J", "x/near"]);
        assert_eq!(joined(of_rust(&module("x.rs"), "super::y::call();")), ["y/call"]);
        assert!(
            of_rust(
                &module("x.rs"),
                "// crate::a::B\n$crate::a::B\n#[cfg(test)]\nmod tests {\n use super::b;"
            )
            .is_empty()
        );
    }

    #[test]
    fn typescript_imports_are_read_in_every_spelling() {
        let text = "import { a } from \"./a.js\";\nexport * from \"../zod/b.js\";\nimport x from \"react\";\nawait import(\"../c.js\");";
        assert_eq!(joined(of_typescript(&module("z/x.ts"), text)), ["c", "z/a", "zod/b"]);
    }
}

//! Names and their spellings in each language.

use std::collections::{HashMap, HashSet};

/// A name from a definition, with its spelling in each case convention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// As in the definition and on the wire.
    pub(crate) wire: String,
    /// `content_pipeline`
    pub(crate) snake: String,
    /// `ContentPipeline`
    pub(crate) pascal: String,
    /// `contentPipeline`
    pub(crate) camel: String,
}

impl Name {
    /// Derives the spellings, or returns `None` if the text contains no letter, digit or known symbol.
    pub(crate) fn new(wire: &str) -> Option<Self> {
        let mut words = words(wire);
        if words.is_empty() {
            words = wire.chars().filter_map(symbol_word).map(str::to_owned).collect();
        }
        if words.first()?.starts_with(|c: char| c.is_numeric()) {
            words.insert(0, "n".to_owned());
        }
        let pascal: String = words.iter().map(|word| capitalised(word)).collect();
        let camel = words[0].clone() + &words[1..].iter().map(|word| capitalised(word)).collect::<String>();
        let joined = words.join("_");
        let snake = joined.replacen(
            "n_",
            "n",
            usize::from(
                words[0] == "n" && joined[2.min(joined.len())..].starts_with(|c: char| c.is_numeric()),
            ),
        );
        let spelled = [&snake, &pascal, &camel];
        spelled.iter().all(|text| is_identifier(text)).then(|| Self {
            wire: wire.to_owned(),
            snake,
            pascal,
            camel,
        })
    }

    /// Spells out the separators between words: `a-b` and `a_b` become `a_minus_b` and `a_underscore_b`.
    fn spelled_out(wire: &str) -> Option<Self> {
        let mut spelled = String::new();
        for character in wire.chars() {
            match symbol_word(character) {
                Some(word) => spelled.push_str(&format!(" {word} ")),
                None => spelled.push(character),
            }
        }
        Some(Self { wire: wire.to_owned(), ..Self::new(&spelled)? })
    }

    /// The first name with a number that is free.
    fn with_number(wire: &str, seen: &mut HashSet<(bool, String)>) -> Self {
        let base = Self::spelled_out(wire).or_else(|| Self::new(wire));
        let (snake, pascal, camel) = match base {
            Some(name) => (name.snake, name.pascal, name.camel),
            None => ("unnamed".to_owned(), "Unnamed".to_owned(), "unnamed".to_owned()),
        };
        let mut count = 1;
        loop {
            let name = Self {
                wire: wire.to_owned(),
                snake: format!("{snake}{count}"),
                pascal: format!("{pascal}{count}"),
                camel: format!("{camel}{count}"),
            };
            if name.claim(seen) {
                return name;
            }
            count += 1;
        }
    }

    /// Takes the spellings of this name. Returns `false` if one of them is taken already.
    fn claim(&self, seen: &mut HashSet<(bool, String)>) -> bool {
        let (snake, pascal) = ((false, self.snake.clone()), (true, self.pascal.clone()));
        let is_free = !seen.contains(&snake) && !seen.contains(&pascal);
        if is_free {
            seen.extend([snake, pascal]);
        }
        is_free
    }

    /// The name as a Rust field, method or module: keywords become raw identifiers.
    pub(crate) fn rust(&self) -> String {
        match self.snake.as_str() {
            "self" | "super" | "crate" => format!("{}_", self.snake),
            word if RUST_KEYWORDS.contains(&word) => format!("r#{word}"),
            word => word.to_owned(),
        }
    }

    /// The name as a Rust type or variant.
    pub(crate) fn rust_type(&self) -> String {
        if self.pascal == "Self" { "Self_".to_owned() } else { self.pascal.clone() }
    }
}

/// Returns names that differ in every spelling. Separators are spelled out if necessary; names that still collide get a
/// number.
pub(crate) fn distinct_names(wires: &[&str]) -> Vec<Name> {
    distinct_names_besides(wires, None)
}

/// Like [`distinct_names`], with names that also differ from a reserved one in Pascal case.
pub(crate) fn distinct_names_besides(wires: &[&str], reserved: Option<&str>) -> Vec<Name> {
    let plain: Vec<Option<Name>> = wires.iter().map(|wire| Name::new(wire)).collect();
    let mut uses: HashMap<[&str; 2], u32> = HashMap::new();
    for name in plain.iter().flatten() {
        *uses.entry(["snake", &name.snake]).or_default() += 1;
        *uses.entry(["pascal", &name.pascal]).or_default() += 1;
    }
    let is_alone = |name: &Name| uses[&["snake", &*name.snake]] == 1 && uses[&["pascal", &*name.pascal]] == 1;
    let mut seen: HashSet<(bool, String)> =
        reserved.into_iter().map(|reserved| (true, reserved.to_owned())).collect();
    let mut names: Vec<Option<Name>> = plain
        .iter()
        .map(|name| name.clone().filter(|name| is_alone(name) && name.claim(&mut seen)))
        .collect();
    for (at, wire) in wires.iter().enumerate().filter(|(at, _)| names[*at].is_none()).collect::<Vec<_>>() {
        let spelled = Name::spelled_out(wire).filter(|name| name.claim(&mut seen));
        names[at] = Some(spelled.unwrap_or_else(|| Name::with_number(wire, &mut seen)));
    }
    names.into_iter().flatten().collect()
}

/// Appends a number to each name that an earlier one has.
pub(crate) fn numbered(names: Vec<String>) -> Vec<String> {
    let mut taken: HashSet<String> = HashSet::new();
    let free = |name: String| {
        let mut candidate = name.clone();
        let mut count = 2;
        while !taken.insert(candidate.clone()) {
            candidate = format!("{name}{count}");
            count += 1;
        }
        candidate
    };
    names.into_iter().map(free).collect()
}

/// The static that holds a type's table in Rust: `ContentPipeline` is `CONTENT_PIPELINE`.
pub(crate) fn table(type_name: &str) -> String {
    Name::new(type_name).map_or_else(|| type_name.to_owned(), |name| name.snake).to_uppercase()
}

/// The static for an alternative of a union without a type of its own.
pub(crate) fn alternative_table(union: &str, variant: &str) -> String {
    format!("{}_IS_{}", table(union), table(variant))
}

/// The static for a channel's param.
pub(crate) fn param_table(param: &Name) -> String {
    format!("PARAM_{}", param.snake.to_uppercase())
}

/// The type name of the result of a channel's runs, in TypeScript preceded by the channel's name.
pub(crate) const RESULT_TYPE: &str = "RunResult";

/// Type names that generated code uses.
pub(crate) const RESERVED_TYPE_NAMES: [&str; 8] =
    ["Box", "None", "Option", "Record", "Self", "Some", "String", "Vec"];

/// Names that every JavaScript object inherits.
pub(crate) const INHERITED_NAMES: [&str; 7] = [
    "constructor",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "toLocaleString",
    "toString",
    "valueOf",
];

/// Words that cannot be the name of a constant in TypeScript.
pub(crate) const TYPESCRIPT_KEYWORDS: [&str; 50] = [
    "arguments",
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "eval",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "let",
    "new",
    "null",
    "package",
    "private",
    "protected",
    "public",
    "return",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "undefined",
    "var",
    "void",
    "while",
    "with",
    "yield",
    "async",
];

const RUST_KEYWORDS: [&str; 50] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "trait",
    "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
    "union", "raw",
];

/// Splits at characters other than letters and digits, and at case changes: `HTTPServer2Go` is http, server2, go.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for part in text.split(|c: char| !c.is_alphanumeric()) {
        let letters: Vec<char> = part.chars().collect();
        let mut word = String::new();
        for (at, letter) in letters.iter().enumerate() {
            let after_lower = at > 0 && !letters[at - 1].is_uppercase();
            let before_lower = letters.get(at + 1).is_some_and(|next| next.is_lowercase());
            if letter.is_uppercase() && !word.is_empty() && (after_lower || before_lower) {
                words.push(std::mem::take(&mut word));
            }
            word.extend(letter.to_lowercase());
        }
        if !word.is_empty() {
            words.push(word);
        }
    }
    words
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn is_identifier(text: &str) -> bool {
    let is_ascii_word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_ascii_word && text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return true;
    }
    syn::parse_str::<syn::Ident>(text).is_ok()
        || RUST_KEYWORDS.contains(&text)
        || ["self", "super", "crate", "Self"].contains(&text)
}

fn symbol_word(symbol: char) -> Option<&'static str> {
    Some(match symbol {
        '+' => "plus",
        '-' => "minus",
        '*' => "star",
        '/' => "slash",
        '\\' => "backslash",
        '=' => "equal",
        '<' => "less",
        '>' => "greater",
        '!' => "bang",
        '?' => "question",
        '.' => "dot",
        ',' => "comma",
        ':' => "colon",
        ';' => "semicolon",
        '_' => "underscore",
        ' ' => "space",
        '%' => "percent",
        '#' => "hash",
        '@' => "at",
        '$' => "dollar",
        '&' => "and",
        '|' => "pipe",
        '~' => "tilde",
        '^' => "caret",
        '\n' => "newline",
        '\t' => "tab",
        '\r' => "return",
        '\u{c}' => "feed",
        '(' => "open",
        ')' => "close",
        '"' => "quote",
        '\'' => "apostrophe",
        '`' => "backtick",
        '[' => "bracket",
        ']' => "unbracket",
        '{' => "brace",
        '}' => "unbrace",
        _ => return None,
    })
}

//! ECMA-262 regular expressions with the `u` flag, matched in time linear in the length
//! of the text.
//!
//! A pattern is compiled to an automaton that reads each character once and never
//! backtracks. JSON Schema only needs to know if a pattern matches somewhere, so there
//! are no captures, and greedy and lazy quantifiers are equivalent. Each lookaround is
//! evaluated in a separate pass. Back-references cannot be matched in linear time and
//! are rejected.
//!
//! ```
//! use fanfare_pattern::Regex;
//!
//! let words = Regex::new(r"^(\w+\s?)*$").expect("a pattern");
//! assert!(words.is_match("every good boy"));
//! assert!(!words.is_match(&format!("{}!", "a".repeat(100_000))));
//! ```

mod alphabet;
mod code_points;
mod cost;
mod encode;
mod error;
mod native;
mod parse;
mod program;
mod properties;
mod scan;
mod search;
mod table;
mod tree;

pub use error::Error;
pub use search::{Search, find_text};

use alphabet::Alphabet;
use program::Program;
use table::Table;

/// A compiled regular expression.
#[derive(Debug)]
pub struct Regex {
    alphabet: Alphabet,
    /// One matcher per lookaround, inner ones first, and last the pattern itself.
    matchers: Vec<Matcher>,
    /// `true` if a backtracking engine also matches the pattern in linear time.
    is_native: bool,
}

#[derive(Debug)]
struct Matcher {
    program: Program,
    /// The program as a table of states, if the table is small.
    table: Option<Table>,
}

impl Regex {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Returns an [`Error`] if the pattern is not an ECMA-262 regular expression with the
    /// `u` flag, contains a back-reference or a group with flags, or exceeds a limit.
    pub fn new(source: &str) -> Result<Self, Error> {
        let tree = parse::parse(source)?;
        tree.check_size()?;
        let (alphabet, programs) = program::compile(&tree)?;
        let is_native = native::is_linear(&tree, programs.last(), &alphabet);
        let matchers = programs
            .into_iter()
            .map(|program| Matcher { table: Table::of(&program, &alphabet), program })
            .collect();
        let regex = Self { alphabet, matchers, is_native };
        cost::check(&regex)?;
        Ok(regex)
    }

    /// Returns `true` if the pattern matches somewhere in the text.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        scan::is_match(&self.alphabet, &self.matchers, text, &mut 0)
    }

    /// Like [`is_match`](Self::is_match), and also returns the number of visited states.
    /// Tests use it to measure growth independently of the machine.
    #[doc(hidden)]
    #[must_use]
    pub fn count_steps(&self, text: &str) -> (bool, u64) {
        let mut steps = 0;
        let is_match = scan::is_match(&self.alphabet, &self.matchers, text, &mut steps);
        (is_match, steps)
    }

    /// Drops the tables, so that tests cover the path for patterns without a small table.
    #[doc(hidden)]
    #[must_use]
    pub fn without_tables(mut self) -> Self {
        for matcher in &mut self.matchers {
            matcher.table = None;
        }
        self
    }

    /// Returns `true` if backtracking engines, such as those of browsers, provably match
    /// this pattern in linear time.
    #[must_use]
    pub fn is_natively_linear(&self) -> bool {
        self.is_native
    }

    /// Returns `true` if a match reads a bounded number of characters, regardless of the
    /// length of the text, as for `^[0-9]{4}$`.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        cost::is_bounded(self)
    }

    /// Encodes the automaton as the compact text that `f.automaton` of the TypeScript
    /// library reads.
    #[must_use]
    pub fn encode(&self) -> String {
        encode::encode(&self.alphabet, self.matchers.iter().map(|matcher| &matcher.program))
    }
}

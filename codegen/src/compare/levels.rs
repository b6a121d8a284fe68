//! How severe each kind of change is, by default and as configured in `fanfare.yaml`.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::breaking::{Category, Pair, Rule};
use crate::diagnostics::closest;

/// How severe a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The command fails.
    Error,
    /// The change needs attention, but the command succeeds.
    Warning,
    /// The change is safe in the right order of deployment.
    Note,
    /// Not reported.
    Off,
}

impl Level {
    /// Returns the name in `fanfare.yaml`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
            Self::Off => "off",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The levels of all rules.
///
/// By default, a change that breaks open pages is an error, one that breaks stored data or code that uses the generated
/// types is a warning, and one that is safe if servers are deployed first is a note.
#[derive(Clone, Debug, Default)]
pub struct Levels(BTreeMap<String, Level>);

impl Levels {
    /// Sets levels, by category or by rule.
    ///
    /// # Errors
    /// Returns a message if there is no rule or category with a name.
    pub(crate) fn new(levels: BTreeMap<String, Level>) -> Result<Self, String> {
        let known = || {
            let categories = Category::ALL.into_iter().map(Category::name);
            categories.chain(Rule::ALL.iter().map(|rule| rule.id()))
        };
        for name in levels.keys() {
            if known().all(|known| known != name) {
                let nearest = closest(name, known()).map(|nearest| format!("; did you mean `{nearest}`?"));
                let nearest = nearest.unwrap_or_default();
                return Err(format!("`breaking` has the unknown rule or category `{name}`{nearest}"));
            }
        }
        Ok(Self(levels))
    }

    /// Returns the level of a rule: its own, or that of its category, or the default.
    #[must_use]
    pub fn of(&self, rule: Rule) -> Level {
        let configured = self.0.get(rule.id()).or_else(|| self.0.get(rule.category().name()));
        configured.copied().unwrap_or(match (rule.category(), rule.pair()) {
            (Category::Source | Category::History | Category::Runs, _) => Level::Warning,
            (_, Pair::NewPageOldServer | Pair::Neither) => Level::Note,
            _ => Level::Error,
        })
    }
}

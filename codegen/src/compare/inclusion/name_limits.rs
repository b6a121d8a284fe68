//! The limits of names of properties.

use std::rc::Rc;

use fanfare_pattern::Regex;

use super::Claims;

/// The limits of a name.
#[derive(Clone, Debug, Default)]
pub(super) struct NameLimits {
    pub(super) matching: Vec<String>,
    pub(super) not_matching: Vec<String>,
    pub(super) excluded: Vec<String>,
    /// Claims about the name itself: `propertyNames`.
    pub(super) claims: Claims,
}

impl NameLimits {
    pub(super) fn allow(&self, name: &str, regex: impl Fn(&str) -> Option<Rc<Regex>>) -> bool {
        let matches = |source: &String| regex(source).is_some_and(|regex| regex.is_match(name));
        self.matching.iter().all(matches)
            && !self.not_matching.iter().any(matches)
            && !self.excluded.iter().any(|excluded| excluded == name)
    }
}

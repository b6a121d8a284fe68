//! Searches for names of properties.

use serde_json::Value;

use super::cases::Case;
use super::name_limits::NameLimits;
use super::{Claim, Claims, Kind, Outcome, Solver};

/// The maximum number of patterns for names that are combined.
const MAX_PATTERNS: usize = 5;

/// Names that no schema of a case declares.
#[derive(Default)]
pub(super) struct FreshNames {
    /// One name for each combination of patterns that match it.
    pub(super) names: Vec<String>,
    /// There may be others, which the search cannot find because of this keyword.
    pub(super) undecided: Option<&'static str>,
}

impl Solver<'_> {
    /// Searches for names of undeclared properties.
    pub(super) fn fresh_names(&mut self, case: &Case, limits: &NameLimits) -> FreshNames {
        let mut patterns: Vec<&String> = Vec::new();
        let mut claims = limits.claims.clone();
        for id in &case.nodes {
            let object = &self.graph[*id].object;
            patterns.extend(object.patterns.iter().map(|(pattern, _)| pattern));
            claims.extend(object.names.map(Claim::holds));
        }
        patterns.sort_unstable();
        patterns.dedup();
        patterns
            .retain(|pattern| !limits.matching.contains(pattern) && !limits.not_matching.contains(pattern));
        let mut found = FreshNames::default();
        if patterns.len() > MAX_PATTERNS {
            found.undecided = Some("patternProperties");
            return found;
        }
        for combination in 0..1_usize << patterns.len() {
            let mut limits = NameLimits { claims: Claims::new(), ..limits.clone() };
            for (at, pattern) in patterns.iter().enumerate() {
                let side =
                    if combination >> at & 1 == 1 { &mut limits.matching } else { &mut limits.not_matching };
                side.push((*pattern).clone());
            }
            match self.name(claims.clone(), limits) {
                Outcome::Value(Value::String(name)) => found.names.push(name),
                Outcome::Undecided(keyword) => found.undecided = Some(keyword),
                Outcome::Value(_) | Outcome::Nothing => {}
            }
        }
        found
    }

    /// Searches for a name with some claims.
    fn name(&mut self, claims: Claims, limits: NameLimits) -> Outcome {
        let Some(claims) = self.saturate(claims) else { return Outcome::Nothing };
        let mut case = Case::new(Kind::Text, claims);
        case.name_limits = limits;
        self.expand(case)
    }
}

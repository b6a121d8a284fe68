//! The order in which servers and pages can be deployed.

use super::Finding;
use super::rules::Pair;

/// The order in which servers and pages can be deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deployment {
    /// Old and new pages work with old and new servers.
    AnyOrder,
    /// Old pages work with the new server, but new pages do not work with the old one.
    ServersFirst,
    /// New pages work with the old server, but old pages do not work with the new one.
    PagesFirst,
    /// Neither order is safe.
    TwoReleases,
}

impl Deployment {
    pub(super) fn of(findings: &[Finding]) -> Self {
        let breaks =
            |pair: Pair| findings.iter().any(|finding| [pair, Pair::Both].contains(&finding.rule.pair()));
        match (breaks(Pair::OldPageNewServer), breaks(Pair::NewPageOldServer)) {
            (false, false) => Self::AnyOrder,
            (false, true) => Self::ServersFirst,
            (true, false) => Self::PagesFirst,
            (true, true) => Self::TwoReleases,
        }
    }
}

//! The order in which servers and pages can be deployed.

use std::collections::BTreeSet;

use super::Finding;
use crate::breaking::{Category, Pair, Rule};

/// The order in which servers and pages can be deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deployment {
    /// Old and new pages work with old and new servers.
    AnyOrder,
    /// Old pages work with the new server, but new pages do not work with the old one.
    ServersFirst,
    /// New pages work with the old server, but old pages do not work with the new one.
    PagesFirst,
    /// Neither order is safe. Contains the steps that are.
    Steps(Vec<String>),
}

impl Deployment {
    pub(super) fn of(findings: &[Finding]) -> Self {
        let broken = |pair: Pair| -> BTreeSet<&str> {
            let breaking =
                findings.iter().filter(|finding| [pair, Pair::Both].contains(&finding.rule.pair()));
            breaking.map(|finding| finding.subject.as_str()).collect()
        };
        let (pages, servers) = (broken(Pair::OldPageNewServer), broken(Pair::NewPageOldServer));
        match (pages.is_empty(), servers.is_empty()) {
            (true, true) => Self::AnyOrder,
            (true, false) => Self::ServersFirst,
            (false, true) => Self::PagesFirst,
            (false, false) => Self::Steps(steps(findings, &pages, &servers)),
        }
    }

    /// Returns the name in JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::AnyOrder => "any-order",
            Self::ServersFirst => "servers-first",
            Self::PagesFirst => "pages-first",
            Self::Steps(_) => "steps",
        }
    }

    /// Returns instructions, one per line.
    #[must_use]
    pub fn instructions(&self) -> Vec<String> {
        match self {
            Self::AnyOrder => vec!["Deploy servers and pages in any order.".to_owned()],
            Self::ServersFirst => vec!["Deploy the servers first, then the pages.".to_owned()],
            Self::PagesFirst => vec![PAGES_FIRST.to_owned()],
            Self::Steps(steps) => {
                let steps = steps.iter().zip(1..).map(|(step, number)| format!("{number}. {step}"));
                std::iter::once("Neither order is safe. Make several releases:".to_owned())
                    .chain(steps)
                    .collect()
            }
        }
    }
}

const PAGES_FIRST: &str = "Deploy the pages first, then the servers once no old page is open.";

/// The number of subjects that a step names.
const MAX_NAMED: usize = 8;

/// Returns the releases that are safe one after another.
fn steps(findings: &[Finding], pages: &BTreeSet<&str>, servers: &BTreeSet<&str>) -> Vec<String> {
    let both: BTreeSet<&str> = pages.intersection(servers).copied().collect();
    let only_servers: BTreeSet<&str> = servers.difference(&both).copied().collect();
    let only_pages: BTreeSet<&str> = pages.difference(&both).copied().collect();
    let mut steps = Vec::new();
    let mut add = |subjects: &BTreeSet<&str>, action: &str, order: &str| {
        if !subjects.is_empty() {
            let named = subjects.iter().take(MAX_NAMED).map(|subject| format!("`{subject}`"));
            let more = subjects.len().saturating_sub(MAX_NAMED);
            let more = (more > 0).then(|| format!("{more} more"));
            let subjects = named.chain(more).collect::<Vec<_>>().join(", ");
            steps.push(format!("{action} {subjects}. {order}"));
        }
    };
    let is = |subject: &&str, test: &dyn Fn(Rule) -> bool| {
        findings.iter().any(|finding| finding.subject == *subject && test(finding.rule))
    };
    let (replaced, changed): (BTreeSet<&str>, BTreeSet<&str>) = both.iter().partition(|subject| {
        is(subject, &|rule| [Rule::AddressChanged, Rule::TopicKindChanged].contains(&rule))
    });
    let (received, sent): (BTreeSet<&str>, BTreeSet<&str>) = changed.iter().partition(|subject| {
        is(subject, &|rule| rule == Rule::SignalRefusedByNewServer || rule.category() == Category::Address)
    });
    let (servers_first, pages_first) = ("Deploy the servers first, then the pages.", PAGES_FIRST);
    add(&only_servers, "Make the changes of", servers_first);
    add(&received, "Accept old and new values of", servers_first);
    add(&sent, "Accept old and new values of", pages_first);
    add(&replaced, "Add the new form under another name for", servers_first);
    add(&sent, "Send only new values of", servers_first);
    add(&received, "Accept only new values of", pages_first);
    add(&replaced, "Remove the old form of", pages_first);
    add(&only_pages, "Make the changes of", pages_first);
    steps
}

//! The known vulnerabilities in `advisories.toml`.
//!
//! The file contains the advisories of all packages in the lock files, for every version, so that the check works
//! offline. Those of crates come from a checkout of the RustSec database. Those of npm packages are added by hand.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

use crate::policy::Policy;
use crate::{Ecosystem, Package, Result, root, rust};

const HEADER: &str = "\
# Advisories of the packages in this project's lock files. `cargo xtask audit --update <database>` writes the advisories
# of crates. Add those of npm packages by hand.

";

#[derive(Deserialize, Serialize)]
pub(crate) struct Advisories {
    /// The crates whose advisories the file contains.
    looked_up: BTreeSet<String>,
    advisory: BTreeSet<Advisory>,
}

#[derive(Deserialize, Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Advisory {
    ecosystem: Ecosystem,
    package: String,
    id: String,
    /// The kind, unless it is a vulnerability: `unmaintained`, `unsound` or `notice`.
    #[serde(skip_serializing_if = "Option::is_none")]
    informational: Option<String>,
    /// Version requirements. A version that matches one of them is not affected.
    unaffected: Vec<String>,
}

/// An advisory in the RustSec database, reduced to the fields used here.
#[derive(Deserialize)]
struct Published {
    advisory: Head,
    versions: Versions,
}

#[derive(Deserialize)]
struct Head {
    id: String,
    package: String,
    informational: Option<String>,
    withdrawn: Option<toml::Value>,
}

#[derive(Deserialize)]
struct Versions {
    patched: Vec<String>,
    #[serde(default)]
    unaffected: Vec<String>,
}

fn path() -> PathBuf {
    root().join("xtask/audit/advisories.toml")
}

impl Advisories {
    pub(crate) fn read() -> Result<Self> {
        Ok(toml::from_str(&std::fs::read_to_string(path())?)?)
    }

    /// Reports every package with a known vulnerability, and every crate whose advisories were never looked up.
    pub(crate) fn check<'p>(
        &self,
        packages: impl Iterator<Item = &'p Package>,
        policy: &Policy,
    ) -> BTreeSet<String> {
        let mut findings = BTreeSet::new();
        for package in packages {
            let Package { ecosystem, name, version, .. } = package;
            if *ecosystem == Ecosystem::Cargo && !self.looked_up.contains(name) {
                findings.insert(format!(
                    "{name} {version}: unknown advisories: run `cargo xtask audit --update <checkout of the RustSec \
                     database>`"
                ));
            }
            let is_of_package =
                |advisory: &&Advisory| advisory.ecosystem == *ecosystem && advisory.package == *name;
            for advisory in self.advisory.iter().filter(is_of_package) {
                if advisory.affects(version) && !policy.ignores(&advisory.id) {
                    let kind = advisory.informational.as_deref().unwrap_or("vulnerable");
                    findings.insert(format!("{name} {version}: {kind}: {}", advisory.id));
                }
            }
        }
        findings
    }
}

impl Advisory {
    /// Returns `true` if a version is affected or cannot be parsed.
    fn affects(&self, version: &str) -> bool {
        let Ok(version) = Version::parse(version) else { return true };
        !self.unaffected.iter().any(|range| is_within(range, &version))
    }
}

fn is_within(range: &str, version: &Version) -> bool {
    VersionReq::parse(range).is_ok_and(|range| range.matches(version))
}

/// Replaces the advisories of all crates with those of a RustSec database, and returns their number.
pub(crate) fn update(database: &Path) -> Result<usize> {
    let mut advisories = Advisories::read()?;
    advisories.advisory.retain(|advisory| advisory.ecosystem != Ecosystem::Cargo);
    advisories.looked_up =
        rust::packages(&rust::metadata()?)?.into_iter().map(|package| package.name).collect();
    let mut count = 0;
    for name in &advisories.looked_up {
        let folder = database.join("crates").join(name);
        if !folder.exists() {
            continue;
        }
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let text = std::fs::read_to_string(&path)?;
            let published = text.split("```").nth(1).and_then(|text| text.strip_prefix("toml"));
            let published: Published = toml::from_str(published.unwrap_or_default())
                .map_err(|error| format!("{}: {error}", path.display()))?;
            if published.advisory.withdrawn.is_none() {
                advisories.advisory.insert(published.into());
                count += 1;
            }
        }
    }
    std::fs::write(self::path(), HEADER.to_owned() + &toml::to_string(&advisories)?)?;
    Ok(count)
}

impl From<Published> for Advisory {
    fn from(Published { advisory, versions }: Published) -> Self {
        Self {
            ecosystem: Ecosystem::Cargo,
            package: advisory.package,
            id: advisory.id,
            informational: advisory.informational,
            unaffected: [versions.patched, versions.unaffected].concat(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(ecosystem: Ecosystem, name: &str, version: &str) -> Vec<String> {
        let package =
            Package { ecosystem, name: name.into(), version: version.into(), licence: None, checksum: None };
        let (advisories, policy) =
            (Advisories::read().expect("advisories"), Policy::read().expect("a policy"));
        advisories.check([&package].into_iter(), &policy).into_iter().collect()
    }

    #[test]
    fn versions_with_a_known_vulnerability_are_found() {
        let old = findings(Ecosystem::Cargo, "tokio", "1.38.0");
        assert_eq!(old, ["tokio 1.38.0: unsound: RUSTSEC-2025-0023"]);
        assert!(findings(Ecosystem::Cargo, "tokio", "1.44.2").is_empty());
        assert_eq!(findings(Ecosystem::Npm, "ws", "8.17.0"), ["ws 8.17.0: vulnerable: GHSA-3h5v-q93c-6h6q"]);
        assert!(findings(Ecosystem::Npm, "ws", "8.17.1").is_empty());
    }

    #[test]
    fn crates_that_were_never_looked_up_are_reported() {
        let unknown = findings(Ecosystem::Cargo, "a-new-crate", "1.0.0");
        assert!(unknown[0].contains("unknown advisories"), "{unknown:?}");
    }

    #[test]
    fn every_range_parses() {
        let advisories = Advisories::read().expect("advisories");
        for advisory in &advisories.advisory {
            for range in &advisory.unaffected {
                assert!(VersionReq::parse(range).is_ok(), "{}: {range}", advisory.id);
            }
        }
    }
}

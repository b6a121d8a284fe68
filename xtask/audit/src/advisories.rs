//! Known vulnerabilities: `advisories.toml`.
//!
//! It holds the advisories of all packages that a lock file names, whatever their version, so that the check needs no
//! network. Those of crates are read from a checkout of the RustSec database; those of npm packages are added by hand.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

use crate::policy::Policy;
use crate::{Ecosystem, Package, Result, root, rust};

const HEADER: &str = "\
# Advisories of packages that a lock file of this project names. `cargo xtask audit --update <database>` writes those of
# crates; those of npm packages are added by hand.

";

#[derive(Deserialize, Serialize)]
pub(crate) struct Advisories {
    /// The crates whose advisories are here.
    looked_up: BTreeSet<String>,
    advisory: BTreeSet<Advisory>,
}

#[derive(Deserialize, Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Advisory {
    ecosystem: Ecosystem,
    package: String,
    id: String,
    /// What it is, if it is no vulnerability: `unmaintained`, `unsound` or `notice`.
    #[serde(skip_serializing_if = "Option::is_none")]
    informational: Option<String>,
    /// Requirements on versions. A version that meets one of them is not affected.
    unaffected: Vec<String>,
}

/// The part of an advisory in the RustSec database that counts here.
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

    /// Names every package with a known vulnerability, and every crate whose advisories are not here.
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
                    "{name} {version}: its advisories are not known here: run `cargo xtask audit --update <a checkout \
                     of the RustSec database>`"
                ));
            }
            let of_package =
                |advisory: &&Advisory| advisory.ecosystem == *ecosystem && advisory.package == *name;
            for advisory in self.advisory.iter().filter(of_package) {
                if advisory.affects(version) && !policy.ignores(&advisory.id) {
                    let kind = advisory.informational.as_deref().unwrap_or("vulnerable");
                    findings.insert(format!("{name} {version}: it is {kind}: {}", advisory.id));
                }
            }
        }
        findings
    }
}

impl Advisory {
    /// Returns whether a version is affected. What cannot be compared counts as affected.
    fn affects(&self, version: &str) -> bool {
        let Ok(version) = Version::parse(version) else { return true };
        !self.unaffected.iter().any(|range| is_within(range, &version))
    }
}

fn is_within(range: &str, version: &Version) -> bool {
    VersionReq::parse(range).is_ok_and(|range| range.matches(version))
}

/// Reads the advisories of all crates again, and returns how many there are.
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
        assert_eq!(old, ["tokio 1.38.0: it is unsound: RUSTSEC-2025-0023"]);
        assert!(findings(Ecosystem::Cargo, "tokio", "1.44.2").is_empty());
        assert_eq!(
            findings(Ecosystem::Npm, "ws", "8.17.0"),
            ["ws 8.17.0: it is vulnerable: GHSA-3h5v-q93c-6h6q"]
        );
        assert!(findings(Ecosystem::Npm, "ws", "8.17.1").is_empty());
    }

    #[test]
    fn a_crate_that_nobody_looked_up_is_found() {
        let unknown = findings(Ecosystem::Cargo, "a-new-crate", "1.0.0");
        assert!(unknown[0].contains("its advisories are not known here"), "{unknown:?}");
    }

    #[test]
    fn every_range_can_be_read() {
        let advisories = Advisories::read().expect("advisories");
        for advisory in &advisories.advisory {
            for range in &advisory.unaffected {
                assert!(VersionReq::parse(range).is_ok(), "{}: {range}", advisory.id);
            }
        }
    }
}

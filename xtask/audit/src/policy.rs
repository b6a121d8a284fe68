//! The policy in `deny.toml`, which `cargo deny check` also reads.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::{Ecosystem, Package, Result, root};

#[derive(Deserialize)]
pub(crate) struct Policy {
    advisories: Advisories,
    licenses: Licences,
    pub(crate) bans: Bans,
}

#[derive(Deserialize)]
struct Advisories {
    ignore: Vec<Ignored>,
}

#[derive(Deserialize)]
struct Ignored {
    id: String,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
}

#[derive(Deserialize)]
pub(crate) struct Bans {
    pub(crate) skip: Vec<Skipped>,
    pub(crate) deny: Vec<Denied>,
}

/// A crate that may have several versions.
#[derive(Deserialize)]
pub(crate) struct Skipped {
    #[serde(rename = "crate")]
    pub(crate) name: String,
}

#[derive(Deserialize)]
pub(crate) struct Denied {
    #[serde(rename = "crate")]
    pub(crate) name: String,
    pub(crate) reason: String,
}

impl Policy {
    pub(crate) fn read() -> Result<Self> {
        let path = root().join("deny.toml");
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(toml::from_str(&text)?)
    }

    /// Returns `true` if an advisory does not concern the project.
    pub(crate) fn ignores(&self, advisory: &str) -> bool {
        self.advisories.ignore.iter().any(|ignored| ignored.id == advisory)
    }

    pub(crate) fn check_licences<'p>(&self, packages: impl Iterator<Item = &'p Package>) -> BTreeSet<String> {
        packages
            .filter_map(|package| {
                let reason = self.refuse_licence(package)?;
                Some(format!("{} {}: {reason}", package.name, package.version))
            })
            .collect()
    }

    /// Returns the reason why the licence of a package is not accepted.
    fn refuse_licence(&self, package: &Package) -> Option<String> {
        let text = package.licence.as_ref()?;
        let mode = match package.ecosystem {
            // Old crates write `MIT/Apache-2.0`.
            Ecosystem::Cargo => spdx::ParseMode::LAX,
            Ecosystem::Npm => spdx::ParseMode::STRICT,
        };
        let Ok(licence) = spdx::Expression::parse_mode(text, mode) else {
            return Some(format!("the licence {text:?} is not an SPDX expression"));
        };
        let is_allowed = licence.evaluate(|one| self.licenses.allow.contains(&one.to_string()));
        (!is_allowed).then(|| format!("the licence {text:?} is not allowed in deny.toml"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(licence: Option<&str>) -> Option<String> {
        let package = Package {
            ecosystem: Ecosystem::Cargo,
            name: "example".into(),
            version: "1.0.0".into(),
            licence: licence.map(str::to_owned),
            checksum: None,
        };
        Policy::read().expect("a policy").refuse_licence(&package)
    }

    #[test]
    fn licences_must_be_in_the_list() {
        for accepted in
            ["MIT", "MIT/Apache-2.0", "GPL-3.0-only OR MIT", "(MIT OR Apache-2.0) AND Unicode-3.0"]
        {
            assert_eq!(refused(Some(accepted)), None);
        }
        assert!(refused(Some("MIT AND GPL-3.0-only")).is_some_and(|why| why.contains("not allowed")));
        assert!(refused(Some("my own")).is_some_and(|why| why.contains("not an SPDX expression")));
    }
}

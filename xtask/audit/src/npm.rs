//! The npm dependencies of the project.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::{Ecosystem, Package, Result, locks, root};

/// Packages that may run an install script: `esbuild` checks its own program, and `protobufjs` compares version
/// numbers.
const ALLOWED_SCRIPTS: [&str; 2] = ["esbuild", "protobufjs"];

#[derive(Deserialize)]
struct Lock {
    packages: BTreeMap<String, Locked>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Locked {
    version: Option<String>,
    license: Option<String>,
    integrity: Option<String>,
    resolved: Option<String>,
    #[serde(default)]
    link: bool,
    #[serde(default)]
    has_install_script: bool,
}

fn locked() -> Result<Vec<(String, Locked)>> {
    let mut all = Vec::new();
    for path in locks::find("package-lock.json")? {
        let lock: Lock = serde_json::from_str(&std::fs::read_to_string(&path)?)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let others =
            lock.packages.into_iter().filter(|(path, locked)| path.contains("node_modules/") && !locked.link);
        all.extend(others.filter_map(|(path, locked)| {
            let name = path.rsplit_once("node_modules/")?.1.to_owned();
            Some((name, locked))
        }));
    }
    Ok(all)
}

/// Returns all third-party npm packages.
pub(crate) fn packages() -> Result<BTreeSet<Package>> {
    let package = |(name, locked): (String, Locked)| Package {
        ecosystem: Ecosystem::Npm,
        name,
        version: locked.version.unwrap_or_default(),
        licence: locked.license,
        checksum: locked.integrity.and_then(|integrity| integrity.strip_prefix("sha512-").map(str::to_owned)),
    };
    Ok(locked()?.into_iter().map(package).collect())
}

/// Returns the packages in the page of Studio, which the crate `fanfare` contains.
pub(crate) fn embedded() -> Result<Vec<Package>> {
    let licences = std::fs::read_to_string(root().join("runtime/rust/studio/licenses.txt"))?;
    let parse = |line: &str| {
        let (name, rest) = line.strip_prefix("## ")?.split_once(" - ")?;
        let (version, licence) = rest.split_once(" (")?;
        Some(Package {
            ecosystem: Ecosystem::Npm,
            name: name.to_owned(),
            version: version.to_owned(),
            licence: licence.strip_suffix(')').map(str::to_owned),
            checksum: None,
        })
    };
    Ok(licences.lines().filter_map(parse).collect())
}

/// Checks that each package has a checksum, comes from a registry, and runs no unknown install script.
pub(crate) fn check() -> Result<BTreeSet<String>> {
    let mut findings = BTreeSet::new();
    for (name, locked) in locked()? {
        if !locked.integrity.is_some_and(|integrity| integrity.starts_with("sha512-")) {
            findings.insert(format!("{name}: no SHA-512 in the lock file"));
        }
        if locked.resolved.as_ref().is_some_and(|source| !source.starts_with("https://registry.")) {
            findings.insert(format!(
                "{name}: not from a registry, but from {}",
                locked.resolved.unwrap_or_default()
            ));
        }
        if locked.has_install_script && !ALLOWED_SCRIPTS.contains(&name.as_str()) {
            findings.insert(format!(
                "{name}: runs an install script: review it and add {name} to ALLOWED_SCRIPTS"
            ));
        }
    }
    Ok(findings)
}

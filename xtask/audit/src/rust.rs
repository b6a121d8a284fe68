//! The Rust dependencies of the project.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId, Source};
use serde::Deserialize;

use crate::policy::Policy;
use crate::{Ecosystem, Package, Result, locks, root};

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    /// The registry. The project's own packages have none.
    source: Option<Source>,
    checksum: Option<String>,
}

impl Locked {
    /// Returns the package, unless it is one of the project's own.
    fn into_third_party(self) -> Option<Package> {
        self.source?;
        let Self { name, version, checksum, .. } = self;
        Some(Package { ecosystem: Ecosystem::Cargo, name, version, licence: None, checksum })
    }
}

fn locks() -> Result<Vec<Lock>> {
    let paths = locks::find("Cargo.lock")?;
    paths.iter().map(|path| Ok(toml::from_str(&std::fs::read_to_string(path)?)?)).collect()
}

/// Returns all third-party crates in the lock files, for every platform and feature. The licence is known for those of
/// the main workspace.
pub(crate) fn packages(metadata: &Metadata) -> Result<BTreeSet<Package>> {
    let mut locked: BTreeSet<Package> =
        locks()?.into_iter().flat_map(|lock| lock.package).filter_map(Locked::into_third_party).collect();
    for package in metadata.packages.iter().filter(|package| package.source.is_some()) {
        let (name, version) = (package.name.to_string(), package.version.to_string());
        let same = locked.iter().find(|locked| locked.name == name && locked.version == version).cloned();
        if let Some(same) = same {
            locked.remove(&same);
            locked.insert(Package { licence: package.license.clone(), ..same });
        }
    }
    Ok(locked)
}

/// Returns the packages of the main workspace.
pub(crate) fn metadata() -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    command.current_dir(root()).features(cargo_metadata::CargoOpt::AllFeatures);
    Ok(command.other_options(["--locked".to_owned()]).exec()?)
}

/// Checks that all crates come from crates.io and none is denied, and that none of the main workspace has several
/// versions.
pub(crate) fn check(policy: &Policy, metadata: &Metadata) -> Result<BTreeSet<String>> {
    let mut findings = BTreeSet::new();
    for lock in locks()? {
        for Locked { name, version, source, .. } in lock.package {
            if source.as_ref().is_some_and(|source| !source.is_crates_io()) {
                findings.insert(format!("{name} {version}: not from crates.io"));
            }
            if let Some(denied) = policy.bans.deny.iter().find(|denied| denied.name == name) {
                findings.insert(format!("{name} {version}: denied in deny.toml: {}", denied.reason));
            }
        }
    }
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in &metadata.packages {
        versions.entry(package.name.to_string()).or_default().push(package.version.to_string());
    }
    for (name, versions) in versions {
        if versions.len() > 1 && !policy.bans.skip.iter().any(|skipped| skipped.name == name) {
            findings.insert(format!("{name}: several versions: {}", versions.join(", ")));
        }
    }
    Ok(findings)
}

/// A package and its direct dependencies.
pub(crate) struct Node {
    pub(crate) package: Package,
    pub(crate) dependencies: Vec<String>,
}

/// Returns packages of the project and all crates that users compile with them, with all features.
pub(crate) fn closure(names: &[&str]) -> Result<BTreeMap<String, Node>> {
    let metadata = metadata()?;
    let locked = packages(&metadata)?;
    let resolve = metadata.resolve.as_ref().ok_or("cargo metadata returned no dependency graph")?;
    let id = |id: &PackageId| {
        let package = &metadata[id];
        format!("pkg:cargo/{}@{}", package.name, package.version)
    };
    let mut left: Vec<&PackageId> = metadata
        .packages
        .iter()
        .filter(|package| package.source.is_none() && names.contains(&package.name.as_str()))
        .map(|package| &package.id)
        .collect();
    let mut nodes = BTreeMap::new();
    while let Some(next) = left.pop() {
        let (key, package) = (id(next), &metadata[next]);
        if nodes.contains_key(&key) {
            continue;
        }
        let used = resolve.nodes.iter().find(|node| node.id == *next).into_iter().flat_map(|node| &node.deps);
        // Development dependencies do not reach users. Build dependencies do: their code runs on the user's machine.
        let used: Vec<&PackageId> = used
            .filter(|dependency| {
                dependency.dep_kinds.iter().any(|kind| kind.kind != DependencyKind::Development)
            })
            .map(|dependency| &dependency.pkg)
            .collect();
        let (name, version) = (package.name.to_string(), package.version.to_string());
        let checksum = locked
            .iter()
            .find(|locked| locked.name == name && locked.version == version)
            .and_then(|locked| locked.checksum.clone());
        let package = Package {
            ecosystem: Ecosystem::Cargo,
            name,
            version,
            licence: package.license.clone(),
            checksum,
        };
        nodes.insert(key, Node { package, dependencies: used.iter().map(|used| id(used)).collect() });
        left.extend(used);
    }
    Ok(nodes)
}

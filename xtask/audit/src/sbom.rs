//! Writes the dependencies of the published packages as a CycloneDX document.

use std::path::Path;

use serde_json::{Value, json};

use crate::rust::{Node, closure};
use crate::{Package, Result, npm, root};

/// The published crates.
const CRATES: [&str; 2] = ["fanfare", "fanfare-cli"];

/// Writes the document and returns the number of packages in it. The npm package has only optional peer dependencies.
pub(crate) fn write(path: &Path) -> Result<usize> {
    let nodes = closure(&CRATES)?;
    let manifest: Value =
        serde_json::from_str(&std::fs::read_to_string(root().join("runtime/typescript/package.json"))?)?;
    let npm_version = manifest["version"].as_str().unwrap_or_default();
    let npm_id = format!("pkg:npm/fanfare@{npm_version}");
    let mut components: Vec<Value> = nodes.iter().map(|(id, node)| component(id, &node.package)).collect();
    components.push(json!({
        "type": "library", "bom-ref": npm_id, "name": "fanfare", "version": npm_version, "purl": npm_id,
        "licenses": [{ "expression": manifest["license"] }],
    }));
    components.extend(npm::embedded()?.iter().map(|package| {
        // `@` starts a version in such an id.
        let id = format!("pkg:npm/{}@{}", package.name.replace('@', "%40"), package.version);
        component(&id, package)
    }));
    let depends = |(id, node): (&String, &Node)| json!({ "ref": id, "dependsOn": node.dependencies });
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": { "type": "application", "bom-ref": "fanfare", "name": "Fanfare", "version": npm_version },
        },
        "components": components,
        "dependencies": nodes.iter().map(depends).collect::<Vec<_>>(),
    });
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, format!("{document:#}\n"))?;
    Ok(components.len())
}

fn component(id: &str, package: &Package) -> Value {
    let mut component = json!({
        "type": "library", "bom-ref": id, "name": package.name, "version": package.version, "purl": id,
    });
    if let Some(licence) = &package.licence {
        component["licenses"] = json!([{ "expression": licence.replace('/', " OR ") }]);
    }
    if let Some(checksum) = &package.checksum {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    component
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_lists_the_dependencies_of_the_library() {
        let folder = std::env::temp_dir().join(format!("fanfare-sbom-{}", std::process::id()));
        let path = folder.join("fanfare.cdx.json");
        let count = write(&path).expect("a document");
        let text = std::fs::read_to_string(&path).expect("the document");
        std::fs::remove_dir_all(&folder).expect("a folder");
        let document: Value = serde_json::from_str(&text).expect("JSON");
        let components = document["components"].as_array().expect("components");
        assert_eq!(components.len(), count);
        let named = |name: &str| components.iter().find(|component| component["name"] == name);
        let tokio = named("tokio").expect("tokio");
        assert_eq!(tokio["hashes"][0]["content"].as_str().map(str::len), Some(64));
        assert_eq!(tokio["licenses"][0]["expression"], "MIT");
        assert_eq!(named("react-dom").expect("a package of Studio")["licenses"][0]["expression"], "MIT");
        assert!(named("trybuild").is_none(), "tests are not part of the library");
        let ids: Vec<&Value> = components.iter().map(|component| &component["bom-ref"]).collect();
        for dependency in document["dependencies"].as_array().expect("dependencies") {
            for used in dependency["dependsOn"].as_array().expect("a list") {
                assert!(ids.contains(&used), "{used} is not listed");
            }
        }
    }
}

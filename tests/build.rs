//! Extracts the examples of the README and of `docs/`, so that they are compiled.

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=../README.md");
    let readme = std::fs::read_to_string("../README.md")?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let schemas = out.join("schemas");
    std::fs::create_dir_all(&schemas)?;
    std::fs::write(schemas.join("pipeline.yaml"), block(&readme, "```yaml\n# schemas/pipeline.yaml")?)?;
    std::fs::write(out.join("main.rs"), block(&readme, "```rust\n// src/main.rs")?)?;
    fanfare_codegen::compile(&schemas)?;
    for page in ["definition", "runs", "testing-rust", "tokens", "from-rust-types"] {
        std::fs::write(out.join(page).with_extension("rs"), examples(page)?)?;
    }
    Ok(())
}

/// Returns the examples of a page of the documentation, each in its own module.
fn examples(page: &str) -> Result<String, Box<dyn Error>> {
    let path = format!("../docs/{page}.md");
    println!("cargo::rerun-if-changed={path}");
    let text = std::fs::read_to_string(path)?;
    let page = page.replace('-', "_");
    let examples = text.split("```rust\n").skip(1).zip(1..).map(|(block, number)| {
        let block = block.split("```").next().unwrap_or_default();
        format!("pub(super) mod example_{number} {{\nuse super::super::{page}::*;\n{block}}}\n")
    });
    Ok(examples.collect())
}

/// Returns the fenced block that starts with a text.
fn block<'r>(readme: &'r str, start: &str) -> Result<&'r str, String> {
    let at = readme
        .find(start)
        .ok_or_else(|| format!("cannot find a block in the README that starts with {start:?}"))?;
    let block = &readme[at + start.len()..];
    Ok(&block[..block.find("```").ok_or("unterminated block in the README")?])
}

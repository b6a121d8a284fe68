//! Extracts the examples from the README and the documentation, so that they are compiled.

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
    for page in ["runs", "tokens"] {
        std::fs::write(out.join(page).with_extension("rs"), examples(page)?)?;
    }
    Ok(())
}

/// The examples of a page of the documentation, each in a separate module.
fn examples(page: &str) -> Result<String, Box<dyn Error>> {
    let path = format!("../docs/{page}.md");
    println!("cargo::rerun-if-changed={path}");
    let text = std::fs::read_to_string(path)?;
    let examples = text.split("```rust\n").skip(1).zip(1..).map(|(block, number)| {
        let block = block.split("```").next().unwrap_or_default();
        format!("mod example_{number} {{\nuse super::{page}_docs::*;\n{block}}}\n")
    });
    Ok(examples.collect())
}

/// The fenced block with this start.
fn block<'r>(readme: &'r str, start: &str) -> Result<&'r str, String> {
    let at = readme
        .find(start)
        .ok_or_else(|| format!("README.md contains no block that starts with {start:?}"))?;
    let block = &readme[at + start.len()..];
    Ok(&block[..block.find("```").ok_or("README.md contains an unclosed block")?])
}

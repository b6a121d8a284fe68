//! Takes the examples out of the README and docs/runs.md, so that what they show is compiled.

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
    println!("cargo::rerun-if-changed=../docs/runs.md");
    let runs = std::fs::read_to_string("../docs/runs.md")?;
    let examples = runs.split("```rust\n").skip(1).zip(1..).map(|(block, number)| {
        let block = block.split("```").next().unwrap_or_default();
        format!("mod example_{number} {{\nuse super::runs_docs::*;\n{block}}}\n")
    });
    std::fs::write(out.join("runs.rs"), examples.collect::<String>())?;
    Ok(())
}

/// The fenced block that starts like this.
fn block<'r>(readme: &'r str, start: &str) -> Result<&'r str, String> {
    let at =
        readme.find(start).ok_or_else(|| format!("the README has no block that starts with {start:?}"))?;
    let block = &readme[at + start.len()..];
    Ok(&block[..block.find("```").ok_or("a block of the README does not end")?])
}

//! Takes the definition and the server out of the README, so that what it shows is compiled.

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
    Ok(())
}

/// The fenced block that starts like this.
fn block<'r>(readme: &'r str, start: &str) -> Result<&'r str, String> {
    let at =
        readme.find(start).ok_or_else(|| format!("the README has no block that starts with {start:?}"))?;
    let block = &readme[at + start.len()..];
    Ok(&block[..block.find("```").ok_or("a block of the README does not end")?])
}

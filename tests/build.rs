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
    for page in [
        "definition",
        "management",
        "runs",
        "rust-client",
        "studio",
        "testing-rust",
        "tokens",
        "transactions",
        "from-rust-types",
    ] {
        let examples = blocks(page)?.into_iter().zip(1..);
        let modules = examples.map(|(block, number)| module(&format!("example_{number}"), page, &block));
        std::fs::write(out.join(page).with_extension("rs"), modules.collect::<String>())?;
    }
    // The blocks of a guide are parts of one program.
    for page in ["axum", "other-rust-servers", "vite", "your-auth"] {
        let program = blocks(&format!("guides/{page}"))?.concat();
        std::fs::write(out.join(page).with_extension("rs"), module("program", page, &program))?;
    }
    Ok(())
}

/// Returns the blocks of Rust in a page of the documentation.
fn blocks(page: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let path = format!("../docs/{page}.md");
    println!("cargo::rerun-if-changed={path}");
    let text = std::fs::read_to_string(path)?;
    let blocks = text.split("```rust\n").skip(1);
    Ok(blocks.map(|block| block.split("```").next().unwrap_or_default().to_owned()).collect())
}

/// Returns a module with code of a page, which sees the definitions of `src/examples`.
fn module(name: &str, page: &str, code: &str) -> String {
    format!("pub(super) mod {name} {{\nuse super::super::{}::*;\n{code}}}\n", page.replace('-', "_"))
}

/// Returns the fenced block that starts with a text.
fn block<'r>(readme: &'r str, start: &str) -> Result<&'r str, String> {
    let at = readme
        .find(start)
        .ok_or_else(|| format!("cannot find a block in the README that starts with {start:?}"))?;
    let block = &readme[at + start.len()..];
    Ok(&block[..block.find("```").ok_or("unterminated block in the README")?])
}

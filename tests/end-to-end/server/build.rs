//! Compiles both versions of the definition in `../versions`.

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    println!("cargo::rerun-if-changed=../versions");
    for version in ["old", "new"] {
        fanfare_codegen::generate(format!("../versions/{version}/schemas"))?.write(&out.join(version))?;
    }
    Ok(())
}

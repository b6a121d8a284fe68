//! Compiles the definitions that the fuzz targets use.

fn main() -> Result<(), fanfare_codegen::Error> {
    fanfare_codegen::compile("schemas")
}

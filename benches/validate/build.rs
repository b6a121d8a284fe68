//! Compiles the definition of the payloads.

fn main() -> Result<(), fanfare_codegen::Error> {
    fanfare_codegen::compile("schemas")
}

//! Compiles the definitions that targets validate against.

fn main() -> Result<(), fanfare_codegen::Error> {
    fanfare_codegen::compile("schemas")
}

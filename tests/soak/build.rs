//! Compiles the definition of the soak server's channels.

fn main() -> Result<(), fanfare_codegen::Error> {
    fanfare_codegen::compile("schemas")
}

fn main() -> Result<(), fanfare_codegen::Error> {
    fanfare_codegen::compile("schemas")
}

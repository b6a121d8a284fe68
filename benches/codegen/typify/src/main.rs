//! Compiles a JSON Schema document into Rust with typify. Usage: `bench-typify <input> <output>`

use std::error::Error;
use std::{env, fs};
use typify::{TypeSpace, TypeSpaceSettings};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    let [_, input, output] = arguments.as_slice() else {
        return Err("usage: bench-typify <input> <output>".into());
    };
    let document: schemars::schema::RootSchema = serde_json::from_str(&fs::read_to_string(input)?)?;
    let mut types = TypeSpace::new(&TypeSpaceSettings::default());
    types.add_root_schema(document)?;
    fs::write(output, prettyplease::unparse(&syn::parse2(types.to_stream())?))?;
    Ok(())
}

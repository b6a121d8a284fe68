//! Compiles the schemas of the vectors and the random ones, as an application's build script does.

#[path = "src/random.rs"]
#[allow(dead_code, unreachable_pub)]
mod random;
#[path = "src/vectors.rs"]
#[allow(dead_code, unreachable_pub)]
mod vectors;

use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=FANFARE_SEED");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=../vectors/values");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let schemas = out.join("schemas");
    std::fs::create_dir_all(&schemas)?;

    let accepted = vectors::read().into_iter().enumerate().filter(|(_, trap)| trap.refused.is_none());
    let traps: Vec<(usize, Value)> = accepted.map(|(at, trap)| (at, trap.schema)).collect();
    let random = random::schemas(random::seed());
    let random_payloads: Vec<(usize, Value)> = random.payloads.iter().cloned().enumerate().collect();
    std::fs::write(schemas.join("vectors.json"), definition("vectors", &traps, &vectors::definitions()))?;
    std::fs::write(
        schemas.join("random.json"),
        definition("random", &random_payloads, &Value::Object(random.definitions)),
    )?;
    fanfare_codegen::compile(&schemas)?;

    let mut dispatch = String::new();
    for (channel, payloads) in [("vectors", &traps), ("random", &random_payloads)] {
        for (at, schema) in payloads {
            // A payload that only refers to a type has no type of its own.
            let path = schema["$ref"]
                .as_str()
                .map_or_else(|| format!("{channel}::T{at}"), |reference| reference.replace("#/$defs/", ""));
            writeln!(dispatch, "(\"{channel}\", \"t{at}\") => read_as::<channels::{path}>(value),")?;
        }
    }
    let dispatch = format!("match (channel, topic) {{\n{dispatch}_ => None }}");
    std::fs::write(out.join("dispatch.rs"), dispatch)?;
    Ok(())
}

/// A definition file with one topic a payload.
fn definition(channel: &str, payloads: &[(usize, Value)], definitions: &Value) -> String {
    let topics: Map<String, Value> =
        payloads.iter().map(|(at, schema)| (format!("t{at}"), json!({ "payload": schema }))).collect();
    json!({
        "version": 1,
        "channels": { channel: { "address": channel, "topics": topics } },
        "$defs": definitions,
    })
    .to_string()
}

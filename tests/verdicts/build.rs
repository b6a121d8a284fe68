//! Compiles the schemas of the vectors, the random schemas and those of the official suite, as the build script of an
//! application does.

#[path = "src/catalogue.rs"]
#[allow(dead_code, unreachable_pub)]
mod catalogue;
#[path = "src/deep.rs"]
#[allow(dead_code, unreachable_pub)]
mod deep;
#[path = "src/mixed/mod.rs"]
#[allow(dead_code, unreachable_pub, unused_imports)]
mod mixed;
#[path = "src/random.rs"]
#[allow(dead_code, unreachable_pub)]
mod random;
#[path = "src/serde_types.rs"]
#[allow(dead_code, unreachable_pub)]
mod serde_types;
#[path = "src/suite.rs"]
#[allow(dead_code, unreachable_pub)]
mod suite;
#[path = "src/vectors.rs"]
#[allow(dead_code, unreachable_pub)]
mod vectors;

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use catalogue::{Catalogue, Compiled, Mixed, Refusal, SuiteGroup};
use suite::Group;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    declare_inputs();
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let schemas = empty_folder(out.join("schemas"))?;

    let mut dispatch = String::new();
    write_shared(&schemas, &mut dispatch)?;
    let catalogue =
        Singles { all: &schemas, alone: empty_folder(out.join("alone"))? }.write(&mut dispatch)?;
    fanfare_codegen::compile(&schemas)?;

    fs::write(out.join("dispatch.rs"), format!("match (channel, topic) {{\n{dispatch}_ => None }}"))?;
    fs::write(out.join("catalogue.json"), serde_json::to_string(&catalogue)?)?;
    Ok(())
}

fn declare_inputs() {
    for variable in ["FANFARE_SEED", "FANFARE_MIXED", "FANFARE_SUITE"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    for path in ["build.rs", "src", "example", "../vectors/values"] {
        println!("cargo::rerun-if-changed={path}");
    }
    for folder in suite::folders() {
        println!("cargo::rerun-if-changed={}", folder.display());
    }
}

fn empty_folder(folder: PathBuf) -> Outcome<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Writes two definition files, one for the vectors and one for the simple random schemas. The topics of each file
/// share types.
fn write_shared(schemas: &Path, dispatch: &mut String) -> Outcome {
    let accepted = vectors::read().into_iter().enumerate().filter(|(_, trap)| trap.refused.is_none());
    let traps: Vec<(usize, Value)> = accepted.map(|(at, trap)| (at, trap.schema)).collect();
    let random = random::schemas(random::seed());
    let random_payloads: Vec<(usize, Value)> = random.payloads.into_iter().enumerate().collect();
    for (channel, payloads, definitions) in [
        ("vectors", &traps, &vectors::definitions()),
        ("random", &random_payloads, &Value::Object(random.definitions)),
    ] {
        fs::write(schemas.join(format!("{channel}.json")), definition(channel, payloads, definitions))?;
        for (at, _) in payloads {
            add_to(dispatch, channel, &format!("t{at}"))?;
        }
    }
    Ok(())
}

/// Adds a case that reads payloads of a topic. The generated topic determines the type of the payload.
fn add_to(dispatch: &mut String, channel: &str, topic: &str) -> Outcome {
    let (first, rest) = channel.split_at(1);
    let channel_type = format!("channels::{channel}::{}{rest}", first.to_uppercase());
    writeln!(dispatch, "(\"{channel}\", \"{topic}\") => read_as(&{channel_type}::new().{topic}(), text),")?;
    Ok(())
}

/// Returns a definition file with one topic per payload.
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

/// Schemas with one definition file each, so that the compiler can refuse some of them.
struct Singles<'a> {
    /// The folder of all accepted definitions, which is compiled at the end.
    all: &'a Path,
    /// A folder for one definition at a time.
    alone: PathBuf,
}

impl Singles<'_> {
    fn write(&self, dispatch: &mut String) -> Outcome<Catalogue> {
        // A panic of the compiler is recorded as a refusal, so it is not printed.
        std::panic::set_hook(Box::new(|_| {}));
        let seed = random::seed();
        let official: Vec<Group> = suite::folders().iter().flat_map(|folder| suite::groups(folder)).collect();
        let catalogue = Catalogue {
            seed,
            example: self.groups('e', suite::groups(Path::new("example")), dispatch)?,
            official: self.groups('s', official, dispatch)?,
            serde: self.serde('r', dispatch)?,
            mixed: self.mixed('m', mixed::schemas(seed, mixed::count()), dispatch)?,
            deep: self.mixed('d', deep::schemas(seed), dispatch)?,
            evolved: self.mixed('v', mixed::evolutions(seed, &deep::schemas(seed)), dispatch)?,
        };
        drop(std::panic::take_hook());
        Ok(catalogue)
    }

    fn groups(&self, letter: char, groups: Vec<Group>, dispatch: &mut String) -> Outcome<Vec<SuiteGroup>> {
        groups
            .into_iter()
            .enumerate()
            .map(|(at, group)| {
                let compiled = self.compile(&format!("{letter}{at:04}"), &group.schema, dispatch)?;
                Ok(SuiteGroup { group, compiled })
            })
            .collect()
    }

    /// Compiles payloads that refer to the files that schemars writes.
    fn serde(&self, letter: char, dispatch: &mut String) -> Outcome<Vec<SuiteGroup>> {
        let compile = |(at, sample): (usize, serde_types::Sample)| {
            let channel = format!("{letter}{at:04}");
            let file = format!("{channel}.schema.json");
            for folder in [self.all, &self.alone] {
                fs::write(folder.join(&file), sample.group.schema.to_string())?;
            }
            let compiled = self.compile(&channel, &json!({ "$ref": file }), dispatch)?;
            Ok(SuiteGroup { group: sample.group, compiled })
        };
        serde_types::samples().into_iter().enumerate().map(compile).collect()
    }

    fn mixed(&self, letter: char, schemas: Vec<Value>, dispatch: &mut String) -> Outcome<Vec<Mixed>> {
        let compile = |(at, schema)| {
            Ok(Mixed { compiled: self.compile(&format!("{letter}{at:04}"), &schema, dispatch)?, schema })
        };
        schemas.into_iter().enumerate().map(compile).collect()
    }

    /// Generates code for one schema, and adds the schema to those that are compiled if it is accepted.
    fn compile(&self, channel: &str, schema: &Value, dispatch: &mut String) -> Outcome<Compiled> {
        let text = json!({
            "version": 1,
            "channels": { channel: { "address": channel, "topics": { "t": { "payload": schema } } } },
        })
        .to_string();
        let file = self.alone.join(format!("{channel}.json"));
        fs::write(&file, &text)?;
        let refusal = match catch_unwind(AssertUnwindSafe(|| fanfare_codegen::generate(&self.alone))) {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(refusal(error.to_string())),
            Err(_) => Some(Refusal { code: "panic".to_owned(), text: "the compiler panicked".to_owned() }),
        };
        fs::remove_file(&file)?;
        if refusal.is_none() {
            fs::write(self.all.join(format!("{channel}.json")), &text)?;
            add_to(dispatch, channel, "t")?;
        }
        Ok(Compiled { channel: channel.to_owned(), refusal })
    }
}

fn refusal(text: String) -> Refusal {
    let code = text.split_once("error[").and_then(|(_, rest)| rest.split_once(']')).map(|(code, _)| code);
    Refusal { code: code.unwrap_or("no code").to_owned(), text }
}

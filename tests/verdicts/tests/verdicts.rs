//! Rust, zod and a JSON Schema reference give the same verdict on every value, and both languages read the same value.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use fanfare::schema::check;
use fanfare_verdicts::{channels, random, read, schemas, vectors};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// How many values are tried for each random schema.
const VALUES: usize = 40;

#[test]
fn both_languages_keep_every_decision_about_a_trap() {
    let traps = vectors::read();
    let mut cases = Vec::new();
    let mut wanted = Vec::new();
    for (at, trap) in traps.iter().enumerate().filter(|(_, trap)| trap.refused.is_none()) {
        let reference = Reference::new(&trap.schema, &vectors::definitions());
        for (text, value) in trap.texts() {
            let differs = reference.accepts(&text) != Some(value.is_some());
            assert!(
                !differs || trap.profile.is_some(),
                "{}: the reference judges {text} otherwise, and no rule of the profile explains it",
                trap.trap
            );
            wanted.push((trap.trap.clone(), value));
            cases.push(Case { channel: "vectors", topic: format!("t{at}"), text });
        }
    }
    let zod = zod_verdicts(&cases, "vectors");
    let mut wrong = String::new();
    for ((case, (trap, wanted)), zod) in cases.iter().zip(&wanted).zip(zod) {
        let wanted = wanted.as_deref().map(|text| normal(&parse(text).expect("an expected value is JSON")));
        for (side, verdict) in [("Rust", rust_verdict(case)), ("zod", zod)] {
            if verdict.value != wanted {
                writeln!(
                    wrong,
                    "{trap}: {side} on {}: {verdict:?}, wanted {wanted:?}",
                    shortened(&case.text)
                )
                .unwrap();
            }
        }
    }
    report(&format!("{} traps, {} texts, judged by Rust and zod", traps.len(), cases.len()));
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn what_cannot_be_kept_exactly_is_refused() {
    let folder = scratch("refused");
    for trap in vectors::read() {
        let Some(code) = &trap.refused else { continue };
        let definition = json!({
            "version": 1,
            "channels": { "c": { "address": "c", "topics": { "t": { "payload": trap.schema } } } },
        });
        std::fs::write(folder.join("definition.json"), definition.to_string())
            .expect("the scratch folder can be written");
        let error = fanfare_codegen::generate(&folder).expect_err(&trap.trap).to_string();
        assert!(error.contains(&format!("error[{code}]")), "{}: {error}", trap.trap);
    }
}

#[test]
fn random_values_get_the_same_verdict_from_rust_zod_and_the_reference() {
    let seed = random::seed();
    let schemas = random::schemas(seed);
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut cases = Vec::new();
    let mut references = Vec::new();
    for (at, schema) in schemas.payloads.iter().enumerate() {
        let reference = Reference::new(schema, &Value::Object(schemas.definitions.clone()));
        for _ in 0..VALUES {
            let value = random::value(&mut rng, &schemas, schema);
            let text = random::text(&mut rng, &value);
            references.push(reference.accepts(&text));
            cases.push(Case { channel: "random", topic: format!("t{at}"), text });
        }
    }
    let zod = zod_verdicts(&cases, "random");
    let (mut wrong, mut valid, mut disagreements) = (String::new(), 0, 0);
    for ((case, reference), zod) in cases.iter().zip(references).zip(zod) {
        let rust = rust_verdict(case);
        valid += usize::from(rust.value.is_some());
        if rust.value != zod.value || Some(rust.value.is_some()) != reference {
            disagreements += 1;
            if disagreements <= 10 {
                let schema =
                    &schemas.payloads[case.topic[1..].parse::<usize>().expect("a topic is t and a number")];
                writeln!(
                    wrong,
                    "{schema}\n  on {}\n  Rust: {rust:?}\n  zod: {zod:?}\n  reference: {reference:?}",
                    case.text
                )
                .unwrap();
            }
        }
    }
    let pairs = cases.len();
    #[expect(clippy::cast_precision_loss, reason = "a share for people to read")]
    let share = 100.0 * valid as f64 / pairs as f64;
    report(&format!(
        "seed {seed}: {pairs} pairs of {} schemas, {share:.1} % valid, {disagreements} disagreements",
        random::SCHEMAS
    ));
    assert!(pairs >= 10_000, "too few pairs");
    assert!(wrong.is_empty(), "{disagreements} disagreements (FANFARE_SEED={seed}), such as\n{wrong}");
}

/// A text to judge against a topic's payload.
struct Case {
    channel: &'static str,
    topic: String,
    text: String,
}

/// The value that is read, in a normal form; none where the text is refused.
#[derive(Debug)]
struct Verdict {
    value: Option<Value>,
    #[expect(dead_code, reason = "shown when verdicts differ")]
    issues: Vec<String>,
}

impl Verdict {
    fn refused(issue: &impl ToString) -> Self {
        Self { value: None, issues: vec![issue.to_string()] }
    }
}

/// Parses, checks against the generated table, reads into the generated type and writes that again. What a type writes
/// satisfies its own schema, or it could not be published; only a `oneOf` may have told its cases apart by keys that
/// are not passed on.
fn rust_verdict(case: &Case) -> Verdict {
    let definition = channels::REGISTRY.channels.iter().find(|channel| channel.name == case.channel);
    let topic = definition.and_then(|channel| channel.topics.iter().find(|topic| topic.name == case.topic));
    let schema = topic.expect("the channel and topic are defined").schema;
    let value = match parse(&case.text) {
        Ok(value) => value,
        Err(error) => return Verdict::refused(&error),
    };
    if let Err(issues) = check(schema, &value) {
        return Verdict { value: None, issues: issues.iter().map(ToString::to_string).collect() };
    }
    let Some(read) = read(case.channel, &case.topic, value) else {
        return Verdict::refused(&"accepted, but not read");
    };
    match check(schema, &read) {
        Err(issues) if issues.iter().all(|issue| issue.rule != "oneOf") => {
            Verdict::refused(&format!("read, but not publishable: {issues:?}"))
        }
        _ => Verdict { value: Some(normal(&read)), issues: Vec::new() },
    }
}

/// Parses as the runtime does.
fn parse(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text)
}

fn zod_verdicts(cases: &[Case], name: &str) -> Vec<Verdict> {
    #[derive(Deserialize)]
    struct Line {
        value: Option<String>,
        #[serde(default)]
        issues: Vec<String>,
    }
    let folder = scratch(name);
    let generated = fanfare_codegen::generate(schemas()).expect("the definitions compiled before");
    generated.write(&folder.join("generated")).expect("the scratch folder can be written");
    let lines: Vec<String> = cases
        .iter()
        .map(|case| json!({ "channel": case.channel, "topic": case.topic, "text": case.text }).to_string())
        .collect();
    let (input, output) = (folder.join("cases.jsonl"), folder.join("verdicts.jsonl"));
    std::fs::write(&input, lines.join("\n")).expect("the scratch folder can be written");
    let status = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("judge.mjs"))
        .args([&folder.join("generated/typescript"), &input, &output])
        .status()
        .expect("node runs");
    assert!(
        status.success(),
        "zod could not judge; run `npm ci` and `npm run build --workspace fanfare` first"
    );
    let lines = std::fs::read_to_string(output).expect("the judge wrote its verdicts");
    let verdict = |line: &str| {
        let line: Line = serde_json::from_str(line).expect("a verdict is an object");
        Verdict {
            value: line.value.map(|text| normal(&parse(&text).expect("zod's values are JSON"))),
            issues: line.issues,
        }
    };
    lines.lines().map(verdict).collect()
}

/// Numbers as doubles, and keys in order: what JSON itself does not tell apart is made equal.
fn normal(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64().unwrap_or_default() + 0.0),
        Value::Array(items) => items.iter().map(normal).collect(),
        Value::Object(members) => {
            let mut members: Vec<(String, Value)> =
                members.iter().map(|(key, value)| (key.clone(), normal(value))).collect();
            members.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(Map::from_iter(members))
        }
        other => other.clone(),
    }
}

/// The `jsonschema` crate, on what the user wrote. Only what the wire profile adds is put into its words first.
struct Reference(jsonschema::Validator);

impl Reference {
    fn new(schema: &Value, definitions: &Value) -> Self {
        let document = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "allOf": [in_standard_words(schema)],
            "$defs": in_standard_words(definitions),
        });
        let options = jsonschema::options()
            .should_validate_formats(true)
            .with_format("int64", |text: &str| {
                text.parse::<i64>().is_ok_and(|number| number.to_string() == text)
            })
            .with_format("uint64", |text: &str| {
                text.parse::<u64>().is_ok_and(|number| number.to_string() == text)
            });
        Self(options.build(&document).expect("the reference accepts the schema"))
    }

    /// `None` where the text is not JSON that a runtime can hold.
    fn accepts(&self, text: &str) -> Option<bool> {
        parse(text).map_or(Some(false), |value| Some(self.0.is_valid(&value)))
    }
}

/// Integers get the limits of the profile, integer formats their own, and `x-open` is spelled out.
fn in_standard_words(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            let mut standard: Map<String, Value> = members
                .iter()
                .map(|(key, value)| {
                    (
                        key.clone(),
                        if key == "const" || key == "enum" {
                            value.clone()
                        } else {
                            in_standard_words(value)
                        },
                    )
                })
                .collect();
            if standard.get("type") == Some(&json!("integer")) {
                let (least, most) = integer_limits(standard.get("format").and_then(Value::as_str));
                standard.remove("format");
                let bounds = json!({ "minimum": least, "maximum": most });
                standard.insert("allOf".to_owned(), json!([bounds]));
            }
            if standard.remove("x-open") == Some(json!(true)) {
                return opened(standard);
            }
            Value::Object(standard)
        }
        Value::Array(items) => items.iter().map(in_standard_words).collect(),
        other => other.clone(),
    }
}

fn integer_limits(format: Option<&str>) -> (i64, i64) {
    match format {
        Some("int8") => (i8::MIN.into(), i8::MAX.into()),
        Some("uint8") => (0, u8::MAX.into()),
        Some("int32") => (i32::MIN.into(), i32::MAX.into()),
        Some("uint32") => (0, u32::MAX.into()),
        _ => (-fanfare::schema::MAX_SAFE_INTEGER, fanfare::schema::MAX_SAFE_INTEGER),
    }
}

/// An open enum is any string; an open union also accepts objects with another tag.
fn opened(mut schema: Map<String, Value>) -> Value {
    let Some(Value::Array(mut cases)) = schema.remove("oneOf") else { return json!({ "type": "string" }) };
    let tags = |name: &str| -> Option<Vec<Value>> {
        cases
            .iter()
            .map(|case| case["properties"][name].get("const").filter(|tag| tag.is_string()).cloned())
            .collect()
    };
    let first = cases[0]["properties"].as_object().cloned().unwrap_or_default();
    let tag = first.keys().find_map(|name| tags(name).map(|tags| (name.clone(), tags)));
    let (name, tags) = tag.expect("an open union has a tag");
    cases.push(json!({ "type": "object", "required": [name], "properties": { name: { "type": "string", "not": { "enum": tags } } } }));
    json!({ "oneOf": cases })
}

/// Written past the test runner's capture, so that figures are seen where tests pass too.
fn report(figures: &str) {
    let _ = writeln!(std::io::stderr(), "{figures}");
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a scratch folder can be made");
    folder
}

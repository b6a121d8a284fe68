//! The validators: generated Rust, the validators of generated channels, and generated schemas for zod.

use std::collections::HashMap;
use std::fmt;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use fanfare::Schema;
use fanfare::schema::check;
use fanfare_verdicts::{channels, read, schemas};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::scratch;

/// A text to validate as the payload of a topic.
pub(crate) struct Case {
    pub(crate) channel: String,
    pub(crate) topic: String,
    pub(crate) text: String,
}

/// The result of validating a text.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// The text is accepted, and has this value in normal form.
    Accepted(Value),
    /// The text is refused with these issues.
    Refused(Vec<Issue>),
    /// The parser of the language refuses the text as JSON.
    NotJson,
    /// There is no verdict, because validation failed.
    Failed(String),
}

impl Verdict {
    /// Returns whether the text is accepted, or `None` if validation failed.
    pub(crate) fn accepts(&self) -> Option<bool> {
        match self {
            Self::Accepted(_) => Some(true),
            Self::Refused(_) | Self::NotJson => Some(false),
            Self::Failed(_) => None,
        }
    }

    /// Returns the value if the text is accepted.
    pub(crate) fn value(&self) -> Option<&Value> {
        match self {
            Self::Accepted(value) => Some(value),
            _ => None,
        }
    }

    /// Returns whether two verdicts agree: both accept the same value, or both refuse the text.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        self.accepts().is_some() && self.accepts() == other.accepts() && self.value() == other.value()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(value) => write!(formatter, "accepted as {value}"),
            Self::Refused(issues) if issues.is_empty() => formatter.write_str("refused without issues"),
            Self::Refused(issues) => {
                let issues: Vec<String> = issues.iter().map(ToString::to_string).collect();
                write!(formatter, "refused: {}", issues.join("; "))
            }
            Self::NotJson => formatter.write_str("refused as not JSON"),
            Self::Failed(reason) => write!(formatter, "failed: {reason}"),
        }
    }
}

/// A reason why a text is refused.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Issue {
    pub(crate) path: String,
    pub(crate) rule: String,
    pub(crate) message: String,
    /// The whole issue in one line, with the value.
    pub(crate) text: String,
}

impl fmt::Display for Issue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "[{}] {}", self.rule, self.text)
    }
}

/// Parses a text, validates it with the generated schema, and reads it as the generated type.
pub(crate) fn rust(case: &Case) -> Verdict {
    let Ok(value) = parse(&case.text) else { return Verdict::NotJson };
    catch_unwind(|| {
        let read = read(&case.channel, &case.topic, &case.text);
        match (check(schema(case), &value), read) {
            (Err(issues), None) => Verdict::Refused(issues.iter().map(issue).collect()),
            (Err(_), Some(read)) => Verdict::Failed(format!("refused, but read as {read}")),
            (Ok(()), Some(read)) => Verdict::Accepted(normal(&read)),
            (Ok(()), None) => Verdict::Failed("accepted, but the type cannot read it".to_owned()),
        }
    })
    .unwrap_or_else(|_| Verdict::Failed("the validator panicked".to_owned()))
}

fn issue(issue: &fanfare::Issue) -> Issue {
    Issue {
        path: issue.path.clone(),
        rule: issue.rule.to_owned(),
        message: issue.message.clone(),
        text: issue.to_string(),
    }
}

/// Returns the generated schema of a topic.
pub(crate) fn schema(case: &Case) -> &'static Schema {
    type Schemas = HashMap<(&'static str, &'static str), &'static Schema>;
    static SCHEMAS: OnceLock<Schemas> = OnceLock::new();
    let schemas = SCHEMAS.get_or_init(|| {
        let all = channels::REGISTRY.channels.iter();
        let topics = all.flat_map(|channel| channel.topics.iter().map(move |topic| (channel, topic)));
        topics.filter_map(|(channel, topic)| Some(((channel.name, topic.name), topic.schema()?))).collect()
    });
    schemas.get(&(case.channel.as_str(), case.topic.as_str())).expect("the channel and topic are defined")
}

/// Parses a text as the server does.
pub(crate) fn parse(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text)
}

/// A library that validators are generated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Library {
    /// None: the client's own validators.
    Plain,
    Zod,
}

impl Library {
    /// The name of its module in the client, and in the names of generated files.
    fn part(self) -> &'static str {
        match self {
            Self::Plain => "validators",
            Self::Zod => "zod",
        }
    }

    /// Returns whether validators were generated for it.
    pub(crate) fn is_available(self) -> bool {
        let suffix = format!(".{}.js", self.part());
        std::fs::read_dir(generated().join("typescript"))
            .expect("list the generated TypeScript")
            .filter_map(Result::ok)
            .any(|entry| entry.file_name().to_string_lossy().ends_with(&suffix))
    }

    /// Returns the library's verdict on each case.
    pub(crate) fn verdicts(self, cases: &[Case], name: &str) -> Vec<Verdict> {
        self.verdicts_of(&generated().join("typescript"), cases, name)
    }

    /// Does the same with validators in another folder.
    pub(crate) fn verdicts_of(self, generated: &Path, cases: &[Case], name: &str) -> Vec<Verdict> {
        let folder = scratch(&format!("{name}-{}", self.part()));
        let lines: Vec<String> = cases
            .iter()
            .map(|case| {
                json!({ "channel": case.channel, "topic": case.topic, "text": case.text }).to_string()
            })
            .collect();
        let (input, output) = (folder.join("cases.jsonl"), folder.join("verdicts.jsonl"));
        std::fs::write(&input, lines.join("\n")).expect("write the cases");
        let status = Command::new("node")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("validate.mjs"))
            .arg(generated)
            .arg(self.part())
            .args([&input, &output])
            .status()
            .expect("run node");
        assert!(
            status.success(),
            "validate.mjs failed for {self:?}: run `npm ci` and `npm run build --workspace fanfare` first"
        );
        let lines = std::fs::read_to_string(output).expect("read the verdicts of validate.mjs");
        let verdicts: Vec<Verdict> = lines.lines().map(verdict).collect();
        assert_eq!(verdicts.len(), cases.len(), "validate.mjs did not give one verdict per case");
        verdicts
    }
}

fn verdict(line: &str) -> Verdict {
    #[derive(Deserialize)]
    struct Line {
        value: Option<String>,
        issues: Option<Vec<Issue>>,
        failed: Option<String>,
    }
    let line: Line = serde_json::from_str(line).expect("a verdict is a valid object");
    match (line.value, line.issues, line.failed) {
        (Some(text), _, _) => match parse(&text) {
            Ok(value) => Verdict::Accepted(normal(&value)),
            Err(error) => Verdict::Failed(format!("the value is not JSON: {text}: {error}")),
        },
        (_, Some(_), Some(_)) => Verdict::NotJson,
        (_, Some(issues), None) => Verdict::Refused(issues),
        (_, None, failed) => Verdict::Failed(failed.unwrap_or_else(|| "no value".to_owned())),
    }
}

/// Returns a folder with all generated code for the channels of this crate.
pub(crate) fn generated() -> &'static Path {
    static GENERATED: OnceLock<PathBuf> = OnceLock::new();
    GENERATED.get_or_init(|| {
        let folder = scratch("generated");
        let files = fanfare_codegen::generate(schemas()).expect("compile the definitions");
        files.write(&folder).expect("write the generated code");
        folder
    })
}

/// Returns a value in normal form: with numbers as doubles and keys in order, as JSON does not distinguish these.
pub(crate) fn normal(value: &Value) -> Value {
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

//! The voices: generated Rust, and generated validators for zod and zod/mini.

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

/// A text to judge against a topic's payload.
pub(crate) struct Case {
    pub(crate) channel: String,
    pub(crate) topic: String,
    pub(crate) text: String,
}

/// What a voice says about a text.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// It is accepted, and this is what is read, in a normal form.
    Accepted(Value),
    /// It is refused, for these reasons.
    Refused(Vec<Issue>),
    /// It is not JSON that the language's parser takes, which refuses it without a reason of ours.
    NotJson,
    /// There is no verdict, because something broke.
    Failed(String),
}

impl Verdict {
    /// Whether the text is accepted; none where something broke.
    pub(crate) fn accepts(&self) -> Option<bool> {
        match self {
            Self::Accepted(_) => Some(true),
            Self::Refused(_) | Self::NotJson => Some(false),
            Self::Failed(_) => None,
        }
    }

    /// The value that is read, where it is accepted.
    pub(crate) fn value(&self) -> Option<&Value> {
        match self {
            Self::Accepted(value) => Some(value),
            _ => None,
        }
    }

    /// Whether two languages say the same: the same value, or refused by both.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        self.accepts().is_some() && self.accepts() == other.accepts() && self.value() == other.value()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(value) => write!(formatter, "accepted as {value}"),
            Self::Refused(issues) if issues.is_empty() => formatter.write_str("refused without a reason"),
            Self::Refused(issues) => {
                let issues: Vec<String> = issues.iter().map(ToString::to_string).collect();
                write!(formatter, "refused: {}", issues.join("; "))
            }
            Self::NotJson => formatter.write_str("refused as not JSON"),
            Self::Failed(reason) => write!(formatter, "failed: {reason}"),
        }
    }
}

/// One reason why a text is refused.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Issue {
    pub(crate) path: String,
    pub(crate) rule: String,
    pub(crate) message: String,
    /// All of it in one line, with the value that was found.
    pub(crate) text: String,
}

impl fmt::Display for Issue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "[{}] {}", self.rule, self.text)
    }
}

/// Parses, checks against the generated table, and reads into the generated type.
pub(crate) fn rust(case: &Case) -> Verdict {
    let Ok(value) = parse(&case.text) else { return Verdict::NotJson };
    catch_unwind(|| {
        if let Err(issues) = check(schema(case), &value) {
            return Verdict::Refused(issues.iter().map(issue).collect());
        }
        match read(&case.channel, &case.topic, value) {
            Some(read) => Verdict::Accepted(normal(&read)),
            None => Verdict::Failed("accepted, but not read".to_owned()),
        }
    })
    .unwrap_or_else(|_| Verdict::Failed("the check panicked".to_owned()))
}

fn issue(issue: &fanfare::Issue) -> Issue {
    Issue {
        path: issue.path.clone(),
        rule: issue.rule.to_owned(),
        message: issue.message.clone(),
        text: issue.to_string(),
    }
}

/// The table that a topic's payloads are held against.
pub(crate) fn schema(case: &Case) -> &'static Schema {
    type Tables = HashMap<(&'static str, &'static str), &'static Schema>;
    static TABLES: OnceLock<Tables> = OnceLock::new();
    let tables = TABLES.get_or_init(|| {
        let all = channels::REGISTRY.channels.iter();
        let topics = all.flat_map(|channel| channel.topics.iter().map(move |topic| (channel, topic)));
        topics.filter_map(|(channel, topic)| Some(((channel.name, topic.name), topic.schema()?))).collect()
    });
    tables.get(&(case.channel.as_str(), case.topic.as_str())).expect("the channel and topic are defined")
}

/// Parses as the runtime does.
pub(crate) fn parse(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text)
}

/// A library that validators are generated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Library {
    Zod,
    ZodMini,
}

impl Library {
    /// The name of its part of the client, and of the generated files.
    fn part(self) -> &'static str {
        match self {
            Self::Zod => "zod",
            Self::ZodMini => "zod-mini",
        }
    }

    /// Whether validators were generated for it.
    pub(crate) fn is_there(self) -> bool {
        let suffix = format!(".{}.ts", self.part());
        std::fs::read_dir(generated().join("typescript"))
            .expect("the TypeScript was generated")
            .filter_map(Result::ok)
            .any(|entry| entry.file_name().to_string_lossy().ends_with(&suffix))
    }

    /// The library's verdicts, one a case.
    pub(crate) fn verdicts(self, cases: &[Case], name: &str) -> Vec<Verdict> {
        self.verdicts_of(&generated().join("typescript"), cases, name)
    }

    /// The same by other validators than those that were generated.
    pub(crate) fn verdicts_of(self, generated: &Path, cases: &[Case], name: &str) -> Vec<Verdict> {
        let folder = scratch(&format!("{name}-{}", self.part()));
        let lines: Vec<String> = cases
            .iter()
            .map(|case| {
                json!({ "channel": case.channel, "topic": case.topic, "text": case.text }).to_string()
            })
            .collect();
        let (input, output) = (folder.join("cases.jsonl"), folder.join("verdicts.jsonl"));
        std::fs::write(&input, lines.join("\n")).expect("the scratch folder can be written");
        let status = Command::new("node")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("judge.mjs"))
            .arg(generated)
            .arg(self.part())
            .args([&input, &output])
            .status()
            .expect("node runs");
        assert!(
            status.success(),
            "{self:?} could not judge; run `npm ci` and `npm run build --workspace fanfare` first"
        );
        let lines = std::fs::read_to_string(output).expect("the judge wrote its verdicts");
        let verdicts: Vec<Verdict> = lines.lines().map(verdict).collect();
        assert_eq!(verdicts.len(), cases.len(), "the judge gave a verdict on each case");
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
    let line: Line = serde_json::from_str(line).expect("a verdict is an object");
    match (line.value, line.issues, line.failed) {
        (Some(text), _, _) => match parse(&text) {
            Ok(value) => Verdict::Accepted(normal(&value)),
            Err(error) => Verdict::Failed(format!("{text} was read: {error}")),
        },
        (_, Some(_), Some(_)) => Verdict::NotJson,
        (_, Some(issues), None) => Verdict::Refused(issues),
        (_, None, failed) => Verdict::Failed(failed.unwrap_or_else(|| "there is no value".to_owned())),
    }
}

/// Everything that is generated for the channels of this crate, in a folder.
pub(crate) fn generated() -> &'static Path {
    static GENERATED: OnceLock<PathBuf> = OnceLock::new();
    GENERATED.get_or_init(|| {
        let folder = scratch("generated");
        let files = fanfare_codegen::generate(schemas()).expect("the definitions compiled before");
        files.write(&folder).expect("the scratch folder can be written");
        folder
    })
}

/// Numbers as doubles, and keys in order: what JSON itself does not tell apart is made equal.
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

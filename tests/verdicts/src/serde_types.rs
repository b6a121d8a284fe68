//! Types of an application that derives serde and schemars, and their values.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::suite::{Group, Instance};

/// A type with its schema, and the JSON of some of its values.
pub struct Sample {
    /// The schema and the values, in the format of the suite.
    pub group: Group,
    /// Reads JSON as a value of the type, and writes it again.
    pub round_trip: fn(Value) -> serde_json::Result<Value>,
}

/// A type whose schema describes its JSON.
fn exact<T: JsonSchema + Serialize + DeserializeOwned>(values: impl IntoIterator<Item = T>) -> Sample {
    sample::<T>(values, true)
}

/// A type whose schema does not describe the JSON of these values, so that they are refused.
fn refused<T: JsonSchema + Serialize + DeserializeOwned>(values: impl IntoIterator<Item = T>) -> Sample {
    sample::<T>(values, false)
}

fn sample<T: JsonSchema + Serialize + DeserializeOwned>(
    values: impl IntoIterator<Item = T>,
    valid: bool,
) -> Sample {
    let schema = SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>();
    let instance = |(at, value): (usize, T)| Instance {
        description: format!("value {at}"),
        data: serde_json::to_value(value).unwrap_or_else(|error| panic!("{}: {error}", T::schema_name())),
        valid,
    };
    Sample {
        group: Group {
            file: "serde_types.rs".to_owned(),
            description: T::schema_name().into_owned(),
            schema: schema.into(),
            tests: values.into_iter().enumerate().map(instance).collect(),
        },
        round_trip: |json| serde_json::to_value(serde_json::from_value::<T>(json)?),
    }
}

/// A job, with a field for each way to write a property.
#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
struct Job {
    job_id: u64,
    size: usize,
    delta: i8,
    offset: i64,
    ratio: f32,
    exact: f64,
    is_urgent: bool,
    grade: char,
    retries: NonZeroU16,
    nickname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    tags: Vec<String>,
    #[serde(default)]
    attempts: u32,
    #[serde(rename = "type")]
    kind: Kind,
    owner: Option<Owner>,
    #[serde(skip)]
    _cache: u8,
}

fn job(note: Option<&str>, owner: Option<Owner>) -> Job {
    Job {
        job_id: 9_007_199_254_740_991,
        size: 3,
        delta: i8::MIN,
        offset: -9_007_199_254_740_991,
        ratio: 0.1,
        exact: 1e300,
        is_urgent: true,
        grade: '😀',
        retries: NonZeroU16::MIN,
        nickname: note.map(str::to_owned),
        note: note.map(str::to_owned),
        tags: note.map(str::to_owned).into_iter().collect(),
        attempts: 0,
        kind: Kind::NightlyBuild,
        owner,
        _cache: 0,
    }
}

#[derive(Clone, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    /// A build of every night.
    NightlyBuild,
    Release,
}

#[derive(Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
struct Owner {
    #[schemars(length(min = 1, max = 20), regex(pattern = r"^\w+$"))]
    name: String,
    #[schemars(range(min = 1))]
    level: u8,
    #[schemars(email)]
    mail: String,
}

fn owner() -> Owner {
    Owner { name: "ada".to_owned(), level: 255, mail: "ada@example.com".to_owned() }
}

#[derive(Deserialize, JsonSchema, Serialize)]
enum External {
    Idle,
    Counting(u32),
    Moving(i16, i16),
    Named { name: String },
    Owned(Owner),
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(tag = "event", rename_all = "snake_case", rename_all_fields = "camelCase")]
enum Internal {
    Started { job_id: u32 },
    Owned(Owner2),
    Ended,
}

#[derive(Deserialize, JsonSchema, Serialize)]
struct Owner2 {
    name: String,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    Nothing,
    Count(u32),
    Pair(String, bool),
    Fields { a: Option<i32> },
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(untagged)]
enum Untagged {
    Number(f64),
    Text(String),
    Point { x: i32, y: i32 },
    Many(Vec<Untagged>),
}

#[derive(Deserialize, JsonSchema, Serialize)]
struct Collections {
    bytes: Vec<u8>,
    by_name: HashMap<String, Owner>,
    by_number: BTreeMap<u32, String>,
    by_offset: BTreeMap<i64, bool>,
    by_kind: BTreeMap<Kind, u8>,
    set: BTreeSet<u16>,
    pair: (String, u8),
    array: [u8; 3],
    nested: Vec<Option<Vec<bool>>>,
    unit: (),
    borrowed: Cow<'static, str>,
    boxed: Box<Owner>,
    path: PathBuf,
    duration: Duration,
    time: SystemTime,
    address: IpAddr,
    four: Ipv4Addr,
    six: Ipv6Addr,
    result: Result<u8, String>,
    range: std::ops::Range<u32>,
}

fn collections() -> Collections {
    Collections {
        bytes: vec![0, 255],
        by_name: HashMap::from([("ada".to_owned(), owner())]),
        by_number: BTreeMap::from([(7, "seven".to_owned()), (u32::MAX, String::new())]),
        by_offset: BTreeMap::from([(-7, true)]),
        by_kind: BTreeMap::from([(Kind::Release, 1)]),
        set: BTreeSet::from([1, 2]),
        pair: ("a".to_owned(), 1),
        array: [1, 2, 3],
        nested: vec![None, Some(vec![true])],
        unit: (),
        borrowed: "borrowed".into(),
        boxed: Box::new(owner()),
        path: PathBuf::from("a/b"),
        duration: Duration::from_millis(1500),
        time: SystemTime::UNIX_EPOCH + Duration::from_secs(1),
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        four: Ipv4Addr::LOCALHOST,
        six: Ipv6Addr::LOCALHOST,
        result: Err("failed".to_owned()),
        range: 1..4,
    }
}

#[derive(Deserialize, JsonSchema, Serialize)]
struct Flattened {
    id: u32,
    #[serde(flatten)]
    owner: Owner2,
    #[serde(flatten)]
    event: Internal,
}

#[derive(Deserialize, JsonSchema, Serialize)]
struct FlattenedMap {
    id: u32,
    #[serde(flatten)]
    others: BTreeMap<String, i32>,
}

#[derive(Deserialize, JsonSchema, Serialize)]
struct Tree {
    label: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    children: Vec<Tree>,
    parent: Option<Box<Tree>>,
}

#[derive(Deserialize, JsonSchema, Serialize)]
struct Page<T> {
    items: Vec<T>,
    next: Option<Id>,
}

#[derive(Deserialize, JsonSchema, Serialize)]
struct Id(u32);

#[derive(Deserialize, JsonSchema, Serialize)]
struct Point(f64, f64);

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(transparent)]
struct Transparent {
    inner: Vec<Id>,
}

#[derive(Deserialize, JsonSchema, Serialize)]
struct Ping;

/// JSON has no integers of this size that JavaScript reads exactly.
#[derive(Deserialize, JsonSchema, Serialize)]
struct Large {
    id: u64,
}

#[derive(Deserialize, JsonSchema, Serialize)]
struct VeryLarge {
    id: i128,
}

/// serde writes a number that is not finite as `null`.
#[derive(Deserialize, JsonSchema, Serialize)]
struct NotFinite {
    #[serde(deserialize_with = "nan")]
    ratio: f64,
}

fn nan<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// The schema describes the type of the field, and not what the functions write.
#[derive(Deserialize, JsonSchema, Serialize)]
struct WithFunctions {
    #[serde(serialize_with = "seconds::serialize", deserialize_with = "seconds::deserialize")]
    wait: Duration,
}

/// The schema describes what the modules write.
#[derive(Deserialize, JsonSchema, Serialize)]
struct WithSchema {
    #[serde(with = "seconds")]
    #[schemars(with = "u32")]
    wait: Duration,
    #[serde(with = "digits")]
    #[schemars(with = "String", extend("format" = "uint64"))]
    id: u64,
}

mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(wait: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        wait.as_secs().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_secs)
    }
}

mod digits {
    use serde::{Deserialize, Deserializer, Serializer, de};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
    pub(super) fn serialize<S: Serializer>(id: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Returns all types with their values.
#[must_use]
pub fn samples() -> Vec<Sample> {
    let tree = |children| Tree { label: "tree".to_owned(), children, parent: None };
    let parent = Some(Box::new(tree(Vec::new())));
    vec![
        exact([job(None, None), job(Some("soon"), Some(owner()))]),
        exact([
            External::Idle,
            External::Counting(7),
            External::Moving(-1, 1),
            External::Named { name: "ada".to_owned() },
            External::Owned(owner()),
        ]),
        exact([
            Internal::Started { job_id: 7 },
            Internal::Owned(Owner2 { name: "ada".to_owned() }),
            Internal::Ended,
        ]),
        exact([
            Adjacent::Nothing,
            Adjacent::Count(7),
            Adjacent::Pair("a".to_owned(), true),
            Adjacent::Fields { a: None },
            Adjacent::Fields { a: Some(-1) },
        ]),
        exact([
            Untagged::Number(1.5),
            Untagged::Text("a".to_owned()),
            Untagged::Point { x: 1, y: -1 },
            Untagged::Many(vec![Untagged::Text("b".to_owned()), Untagged::Many(Vec::new())]),
        ]),
        exact([collections()]),
        exact([Flattened {
            id: 7,
            owner: Owner2 { name: "ada".to_owned() },
            event: Internal::Started { job_id: 8 },
        }]),
        exact([FlattenedMap { id: 7, others: BTreeMap::from([("more".to_owned(), 9)]) }]),
        exact([tree(Vec::new()), Tree { parent, ..tree(vec![tree(vec![tree(Vec::new())])]) }]),
        exact([Page { items: vec![owner()], next: None }, Page { items: Vec::new(), next: Some(Id(7)) }]),
        exact([Page { items: vec![Some("a".to_owned()), None], next: None }]),
        exact([Id(u32::MAX)]),
        exact([Point(0.5, -0.5)]),
        exact([Transparent { inner: vec![Id(1), Id(2)] }]),
        exact([Ping]),
        exact([json!({ "any": [null, 1.5, "a"] }), Value::Null]),
        exact([WithSchema { wait: Duration::from_secs(7), id: u64::MAX }]),
        refused([Large { id: u64::MAX }]),
        refused([VeryLarge { id: i128::from(i64::MAX) }]),
        refused([NotFinite { ratio: f64::NAN }, NotFinite { ratio: f64::INFINITY }]),
        refused([WithFunctions { wait: Duration::from_secs(7) }]),
    ]
}

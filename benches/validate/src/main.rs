//! Measures how fast generated Rust checks and decodes payloads, compared with its peers. Prints one line per
//! measurement: payload, title, nanoseconds.
//!
//! Usage: `bench-validate <folder of payloads> <folder of JSON Schemas> <rounds>`

fanfare::include_channels!();

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use fanfare::payload::decode;
use fanfare::schema::{accepts, check};
use fanfare::{Payload, Value};
use serde::{Deserialize, Serialize};

/// How long each contestant runs per round.
const ROUND: Duration = Duration::from_millis(100);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, payloads, schemas, rounds] = arguments.as_slice() else {
        return Err("usage: bench-validate <folder of payloads> <folder of JSON Schemas> <rounds>".into());
    };
    let bench = Bench { payloads: payloads.as_ref(), schemas: schemas.as_ref(), rounds: rounds.parse()? };
    bench.measure::<channels::Progress, plain::Progress>("progress")?;
    bench.measure::<channels::Order, plain::Order>("order")?;
    bench.measure::<channels::Archive, plain::Archive>("archive")
}

struct Bench<'a> {
    payloads: &'a Path,
    schemas: &'a Path,
    rounds: usize,
}

type Contestant<'a> = (&'static str, Box<dyn FnMut() -> bool + 'a>);

impl Bench<'_> {
    /// Measures one payload, with its generated type and with a type that only derives serde's traits.
    fn measure<Generated, Plain>(&self, payload: &str) -> Result<(), Box<dyn Error>>
    where
        Generated: Payload,
        Plain: Serialize + for<'de> Deserialize<'de>,
    {
        let bytes = std::fs::read(self.payloads.join(format!("{payload}.json")))?;
        let schema = std::fs::read(self.schemas.join(format!("{payload}.json")))?;
        let reference = jsonschema::options()
            .should_validate_formats(true)
            .build(&serde_json::from_slice(&schema)?)
            .map_err(|error| error.to_string())?;
        let typed: Generated = decode(&bytes).map_err(|error| error.to_string())?;
        let plain: Plain = serde_json::from_slice(&bytes)?;
        let value: Value = serde_json::from_slice(&bytes)?;
        let parse = || serde_json::from_slice::<Value>(black_box(&bytes));

        let mut contestants: Vec<Contestant<'_>> = vec![
            ("typed: fanfare check", Box::new(|| check(Generated::SCHEMA, black_box(&typed)).is_ok())),
            (
                "typed: serde_json::to_vec, generated",
                Box::new(|| serde_json::to_vec(black_box(&typed)).is_ok()),
            ),
            (
                "typed: serde_json::to_vec, derived",
                Box::new(|| serde_json::to_vec(black_box(&plain)).is_ok()),
            ),
            (
                "typed: to_value, jsonschema",
                Box::new(|| {
                    serde_json::to_value(black_box(&typed)).is_ok_and(|value| reference.is_valid(&value))
                }),
            ),
            ("value: fanfare check", Box::new(|| check(Generated::SCHEMA, black_box(&value)).is_ok())),
            ("value: fanfare accepts", Box::new(|| accepts(Generated::SCHEMA, black_box(&value)))),
            ("value: jsonschema is_valid", Box::new(|| reference.is_valid(black_box(&value)))),
            ("bytes: fanfare decode", Box::new(|| decode::<Generated>(black_box(&bytes)).is_ok())),
            (
                "bytes: serde_json::from_slice, derived",
                Box::new(|| serde_json::from_slice::<Plain>(black_box(&bytes)).is_ok()),
            ),
            ("bytes: serde_json::from_slice into Value", Box::new(|| parse().is_ok())),
            (
                "bytes: into Value, jsonschema, derived",
                Box::new(|| {
                    let value = parse().ok().filter(|value| reference.is_valid(value));
                    value.is_some_and(|value| serde_json::from_value::<Plain>(value).is_ok())
                }),
            ),
        ];
        // A round runs every contestant once, so that other load on the machine affects them alike.
        for _ in 0..self.rounds {
            for (title, work) in &mut contestants {
                if !work() {
                    return Err(format!("{title} rejects a valid payload").into());
                }
                println!("{payload}\t{title}\t{:.1}", nanoseconds(work));
            }
        }
        Ok(())
    }
}

#[allow(clippy::cast_precision_loss, reason = "a mean of many")]
fn nanoseconds(work: &mut dyn FnMut() -> bool) -> f64 {
    let start = Instant::now();
    let mut count = 0_u64;
    let mut batch = 1_u64;
    while start.elapsed() < ROUND {
        for _ in 0..batch {
            black_box(work());
        }
        count += batch;
        batch = (batch * 2).min(256);
    }
    start.elapsed().as_nanos() as f64 / count as f64
}

/// The same types, written by hand, without validation.
mod plain {
    use serde::{Deserialize, Serialize};

    #[derive(Deserialize, Serialize)]
    pub(crate) struct Progress {
        run: String,
        step: Step,
        percent: i64,
        message: String,
    }

    #[derive(Deserialize, Serialize)]
    #[serde(rename_all = "lowercase")]
    enum Step {
        Research,
        Write,
        Complete,
    }

    #[derive(Deserialize, Serialize)]
    pub(crate) struct Archive {
        orders: Vec<Order>,
    }

    #[derive(Deserialize, Serialize)]
    #[serde(rename_all = "camelCase")]
    pub(crate) struct Order {
        id: String,
        created: String,
        state: State,
        customer: Customer,
        lines: Vec<Line>,
        total: f64,
        tags: Vec<String>,
        note: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        is_urgent: Option<bool>,
    }

    #[derive(Deserialize, Serialize)]
    #[serde(rename_all = "lowercase")]
    enum State {
        Draft,
        Placed,
        Paid,
        Shipped,
    }

    #[derive(Deserialize, Serialize)]
    struct Customer {
        name: String,
        email: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        phone: Option<String>,
    }

    #[derive(Deserialize, Serialize)]
    struct Line {
        sku: String,
        title: String,
        quantity: i64,
        price: f64,
    }
}

//! What the build script compiled one by one, and what the compiler refused: written by the build script,
//! read by the tests.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::suite::Group;

/// Every schema that has a definition file of its own.
#[derive(Debug, Deserialize, Serialize)]
pub struct Catalogue {
    /// The seed of the random schemas.
    pub seed: u64,
    /// A small suite that comes with the tests, so that something is judged where the official one is absent.
    pub example: Vec<Judged>,
    /// The official suite; empty where it is absent.
    pub official: Vec<Judged>,
    /// Random schemas of every keyword.
    pub mixed: Vec<Mixed>,
    /// Random schemas that look at one value again and again.
    pub deep: Vec<Mixed>,
}

/// A group of a suite.
#[derive(Debug, Deserialize, Serialize)]
pub struct Judged {
    /// The group.
    pub group: Group,
    /// What became of its schema.
    pub compiled: Compiled,
}

/// A random schema.
#[derive(Debug, Deserialize, Serialize)]
pub struct Mixed {
    /// The schema.
    pub schema: Value,
    /// What became of it.
    pub compiled: Compiled,
}

/// What became of a schema.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Compiled {
    /// The name of its channel, whose one topic is `t`.
    pub channel: String,
    /// Why the compiler refused it.
    pub refusal: Option<Refusal>,
}

/// Why a schema was refused.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Refusal {
    /// The code of the first diagnostic, or `panic` where the compiler did not come to one.
    pub code: String,
    /// The diagnostics as they are shown.
    pub text: String,
}

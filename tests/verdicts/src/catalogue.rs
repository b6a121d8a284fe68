//! The schemas that the build script compiled one by one, and whether the compiler refused them. The build script
//! writes the catalogue, and the tests read it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::suite::Group;

/// All schemas that have their own definition file.
#[derive(Debug, Deserialize, Serialize)]
pub struct Catalogue {
    /// The seed of the random schemas.
    pub seed: u64,
    /// A small suite that is part of the tests, for when the official one is absent.
    pub example: Vec<SuiteGroup>,
    /// The official suite, or empty if it is absent.
    pub official: Vec<SuiteGroup>,
    /// The schemas that schemars writes for types with serde.
    pub serde: Vec<SuiteGroup>,
    /// Random schemas of every keyword.
    pub mixed: Vec<Mixed>,
    /// Random schemas that validate one value several times.
    pub deep: Vec<Mixed>,
    /// The next versions of the first mixed schemas, and of the first deep ones.
    pub evolved: Vec<Mixed>,
}

/// A group of a suite.
#[derive(Debug, Deserialize, Serialize)]
pub struct SuiteGroup {
    /// The group.
    pub group: Group,
    /// The result of compiling its schema.
    pub compiled: Compiled,
}

/// A random schema.
#[derive(Debug, Deserialize, Serialize)]
pub struct Mixed {
    /// The schema.
    pub schema: Value,
    /// The result of compiling it.
    pub compiled: Compiled,
}

/// The result of compiling a schema.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Compiled {
    /// The name of its channel. Its only topic is `t`.
    pub channel: String,
    /// The refusal, if the compiler refused it.
    pub refusal: Option<Refusal>,
}

/// Why a schema was refused.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Refusal {
    /// The code of the first diagnostic, or `panic` if the compiler panicked.
    pub code: String,
    /// The diagnostics as text.
    pub text: String,
}

//! Compiles the server in the README, and the examples in `docs/runs.md` and `docs/tokens.md`.

#[allow(dead_code, reason = "compiled, not run")]
mod readme {
    include!(concat!(env!("OUT_DIR"), "/main.rs"));
}

#[allow(
    dead_code,
    unused_imports,
    clippy::unused_async,
    reason = "no example uses everything, and none is run"
)]
mod runs_docs;

#[allow(dead_code, clippy::wildcard_imports, reason = "examples omit imports, and are not run")]
mod runs_examples {
    use super::runs_docs;

    include!(concat!(env!("OUT_DIR"), "/runs.rs"));
}

#[allow(
    dead_code,
    unused_imports,
    clippy::unused_async,
    reason = "no example uses everything, and none is run"
)]
mod tokens_docs;

#[allow(dead_code, clippy::wildcard_imports, reason = "examples omit imports, and are not run")]
mod tokens_examples {
    use super::tokens_docs;

    include!(concat!(env!("OUT_DIR"), "/tokens.rs"));
}

//! Compiles the server that the README shows, and the examples of `docs/runs.md` and `docs/tokens.md`.

#[allow(dead_code, reason = "it is compiled, not run")]
mod readme {
    include!(concat!(env!("OUT_DIR"), "/main.rs"));
}

#[allow(
    dead_code,
    unused_imports,
    clippy::unused_async,
    reason = "each example uses some of it, and none is run"
)]
mod runs_docs;

#[allow(dead_code, clippy::wildcard_imports, reason = "examples do not say what they use, and are not run")]
mod runs_examples {
    use super::runs_docs;

    include!(concat!(env!("OUT_DIR"), "/runs.rs"));
}

#[allow(
    dead_code,
    unused_imports,
    clippy::unused_async,
    reason = "each example uses some of it, and none is run"
)]
mod tokens_docs;

#[allow(dead_code, clippy::wildcard_imports, reason = "examples do not say what they use, and are not run")]
mod tokens_examples {
    use super::tokens_docs;

    include!(concat!(env!("OUT_DIR"), "/tokens.rs"));
}

//! Compiles the server in the README, and the examples in `docs/runs.md` and `docs/tokens.md`.

#[allow(dead_code, reason = "the server is compiled, but not run")]
mod readme {
    include!(concat!(env!("OUT_DIR"), "/main.rs"));
}

#[allow(
    dead_code,
    unused_imports,
    clippy::unused_async,
    clippy::wildcard_imports,
    reason = "examples are compiled, but not run, and each uses only some of the definitions"
)]
mod examples {
    mod runs;
    mod tokens;

    mod runs_page {
        include!(concat!(env!("OUT_DIR"), "/runs.rs"));
    }

    mod tokens_page {
        include!(concat!(env!("OUT_DIR"), "/tokens.rs"));
    }
}

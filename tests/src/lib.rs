//! Compiles the server that the README shows.

#[allow(dead_code, reason = "it is compiled, not run")]
mod readme {
    include!(concat!(env!("OUT_DIR"), "/main.rs"));
}

//! Runs a fuzz target with libFuzzer: the target in `FANFARE_FUZZ_TARGET`, with the deliberate bug in
//! `FANFARE_FUZZ_BUG`, if set. `cargo xtask fuzz` builds and starts it.

#![no_main]
#![allow(unsafe_code, reason = "libFuzzer calls an exported function")]
#![allow(missing_docs, reason = "the exported function is libFuzzer's")]

use std::cell::OnceCell;

use fanfare_fuzz::{Target, bugs};

thread_local! {
    static CHOSEN: OnceCell<&'static Target> = const { OnceCell::new() };
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    CHOSEN.with(|chosen| chosen.get_or_init(choose).check(input));
});

fn choose() -> &'static Target {
    let target = std::env::var("FANFARE_FUZZ_TARGET").unwrap_or_default();
    let target = Target::find(&target).unwrap_or_else(|| panic!("unknown target {target:?}"));
    if let Ok(bug) = std::env::var("FANFARE_FUZZ_BUG") {
        // Never dropped, because thread locals are not accessible when the process ends.
        std::mem::forget(bugs::install(&bug));
    }
    target
}

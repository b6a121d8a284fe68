//! Lets libFuzzer call the target that `FANFARE_FUZZ_TARGET` names, with the deliberate bug that `FANFARE_FUZZ_FAULT`
//! names, if any. `cargo xtask fuzz` builds and starts it.

#![no_main]
#![allow(unsafe_code, reason = "libFuzzer calls an exported function")]
#![allow(missing_docs, reason = "the exported function is libFuzzer's")]

use std::cell::OnceCell;

use fanfare_fuzz::{Target, faults};

thread_local! {
    static CHOSEN: OnceCell<&'static Target> = const { OnceCell::new() };
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    CHOSEN.with(|chosen| chosen.get_or_init(choose).check(input));
});

fn choose() -> &'static Target {
    let target = std::env::var("FANFARE_FUZZ_TARGET").unwrap_or_default();
    let target = Target::find(&target).unwrap_or_else(|| panic!("no target is called {target:?}"));
    if let Ok(fault) = std::env::var("FANFARE_FUZZ_FAULT") {
        // Stays until the process ends, when thread locals can no longer be reached.
        std::mem::forget(faults::install(&fault));
    }
    target
}

//! Lets libFuzzer call the target that `FANFARE_FUZZ_TARGET` names, with the deliberate bug that `FANFARE_FUZZ_FAULT`
//! names, if any. `cargo xtask fuzz` builds and starts it.

#![no_main]
#![allow(unsafe_code, reason = "libFuzzer calls an exported function")]
#![allow(missing_docs, reason = "the exported function is libFuzzer's")]

use std::cell::OnceCell;

use fanfare_fuzz::{Target, faults};

thread_local! {
    static CHOSEN: OnceCell<(&'static Target, Option<faults::Installed>)> = const { OnceCell::new() };
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    CHOSEN.with(|chosen| chosen.get_or_init(choose).0.check(input));
});

fn choose() -> (&'static Target, Option<faults::Installed>) {
    let target = std::env::var("FANFARE_FUZZ_TARGET").unwrap_or_default();
    let target = Target::find(&target).unwrap_or_else(|| panic!("no target is called {target:?}"));
    let fault = std::env::var("FANFARE_FUZZ_FAULT").ok();
    (target, fault.map(|name| faults::install(&name)))
}

//! A deliberate bug, which the fuzzer must find. For this project's own tests.

use std::cell::Cell;

thread_local! {
    static ALTERNATIVES_CHECKED_AGAIN: Cell<bool> = const { Cell::new(false) };
}

/// Switches the bug on or off, for this thread: nested alternatives check the same value again.
pub fn set_alternatives_checked_again(is_on: bool) {
    ALTERNATIVES_CHECKED_AGAIN.set(is_on);
}

pub(crate) fn alternatives_are_checked_again() -> bool {
    ALTERNATIVES_CHECKED_AGAIN.get()
}

//! Incorrect uses of generated channels do not compile, and rustc's errors are helpful.
//!
//! `TRYBUILD=overwrite cargo test -p fanfare-compile-fail-tests` writes the current errors.

#[test]
fn incorrect_uses_of_channels_do_not_compile() {
    trybuild::TestCases::new().compile_fail("cases/*.rs");
}

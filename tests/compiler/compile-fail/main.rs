//! What users must not be able to write does not compile, and the compiler says why.
//!
//! `TRYBUILD=overwrite cargo test -p fanfare-compile-fail-tests` writes what the compiler says now.

#[test]
fn wrong_uses_of_channels_do_not_compile() {
    trybuild::TestCases::new().compile_fail("cases/*.rs");
}

//! What users must not be able to write does not compile, and the compiler says why.

#[test]
fn wrong_publishes_do_not_compile() {
    let tests = trybuild::TestCases::new();
    tests.compile_fail("ui/*.rs");
}

//! What a contract cannot even say.

#[test]
fn misuse_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/cases/*.rs");
}

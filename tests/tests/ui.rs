//! What users see of the macros: programs that compile, and every rule that they can break, one a file.

#[test]
fn programs_of_users_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
}

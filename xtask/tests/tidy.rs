//! The repository keeps its own rules.

#[test]
fn the_repository_is_tidy() {
    let findings = xtask::tidy::findings(&xtask::workspace::root()).unwrap();
    let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "\n{}", lines.join("\n"));
}

//! Table of the README that leads from each arrow of the diagram to its line.

use std::path::Path;

#[test]
fn each_arrow_of_the_diagram_leads_to_a_line() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).expect("the README");
    let mut arrows = 0;
    for row in readme.lines().filter(|line| line.starts_with('|') && line.contains("`src/")) {
        let last = row.trim_end_matches('|').rsplit('|').next().expect("a cell");
        let mut quoted = last.split('`').skip(1).step_by(2);
        let (file, code) = (quoted.next().expect("a file"), quoted.next().expect("code"));
        let source = std::fs::read_to_string(root.join(file)).expect("a file of the crate");
        let chain: String = source.split_whitespace().collect();
        let code: String = code.split_whitespace().collect();
        assert!(chain.contains(&code), "{file} has no {code}");
        arrows += 1;
    }
    assert_eq!(arrows, 10);
}

#[test]
fn the_lines_of_the_guide_are_those_of_the_readme_which_compile() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).expect("the README");
    let guide = std::fs::read_to_string(root.join("../docs/guide.md")).expect("the guide");
    let (_, section) = guide.split_once("## A backend as a router").expect("the section");
    let (_, code) = section.split_once("```rust,ignore\n").expect("its code");
    let (code, _) = code.split_once("```").expect("the end of its code");
    let lines: Vec<&str> = code.lines().filter(|line| !line.is_empty()).collect();
    assert!((1..=10).contains(&lines.len()), "{}", lines.len());
    for line in lines {
        assert!(readme.contains(line), "{line}");
    }
}

//! ARCHITECTURE.md, compared to the folders.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Folders that are no part of the project's sources.
const OTHERS: [&str; 3] = ["target", ".git", ".cargo"];

#[test]
fn the_architecture_names_every_crate_and_folder_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let table = text.lines().filter(|line| line.starts_with("| `") && line.contains("/`"));
    let rows: Vec<Vec<&str>> = table
        .map(|row| row.split('|').map(|cell| cell.trim().trim_matches('`')).collect())
        .collect();
    let folders = rows.iter().filter(|row| row.len() == 5);
    let mut named: BTreeSet<&str> = BTreeSet::new();
    for row in folders {
        let folder = row[1].trim_end_matches('/');
        assert!(root.join(folder).is_dir(), "{folder} is gone");
        named.insert(folder);
        if row[2].is_empty() {
            continue;
        }
        let manifest = if folder == "src" { root.to_owned() } else { root.join(folder) };
        let manifest = fs::read_to_string(manifest.join("Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("name = \"{}\"", row[2])), "{folder} is not {}", row[2]);
    }
    for entry in fs::read_dir(root).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let is_folder = entry.file_type().unwrap().is_dir();
        if is_folder && !OTHERS.contains(&name.as_str()) {
            assert!(named.contains(name.as_str()), "{name} is missing");
        }
    }
    let workspace = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let members = workspace.lines().find_map(|line| line.strip_prefix("members = [")).unwrap();
    for member in members.trim_end_matches(']').split(',') {
        let member = member.trim().trim_matches('"');
        assert!(named.contains(member), "the crate in {member} is missing");
    }
}

#[test]
fn the_files_that_the_architecture_names_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let mut crate_folder = "";
    let mut checked = 0;
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            crate_folder = heading.split('`').nth(1).unwrap_or_default();
        }
        for quoted in line.split('`').skip(1).step_by(2) {
            let is_path =
                quoted.ends_with(".rs") || quoted.ends_with(".md") || quoted.ends_with('/');
            if !is_path {
                continue;
            }
            let candidates = [
                root.join(quoted),
                root.join(crate_folder).join(quoted),
                root.join(crate_folder).join("src").join(quoted),
                root.join(crate_folder).join("src/http").join(quoted),
                root.join(crate_folder).join("session").join(quoted),
            ];
            assert!(
                candidates.iter().any(|path| path.exists()),
                "{crate_folder}: {quoted} is gone"
            );
            checked += 1;
        }
    }
    assert!(checked > 40, "{checked}");
}

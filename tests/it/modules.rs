//! Imports between modules of the client and of the emulator, which go in one direction.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use syn::{Item, UseTree};

type Module = Vec<String>;

/// Returns the modules of a folder with their items, by path.
fn modules(folder: &Path, path: &[String], all: &mut BTreeMap<Module, Vec<Item>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut module = path.to_vec();
        if file.is_dir() {
            module.push(name);
            modules(&file, &module, all);
        } else if name != "tests"
            && name != "main"
            && file.extension().is_some_and(|ext| ext == "rs")
        {
            if name != "mod" && name != "lib" {
                module.push(name);
            }
            let text = std::fs::read_to_string(&file).unwrap();
            all.insert(module, syn::parse_file(&text).unwrap().items);
        }
    }
}

/// Returns the paths that a `use` names.
fn paths(tree: &UseTree, before: &[String], found: &mut Vec<Vec<String>>) {
    let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
    match tree {
        UseTree::Path(path) => paths(&path.tree, &with(&path.ident), found),
        UseTree::Name(name) => found.push(with(&name.ident)),
        UseTree::Rename(rename) => found.push(with(&rename.ident)),
        UseTree::Glob(_) => found.push(before.to_vec()),
        UseTree::Group(group) => group.items.iter().for_each(|tree| paths(tree, before, found)),
    }
}

/// Returns the modules that a module imports from. A re-export of its own children is no import.
fn imports(module: &Module, items: &[Item], all: &BTreeMap<Module, Vec<Item>>) -> BTreeSet<Module> {
    let mut found = Vec::new();
    for item in items {
        if let Item::Use(item) = item {
            paths(&item.tree, &[], &mut found);
        }
    }
    let absolute = |path: Vec<String>| -> Option<Module> {
        let (first, rest) = path.split_first()?;
        let base = match first.as_str() {
            "crate" => &[],
            "super" => &module[..module.len() - 1],
            _ => return None,
        };
        let path = [base, rest].concat();
        (0..=path.len()).rev().map(|end| path[..end].to_vec()).find(|path| all.contains_key(path))
    };
    found.into_iter().filter_map(absolute).filter(|import| import != module).collect()
}

/// Returns the modules of a folder that import each other, with their imports.
fn circles(folder: &str) -> BTreeMap<Module, BTreeSet<Module>> {
    let mut all = BTreeMap::new();
    modules(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &[], &mut all);
    let mut graph: BTreeMap<Module, BTreeSet<Module>> =
        all.iter().map(|(module, items)| (module.clone(), imports(module, items, &all))).collect();
    let edges: usize = graph.values().map(BTreeSet::len).sum();
    assert!(graph.len() > 40 && edges > 150, "{} modules, {edges} imports", graph.len());
    for (module, imports) in &graph {
        assert!(!imports.contains(&Module::new()), "{module:?} imports from the root");
    }
    // Modules without further imports are taken away until none is left.
    loop {
        let free: Vec<Module> = graph
            .iter()
            .filter(|(_, imports)| imports.iter().all(|import| !graph.contains_key(import)))
            .map(|(module, _)| module.clone())
            .collect();
        if free.is_empty() {
            return graph;
        }
        for module in free {
            graph.remove(&module);
        }
    }
}

#[test]
fn no_module_imports_itself_by_way_of_others() {
    for folder in ["src", "emulator/src"] {
        let circles = circles(folder);
        assert!(circles.is_empty(), "these of {folder} import each other: {circles:#?}");
    }
}

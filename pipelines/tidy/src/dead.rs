//! No dead files: every Rust file is a module of its crate.

use crate::Tree;

/// Every file below `src`, and every file in a folder below `tests`, is named by a `mod` where Rust looks for it.
pub fn no_dead_files(tree: &Tree) -> Vec<String> {
    tree.rust()
        .filter(|(path, _)| !is_root(path) && !is_named(tree, path))
        .map(|(path, _)| format!("{path}: no `mod` names this file; name it or delete it"))
        .collect()
}

/// Files that Cargo itself looks for.
fn is_root(path: &str) -> bool {
    let parts: Vec<_> = path.split('/').collect();
    matches!(
        parts.as_slice(),
        [.., "src", "lib.rs" | "main.rs"]
            | [.., "build.rs"]
            | [.., "bin" | "tests" | "benches" | "examples", _]
            | [.., "bin" | "tests" | "benches" | "examples", _, "main.rs"]
    )
}

fn is_named(tree: &Tree, path: &str) -> bool {
    let Some((folder, file)) = path.rsplit_once('/') else { return false };
    let (folder, module) = match file.strip_suffix(".rs") {
        Some("mod") => folder.rsplit_once('/').unwrap_or_default(),
        Some(module) => (folder, module),
        None => return false,
    };
    let declaration = format!("mod {module};");
    let names = |parent: &str| tree.text(parent).is_some_and(|text| text.contains(&declaration));
    let beside = ["lib.rs", "main.rs", "mod.rs"].iter().any(|parent| names(&format!("{folder}/{parent}")));
    let is_test = ["tests", "benches"].iter().any(|end| folder.ends_with(end));
    beside
        || names(&format!("{folder}.rs"))
        || (is_test
            && tree.rust().any(|(other, text)| {
                other.rsplit_once('/').is_some_and(|(other, _)| other == folder)
                    && text.contains(&declaration)
            }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_file_nobody_names_is_dead() {
        let tree = Tree::of(&[
            ("a/src/lib.rs", "mod b;\npub mod c;\nmod d;"),
            ("a/src/b.rs", "mod inner;"),
            ("a/src/b/inner.rs", ""),
            ("a/src/c/mod.rs", "mod deep;"),
            ("a/src/c/deep.rs", ""),
            ("a/src/d.rs", ""),
            ("a/src/dead.rs", ""),
            ("a/src/c/dead.rs", ""),
            ("a/tests/one.rs", "mod common;"),
            ("a/tests/common/mod.rs", ""),
        ]);
        let dead: Vec<_> =
            no_dead_files(&tree).iter().map(|text| text.split(':').next().unwrap().to_owned()).collect();
        assert_eq!(dead, ["a/src/c/dead.rs", "a/src/dead.rs"]);
    }
}

//! Names in the architecture page exist: crates, files, types and functions in backticks.

use std::collections::BTreeSet;

use crate::Tree;
use crate::tree::words;

const PAGE: &str = "pipelines/ARCHITECTURE.md";

/// Every backticked file, crate or identifier of the page is found somewhere in the tree. What holds blanks is taken
/// for a command or a formula and left alone.
pub fn names_exist(tree: &Tree) -> Vec<String> {
    let Some(page) = tree.text(PAGE) else { return vec![format!("{PAGE}: there is no such file")] };
    let known: BTreeSet<&str> = tree
        .iter()
        .filter(|(path, _)| !path.ends_with(".md"))
        .flat_map(|(_, text)| words(text))
        .chain(tree.iter().flat_map(|(path, _)| words(path)))
        .collect();
    let mut found = Vec::new();
    for (index, line) in page.lines().enumerate() {
        // Odd pieces stand between backticks.
        for name in line.split('`').skip(1).step_by(2) {
            let exists = if name.contains('/') || has_ending(name) {
                is_path(tree, name)
            } else {
                is_name(name, &known)
            };
            if !exists {
                found.push(format!("{PAGE}:{}: there is no `{name}` any more", index + 1));
            }
        }
    }
    found
}

fn has_ending(name: &str) -> bool {
    [".rs", ".md", ".toml", ".avsc", ".yml"].iter().any(|ending| name.ends_with(ending))
}

fn is_path(tree: &Tree, name: &str) -> bool {
    if name.contains([' ', '*', '<', '{', ':']) {
        return true;
    }
    let name = name.trim_end_matches('/');
    tree.iter().any(|(path, _)| {
        path == name
            || path.ends_with(&format!("/{name}"))
            || path.starts_with(&format!("{name}/"))
            || path.contains(&format!("/{name}/"))
    })
}

fn is_name(name: &str, known: &BTreeSet<&str>) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':' | '.' | '(' | ')');
    if !name.chars().all(plain) || !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return true;
    }
    words(name).all(|word| known.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_names_are_found() {
        let page = "`order-core` `Ledger::apply` `src/lib.rs` `pipelines/a/` `a + b = c`\n`Gone` `gone.rs` `order-gone`";
        let tree = Tree::of(&[
            (PAGE, page),
            ("pipelines/a/src/lib.rs", "struct Ledger; fn apply() {}"),
            ("pipelines/a/Cargo.toml", "name = \"order-core\""),
        ]);
        let found = names_exist(&tree);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found.iter().all(|text| text.starts_with("pipelines/ARCHITECTURE.md:2:")));
        assert_eq!(names_exist(&Tree::of(&[])).len(), 1);
    }
}

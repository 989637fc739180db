//! Rules about every text file: no leftovers, nothing of one machine, and a CI that runs what the README says.

use crate::Tree;
use crate::tree::words;

/// The command the README gives for all tests.
const TEST_COMMAND: &str = "cargo test --workspace";

/// Marks of unfinished work, split so that this file is not found itself. Three X are no mark here: they are ISO 4217's
/// code for "no currency".
const MARKERS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("HA", "CK")];
const MACROS: [&str; 3] = [concat!("db", "g!("), concat!("to", "do!("), concat!("unimple", "mented!(")];
/// Where people's and machines' own files lie.
const HOMES: [&str; 4] =
    [concat!("/ho", "me/"), concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/Us", "ers/")];

/// Nothing in the tree says that it is unfinished.
pub fn no_leftovers(tree: &Tree) -> Vec<String> {
    lines(tree, |line| {
        words(line)
            .find(|word| MARKERS.contains(word))
            .or_else(|| MACROS.into_iter().find(|name| line.contains(name)))
            .map(|found| format!("`{found}` is left over; do it or delete it"))
    })
}

/// No path of anybody's own machine.
pub fn no_machine_paths(tree: &Tree) -> Vec<String> {
    lines(tree, |line| {
        let home = HOMES.into_iter().find(|home| {
            // A folder of that name further down in a path is nobody's home.
            line.match_indices(home).any(|(at, _)| {
                !line
                    .get(..at)
                    .unwrap_or("")
                    .ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '}' | '_'))
            })
        })?;
        Some(format!("a path below {home} exists on one machine only"))
    })
}

fn lines(tree: &Tree, complaint: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in tree.iter() {
        for (index, line) in text.lines().enumerate() {
            if let Some(complaint) = complaint(line) {
                found.push(format!("{path}:{}: {complaint}", index + 1));
            }
        }
    }
    found
}

/// The README names one command for all tests, and CI runs that very command.
pub fn ci_runs_the_readme(tree: &Tree) -> Vec<String> {
    ["README.md", ".ci/run"]
        .into_iter()
        .filter(|file| {
            !tree.text(file).is_some_and(|text| text.lines().any(|line| line.contains(TEST_COMMAND)))
        })
        .map(|file| format!("{file}: has to say `{TEST_COMMAND}`, word by word"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_and_homes_are_found() {
        let marker = format!("x\n// {}: later\n", MARKERS[0]);
        let call = format!("fn f() {{ {}) }}", MACROS[1]);
        let home = format!("path = \"{}me/x\"", HOMES[0]);
        let inside = format!("https://example.org{}x", HOMES[1]);
        let tree = Tree::of(&[("a.rs", &marker), ("b.rs", &call), ("c.toml", &home), ("d.md", &inside)]);
        assert_eq!(no_leftovers(&tree).len(), 2);
        assert!(no_leftovers(&tree)[0].starts_with("a.rs:2: "));
        let homes = no_machine_paths(&tree);
        assert!(homes.len() == 1 && homes[0].starts_with("c.toml:1: "), "{homes:?}");
    }

    #[test]
    fn ci_and_readme_have_to_agree() {
        let both =
            Tree::of(&[("README.md", "cargo test --workspace"), (".ci/run", "cargo test --workspace")]);
        assert!(ci_runs_the_readme(&both).is_empty());
        let one = Tree::of(&[("README.md", "cargo test --workspace"), (".ci/run", "cargo test")]);
        assert_eq!(ci_runs_the_readme(&one).len(), 1);
    }
}

//! The house rules, applied to this repository.

use std::path::Path;

use tidy::Tree;

fn check(rule: fn(&Tree) -> Vec<String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tree = Tree::read(&root).unwrap_or_else(|error| panic!("read {}: {error}", root.display()));
    assert!(tree.rust().count() > 10, "{} is not the repository", root.display());
    let found = rule(&tree);
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

macro_rules! rules {
    ($($rule:ident),+ $(,)?) => {
        $(
            #[test]
            fn $rule() {
                check(tidy::$rule);
            }
        )+
    };
}

rules!(
    edges_allowed,
    pure_crates_stay_pure,
    versions_in_one_place,
    dependencies_are_used,
    lints_are_shared,
    strict_crates_ban,
    module_docs,
    files_are_short,
    functions_are_short,
    unsafe_has_its_places,
    no_dead_files,
    no_leftovers,
    no_machine_paths,
    names_exist,
    ci_runs_the_readme,
);

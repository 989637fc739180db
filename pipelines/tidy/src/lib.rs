//! The house rules as functions: each takes the [`Tree`] and returns what breaks the rule, one sentence each.
//!
//! `tests/tidy.rs` applies them to this repository. They read files and nothing else: what the compiler or clippy can
//! check is left to them.

mod architecture;
mod code;
mod dead;
mod manifests;
mod text;
mod tree;

pub use architecture::names_exist;
pub use code::{files_are_short, functions_are_short, module_docs, unsafe_has_its_places};
pub use dead::no_dead_files;
pub use manifests::{
    dependencies_are_used, edges_allowed, lints_are_shared, pure_crates_stay_pure, strict_crates_ban,
    versions_in_one_place,
};
pub use text::{ci_runs_the_readme, no_leftovers, no_machine_paths};
pub use tree::Tree;

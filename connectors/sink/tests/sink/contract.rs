//! The page that people read names every law, and no other.

use std::collections::BTreeSet;

const CONTRACT: &str = include_str!("../../../CONTRACT.md");

#[test]
fn the_contract_names_every_law_and_no_other() {
    let rules = CONTRACT.lines().filter(|line| line.starts_with("| T") || line.starts_with("| R"));
    let laws: BTreeSet<&str> = rules
        .filter_map(|line| line.trim_end_matches('|').rsplit('|').next())
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    assert_eq!(laws, sink::harness::LAWS.iter().copied().collect());
}

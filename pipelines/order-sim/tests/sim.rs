//! The simulator: that the seed is all it depends on, that every fault occurs and does no harm, and that it can fail.

use std::collections::BTreeSet;

use order_sim::{Sabotage, SimNumbers, SimOptions, run};

/// How many sales the test suite plays; `pipeline sim --seeds A..B` plays more.
const SEEDS: u64 = 200;
/// Within so many seeds every sabotage is found.
const SABOTAGED_SEEDS: u64 = 20;

#[test]
fn the_seed_is_all() {
    let mut digests = BTreeSet::new();
    for seed in 0..10 {
        let first = run(seed, SimOptions { trace: true, ..SimOptions::default() });
        let second = run(seed, SimOptions::default());
        assert_eq!((first.digest, first.numbers), (second.digest, second.numbers), "seed {seed}");
        assert!(!first.trace.is_empty() && second.trace.is_empty());
        digests.insert(first.digest);
    }
    assert_eq!(digests.len(), 10, "other seeds, other runs");
}

#[test]
fn every_sale_holds_whatever_goes_wrong() {
    let mut sum = SimNumbers::default();
    for seed in 0..SEEDS {
        let outcome = run(seed, SimOptions::default());
        if let Some(failure) = &outcome.failure {
            panic!("{failure}\nrun it again: {}", outcome.repeat_command());
        }
        sum.add(&outcome.numbers);
    }
    let never: Vec<_> = sum.all().into_iter().filter(|(_, count)| *count == 0).collect();
    assert!(never.is_empty(), "never happened: {never:?} in {sum:?}");
}

#[test]
fn every_sabotage_is_found() {
    for sabotage in Sabotage::ALL {
        let options = SimOptions { sabotage: Some(sabotage), ..SimOptions::default() };
        let found = (0..SABOTAGED_SEEDS).find_map(|seed| run(seed, options).failure);
        assert!(found.is_some(), "{sabotage:?} passed every check");
    }
}

#[test]
fn a_run_says_how_to_repeat_it() {
    assert_eq!(run(7, SimOptions::default()).repeat_command(), "pipeline sim --seeds 7..8");
}

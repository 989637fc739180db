//! The simulator: that it is deterministic, that it finds what is wrong, and what it finds.

#![expect(clippy::unwrap_used, reason = "the whole crate is a test")]

use std::collections::BTreeSet;

use order_sim::{Sabotage, SimNumbers, SimOptions, run};

/// How many sales the test suite plays; `pipeline sim --seeds A..B` plays more.
const SEEDS: u64 = 200;

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
    assert_eq!(digests.len(), 10);
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
    assert!(never.is_empty(), "never happened: {never:?}");
    println!("{sum:#?}");
}

#[test]
fn every_sabotage_is_found() {
    for sabotage in Sabotage::ALL {
        let found =
            (0..20).find_map(|seed| run(seed, SimOptions { trace: false, sabotage: Some(sabotage) }).failure);
        println!("{sabotage:?}: {}", found.unwrap());
    }
}

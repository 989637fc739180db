//! The core step under criterion. Every batch is checked; nothing fails by the clock.

use std::time::{Duration, Instant};

use bench::workload::{BATCH_RECORDS, Setting, Shoppers, Wrong};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// What the shoppers do.
#[derive(Clone, Copy)]
enum Shopping {
    /// Place orders nobody placed before.
    New,
    /// Place orders again.
    Again,
}

fn batches(shoppers: &mut Shoppers, shopping: Shopping, count: u64) -> Result<Duration, Wrong> {
    let mut elapsed = Duration::ZERO;
    for _ in 0..count {
        match shopping {
            Shopping::New => shoppers.prepare_new(),
            Shopping::Again => shoppers.prepare_repeats(),
        }
        let start = Instant::now();
        shoppers.apply();
        elapsed += start.elapsed();
        shoppers.check()?;
    }
    Ok(elapsed)
}

fn ledger(criterion: &mut Criterion) {
    let plenty = 100_000_000;
    let usual = Setting { listings: 1_000, stock: plenty, live_orders: 100_000, seed: 1 };
    let cases = [
        ("1k SKUs", Shopping::New, usual),
        ("one hot SKU", Shopping::New, Setting { listings: 1, ..usual }),
        ("sold out", Shopping::New, Setting { listings: 1, stock: 1, ..usual }),
        ("repeats", Shopping::Again, usual),
        ("1M live orders", Shopping::New, Setting { live_orders: 1_000_000, ..usual }),
    ];
    let mut group = criterion.benchmark_group("ledger");
    group.throughput(Throughput::Elements(u64::try_from(BATCH_RECORDS).unwrap_or_default()));
    for (name, shopping, setting) in cases {
        let mut shoppers = Shoppers::new(setting);
        if let Err(wrong) = shoppers.fill(setting.live_orders) {
            panic!("{name}: {wrong}");
        }
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter_custom(|count| match batches(&mut shoppers, shopping, count) {
                Ok(elapsed) => elapsed,
                Err(wrong) => panic!("{name}: {wrong}"),
            });
        });
    }
}

criterion_group!(benches, ledger);
criterion_main!(benches);

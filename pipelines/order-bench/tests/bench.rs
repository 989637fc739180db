//! Small runs of both benchmarks against a real broker: whether they check and count, not how fast anything is.

use order_bench::kafka::{self, KafkaBenchOptions, KafkaProgress};
use order_bench::latency::{self, LatencyFigures, LatencyLog, LatencyOptions};

#[test]
fn a_pair_on_a_real_broker_has_right_results_and_all_figures() {
    let options = KafkaBenchOptions {
        pairs: 1,
        warmup_pairs: 0,
        orders: 20_000,
        listings: 100,
        threads: 2,
        batch_records: 500,
        ..KafkaBenchOptions::default()
    };
    let mut told = Vec::new();
    let figures = kafka::run(&options, &mut |progress| told.push(progress)).unwrap();
    assert_eq!(told.first(), Some(&KafkaProgress::Starting));
    assert!(matches!(told.last(), Some(KafkaProgress::Measured { pair: 1, .. })), "{told:?}");
    assert_eq!(figures.pairs.len(), 1);
    assert_eq!(figures.ratio_median, figures.ratio_worst);
    for figure in [
        figures.orders_per_second,
        figures.bare_per_second,
        figures.ratio_median,
        figures.cpu_ns_per_order,
        figures.bare_cpu_ns_per_order,
        figures.load_cpu_ns_per_order,
    ] {
        assert!(figure.is_finite() && figure > 0.0, "{figures:?}");
    }
    assert!(figures.settings.contains("20000 orders"), "{}", figures.settings);
}

fn small(log: LatencyLog) -> LatencyOptions {
    LatencyOptions {
        log,
        rate_per_second: 2_000,
        seconds: 2,
        warmup_seconds: 1,
        listings: 50,
        ..LatencyOptions::default()
    }
}

fn every_order_counts(figures: &LatencyFigures) {
    assert_eq!((figures.sent, figures.decided, figures.lost), (4_000, 4_000, 0));
    let ordered = [0.0, figures.p50_ms, figures.p99_ms, figures.p999_ms, figures.max_ms];
    assert!(ordered.is_sorted() && figures.p50_ms > 0.0, "{figures:?}");
}

#[test]
fn latency_on_a_real_broker_counts_every_order() {
    every_order_counts(&latency::run(&small(LatencyLog::Kafka), &mut |_| {}).unwrap());
}

#[test]
fn latency_on_the_embedded_log_counts_every_order() {
    every_order_counts(&latency::run(&small(LatencyLog::Embedded), &mut |_| {}).unwrap());
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let endless = LatencyOptions { rate_per_second: u32::MAX, ..LatencyOptions::default() };
    let error = latency::run(&endless, &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("32 bits"), "{error}");
}

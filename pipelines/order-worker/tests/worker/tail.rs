//! Where a worker finds how far a partition has got.

use order_log::{Log, ReadLimits};
use order_model::Sequence;
use order_worker::{Topics, resume_point};

use crate::other_log::OtherLog;
use crate::sale::{DECISIONS, Sale, values};

/// One record at a time, as the worker reads.
const SINGLE: ReadLimits = ReadLimits { records_max: 1, bytes_max: 1 << 20 };

fn found(sale: &Sale, markers: u64) -> Sequence {
    let log = OtherLog { log: sale.log.clone(), orders_start: 0, markers };
    let mut reader = log.reader(DECISIONS, SINGLE).unwrap();
    let topics = Topics::with_prefix("");
    resume_point(&log, reader.as_mut(), &sale.codec, &topics, 0).unwrap().sequence()
}

#[test]
fn the_last_decision_is_found_behind_markers_of_transactions() {
    let sale = Sale::of(50, 1);
    for markers in [0, 1, 2, 7] {
        assert_eq!(found(&sale, markers), Sequence(0), "nothing but {markers} markers");
    }
    sale.decide();
    let decisions = values(&sale.log, DECISIONS)[0].len();
    for markers in [0, 1, 2, 7, 1_000] {
        assert_eq!(found(&sale, markers).0, u64::try_from(decisions).unwrap(), "{markers} markers");
    }
}

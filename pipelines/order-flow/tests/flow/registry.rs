//! A registry that does not answer: the partition waits, and nothing is skipped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use order_codec::{Codec, DeadLetter, DeadLetterReason, FileSchemas, RegistryError, SchemaSource};
use order_flow::limits::REGISTRY_RETRY_MS;
use order_flow::{Resume, Verdicts};
use order_log::Headers;
use order_model::{Cancel, Command, TimeMs};

use crate::appender::TestAppender;
use crate::driver::{Driver, empty_log};
use crate::sale::{DEAD_LETTERS, DECISIONS, ORDERS, Sale, values};

/// The files, which know our ids; for any other id it may be away.
struct Away {
    files: FileSchemas,
    is_away: AtomicBool,
}

impl SchemaSource for Away {
    fn register_or_find(&self, subject: &str, schema_json: &str) -> Result<u32, RegistryError> {
        self.files.register_or_find(subject, schema_json)
    }

    fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
        if self.is_away.load(Ordering::Relaxed) {
            let (registry, detail) = ("http://registry".to_owned(), "refused".to_owned());
            return Err(RegistryError::Unreachable { registry, detail });
        }
        self.files.schema(id)
    }
}

/// A cancellation of an order nobody knows: decided by one refusal.
fn cancel() -> Command {
    Command::Cancel(Cancel { order: 1.into(), customer: 1.into(), sku: "a".parse().unwrap() })
}

#[test]
fn the_partition_waits_and_then_goes_on() {
    let sale = Sale::empty(1);
    (0..4).for_each(|_| sale.write(&cancel(), None));
    // Schema 77 may be a good one; who knows.
    sale.write_raw(0, Some(b"a"), Some(&[0, 0, 0, 0, 77, 1, 2]), Headers::NONE);
    (0..4).for_each(|_| sale.write(&cancel(), None));

    let source = Arc::new(Away { files: FileSchemas::new().unwrap(), is_away: AtomicBool::new(true) });
    let codec = Codec::new(Arc::<Away>::clone(&source)).unwrap();
    let out = empty_log(1);
    let mut driver = Driver::new(TestAppender::new(&out));
    driver.start_with(&sale, 0, 2, Resume::from_start(), codec, sale.ring.clone());
    driver.settle();
    assert_eq!(driver.flows[0].0.durable_offset(), 4);
    assert_eq!(values(&out, DECISIONS)[0].len(), 4, "nothing after it is decided");
    assert!(driver.flows[0].0.failure().is_none(), "waiting is no failure");

    // It comes back; but it is asked again only after a pause.
    source.is_away.store(false, Ordering::Relaxed);
    driver.settle();
    assert_eq!(driver.flows[0].0.durable_offset(), 4);
    driver.clock.set(driver.clock.get() + REGISTRY_RETRY_MS);
    driver.wake();
    driver.run();
    assert_eq!(values(&out, DECISIONS)[0].len(), 8);
    let letters = values(&out, DEAD_LETTERS).remove(0);
    let letter = sale.codec.dead_letter_from(&letters[0]).unwrap();
    assert_eq!((letters.len(), letter.offset, letter.reason), (1, 4, DeadLetterReason::SchemaUnknown));
}

#[test]
fn the_log_is_asked_before_the_registry_and_only_about_foreign_schemas() {
    let sale = Sale::empty(1);
    (0..2).for_each(|_| sale.write(&cancel(), None));
    sale.write_raw(0, Some(b"a"), Some(&[0, 0, 0, 0, 77, 1, 2]), Headers::NONE);
    sale.write(&cancel(), None);
    // Letters about the foreign record, and about a good one that needs no registry.
    let mut verdicts = Verdicts::default();
    for offset in [1, 2] {
        let record = sale.log.records(ORDERS, 0).unwrap().remove(2);
        let reason = DeadLetterReason::SchemaUnresolvable;
        let letter = DeadLetter {
            topic: ORDERS.to_owned(),
            partition: 0,
            offset,
            time: TimeMs(record.time_ms),
            stage: reason.stage(),
            reason,
            detail: "as it was then".to_owned(),
            key: record.key,
            value: record.value,
            headers: record.headers,
        };
        verdicts.note(&sale.codec, letter.clone());
        verdicts.note(&sale.codec, DeadLetter { detail: "a repeat".to_owned(), ..letter });
    }
    // The registry is not asked at all: it is away.
    let source = Arc::new(Away { files: FileSchemas::new().unwrap(), is_away: AtomicBool::new(true) });
    let out = empty_log(1);
    let mut driver = Driver::new(TestAppender::new(&out));
    let resume = Resume::from_start().with(verdicts);
    driver.start_with(&sale, 0, 3, resume, Codec::new(source).unwrap(), sale.ring.clone());
    driver.run();
    assert_eq!(values(&out, DECISIONS)[0].len(), 3, "the good ones");
    let letters = values(&out, DEAD_LETTERS).remove(0);
    let letter = sale.codec.dead_letter_from(&letters[0]).unwrap();
    assert_eq!(
        (letters.len(), letter.offset, letter.reason, letter.detail.as_str()),
        (1, 2, DeadLetterReason::SchemaUnresolvable, "as it was then")
    );
}

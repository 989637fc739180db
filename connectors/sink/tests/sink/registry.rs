//! A registry that does not answer delays the decision that needs it, and loses nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use order_codec::{Codec, FileSchemas, RegistryError, SchemaSource, schemas};
use order_log::AppendBatch;
use sink::harness::{Sale, SaleLog, Subject};
use sink::{Runner, SinkLimits, SinkParts};

use crate::memory::Memory;

/// A writer's id of our own schema, which only the registry knows.
const FOREIGN: u32 = 77;
/// So often the registry is silent.
const SILENT: u32 = 2;

struct Sleepy {
    files: FileSchemas,
    asked: AtomicU32,
}

impl SchemaSource for Sleepy {
    fn register_or_find(&self, subject: &str, schema_json: &str) -> Result<u32, RegistryError> {
        self.files.register_or_find(subject, schema_json)
    }

    fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
        if self.asked.fetch_add(1, Ordering::Relaxed) < SILENT {
            let (registry, detail) = ("test".to_owned(), "it sleeps".to_owned());
            return Err(RegistryError::Unreachable { registry, detail });
        }
        Ok((id == FOREIGN).then(|| schemas::DECISION_V1.to_owned()))
    }
}

#[tokio::test]
async fn a_silent_registry_is_waited_for() {
    let sale = Sale::decide(80, 1);
    let mut begun = sale.clone();
    let late = begun.decisions[0].split_off(sale.len(0) / 2);
    let log = SaleLog::of_sale(&begun);
    let source = Arc::new(Sleepy { files: FileSchemas::new().unwrap(), asked: AtomicU32::new(0) });
    let parts = SinkParts { codec: Codec::new(source.clone()).unwrap(), ..log.parts() };
    let mut batch = AppendBatch::new("decisions".into());
    for (number, decision) in late.iter().enumerate() {
        let is_foreign = number % 5 == 0;
        batch.push_with(0, None, |bytes| {
            let head = bytes.len();
            parts.codec.decision_to(decision, bytes);
            if is_foreign {
                bytes[head + 1..head + 5].copy_from_slice(&FOREIGN.to_be_bytes());
            }
        });
    }
    parts.log.appender().unwrap().append(batch).unwrap();

    let storage = Memory::good();
    let options = SaleLog::options(SinkLimits::default(), "one");
    let (runner, mut handle) = Runner::new(storage.open().await, parts, options).unwrap();
    let run = tokio::spawn(runner.run());
    let ends = [(0, sale.end(0).next_offset.0)].into();
    assert!(handle.reaches(&ends).await);
    handle.drain();
    let status = run.await.unwrap().unwrap();
    assert_eq!((status.unreadable, status.missing, status.repeats), (0, 0, 0));
    assert!(source.asked.load(Ordering::Relaxed) > SILENT);
    assert_eq!(Some(storage.contents().await), storage.expected(&sale.decisions));
}

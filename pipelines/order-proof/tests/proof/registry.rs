//! A registry that falls silent while a log is proved.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use order_codec::schemas::COMMAND_V1;
use order_codec::{Codec, FileSchemas, RegistryError, SchemaSource};
use order_log::Headers;

use crate::proving::prove_with;
use crate::sale::{ORDERS, Sale};

const FOREIGN_ID: u32 = 77;
const PATIENCE: Duration = Duration::from_secs(60);

/// The files, and a foreign schema that is told only when it was asked for often enough.
struct Hesitant {
    files: FileSchemas,
    silences: AtomicU32,
}

impl SchemaSource for Hesitant {
    fn register_or_find(&self, subject: &str, schema_json: &str) -> Result<u32, RegistryError> {
        self.files.register_or_find(subject, schema_json)
    }

    fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
        if id != FOREIGN_ID {
            return self.files.schema(id);
        }
        let left =
            self.silences.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if left.is_ok() {
            let (registry, detail) = ("http://registry".to_owned(), "silent".to_owned());
            return Err(RegistryError::Unreachable { registry, detail });
        }
        Ok(Some(COMMAND_V1.to_owned()))
    }
}

#[test]
fn the_proof_waits_for_it_and_goes_on() {
    let mut sale = Sale::of(50, 1);
    let mut foreign =
        sale.log.records(ORDERS, 0).unwrap().into_iter().rfind(|record| record.headers.is_empty()).unwrap();
    foreign.value.as_mut().unwrap()[1..5].copy_from_slice(&FOREIGN_ID.to_be_bytes());
    sale.write_raw(0, foreign.key.as_deref(), foreign.value.as_deref(), Headers::NONE);
    let source = |silences: u32| {
        let files = FileSchemas::new().unwrap();
        Codec::new(Arc::new(Hesitant { files, silences: AtomicU32::new(silences) })).unwrap()
    };
    sale.codec = source(0);
    sale.decide();
    sale.codec = source(2);
    let (done, proved) = channel();
    std::thread::spawn(move || done.send(prove_with(&sale, 1, 16)).unwrap());
    let proof = proved.recv_timeout(PATIENCE).expect("it waits for ever");
    assert!(proof.holds(), "{proof:#?}");
}

//! A schema that is registered after records written with it were found unreadable.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use order_codec::schemas::COMMAND_V1;
use order_codec::wire::{HEAD_BYTES, write_head};
use order_codec::{Codec, FileSchemas, RegistryError, SchemaSource};
use order_log::Headers;
use order_model::{Cancel, Command};

use crate::crew::{Member, assert_proved, now, until_decided};
use crate::sale::{DEAD_LETTERS, DECISIONS, Sale, values};

const FOREIGN_ID: u32 = 77;

/// The files, and a foreign schema from some moment on.
struct Late {
    files: FileSchemas,
    is_registered: AtomicBool,
}

impl SchemaSource for Late {
    fn register_or_find(&self, subject: &str, schema_json: &str) -> Result<u32, RegistryError> {
        self.files.register_or_find(subject, schema_json)
    }

    fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
        if id == FOREIGN_ID {
            return Ok(self.is_registered.load(Ordering::Relaxed).then(|| COMMAND_V1.to_owned()));
        }
        self.files.schema(id)
    }
}

/// Writes a cancellation of an order nobody knows, which is decided by one refusal.
fn write(sale: &Sale, order: u128, schema: Option<u32>) {
    let cancel = Cancel { order: order.into(), customer: 1.into(), sku: "a".parse().unwrap() };
    let (mut ours, mut value) = (Vec::new(), Vec::new());
    sale.codec.command_to(&Command::Cancel(cancel), &mut ours);
    match schema {
        Some(id) => write_head(id, &mut value),
        None => value.extend_from_slice(&ours[..HEAD_BYTES]),
    }
    value.extend_from_slice(&ours[HEAD_BYTES..]);
    sale.write_raw(0, Some(b"a"), Some(&value), Headers::NONE);
}

/// Lets a worker that starts anew decide everything; says how many decisions and dead letters there are then.
fn decide(sale: &Sale) -> (usize, usize) {
    let worker = Member::start(sale, "workers");
    until_decided(sale, &[&worker]);
    worker.drain();
    let count = |topic| values(&sale.log, topic)[0].len();
    (count(DECISIONS), count(DEAD_LETTERS))
}

#[test]
fn what_was_unreadable_once_stays_so() {
    let source = Arc::new(Late { files: FileSchemas::new().unwrap(), is_registered: AtomicBool::new(false) });
    // Each worker learns about schemas by itself.
    let codec = || Codec::new(Arc::<Late>::clone(&source)).unwrap();
    let mut sale = Sale::on(Arc::new(|| now().0), 1);
    sale.codec = codec();
    write(&sale, 1, None);
    write(&sale, 2, Some(FOREIGN_ID));
    write(&sale, 3, None);
    // No decision says that this one has been looked at: only its dead letter does.
    write(&sale, 4, Some(FOREIGN_ID));
    assert_eq!(decide(&sale), (2, 2));

    source.is_registered.store(true, Ordering::Relaxed);
    sale.codec = codec();
    assert_proved(&sale);
    write(&sale, 5, Some(FOREIGN_ID));
    write(&sale, 6, None);
    let (decisions, letters) = decide(&sale);
    assert_eq!(decisions, 4, "from its registration on the schema is read");
    assert!(letters <= 3, "at most the one that no decision covers is written again: {letters}");
    sale.codec = codec();
    let proof = assert_proved(&sale);
    assert_eq!(proof.dead_letters, 2);
}

//! `decode`: reads the commands of a batch.
//!
//! A record that cannot be read or trusted is passed on with the reason, in its place. Only a registry that does
//! not answer stops the batch, and with it all later ones: whether such a record is good is not known yet.

use std::collections::VecDeque;

use order_codec::{
    Codec, DeadLetterReason, KeyRing, MAC_HEADER, RawRecord, RegistryError, Unreadable, read_command,
};
use order_log::{Record, RecordBatch};
use order_model::{Command, Partition, TimeMs};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;
use timely::scheduling::Activator;

use crate::Clock;
use crate::limits::REGISTRY_RETRY_MS;
use crate::message::DecodedBatch;
use crate::verdicts::Verdicts;

/// A command, or why a record is none: the reason and its explanation for people.
pub type Decoded = Result<Command, (DeadLetterReason, String)>;

/// Reads the commands of a batch; fails only when the registry does not answer. It is not asked about records that have
/// their verdict.
pub fn decode_batch(
    codec: &Codec,
    ring: &KeyRing,
    verdicts: &Verdicts,
    records: &RecordBatch,
) -> Result<Vec<Decoded>, RegistryError> {
    let mut commands = Vec::with_capacity(records.len());
    let partition = Partition(records.partition());
    for record in records.iter() {
        if let Some(verdict) = verdicts.on(codec, record.offset, record.value) {
            commands.push(Err(verdict.clone()));
            continue;
        }
        match read_command(codec, ring, &raw(partition, &record)) {
            Ok(command) => commands.push(Ok(command)),
            Err(Unreadable::Bad(reason, detail)) => commands.push(Err((reason, detail))),
            Err(Unreadable::Retry(error)) => return Err(error),
        }
    }
    Ok(commands)
}

fn raw<'a>(partition: Partition, record: &Record<'a>) -> RawRecord<'a> {
    let mac = if record.headers.is_empty() { None } else { record.headers.get(MAC_HEADER) };
    RawRecord { partition, time: TimeMs(record.time_ms), key: record.key, value: record.value, mac }
}

/// The batches of `stream` with their commands. `waker` is left the handle by which to let the operator try again.
pub(crate) fn decode<'scope>(
    stream: Stream<'scope, u64, Vec<RecordBatch>>,
    codec: Codec,
    ring: KeyRing,
    mut verdicts: Verdicts,
    clock: Clock,
    waker: &mut Option<Activator>,
) -> Stream<'scope, u64, Vec<DecodedBatch>> {
    let scope = stream.scope();
    stream.unary::<CapacityContainerBuilder<_>, _, _, _>(Pipeline, "Decode", |_capability, info| {
        *waker = Some(scope.activator_for(info.address));
        let mut waiting: VecDeque<(Capability<u64>, RecordBatch)> = VecDeque::new();
        let mut not_before = TimeMs(0);
        move |input, output| {
            input.for_each(|time, batches| {
                waiting.extend(batches.drain(..).map(|batch| (time.retain(0), batch)));
            });
            if clock() < not_before {
                return;
            }
            while let Some((capability, records)) = waiting.pop_front() {
                match decode_batch(&codec, &ring, &verdicts, &records) {
                    Ok(commands) => {
                        verdicts.forget_before(records.next_offset());
                        output.session(&capability).give(DecodedBatch { records, commands });
                    }
                    Err(error) => {
                        let offset = records.first_offset();
                        tracing::warn!(offset, %error, "the schema registry does not answer; the partition waits");
                        waiting.push_front((capability, records));
                        not_before = clock().after(REGISTRY_RETRY_MS);
                        return;
                    }
                }
            }
        }
    })
}

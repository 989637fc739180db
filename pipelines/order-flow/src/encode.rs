//! `encode`: turns the effects of a batch into records.

use std::sync::Arc;

use order_codec::{Codec, DeadLetter, KeyRing, MAC_HEADER, relay_mac_key};
use order_log::{AppendBatch, Headers};
use order_model::{Command, Decision, Partition, Relay};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;

use crate::Clock;
use crate::decide::SpareEffects;
use crate::failure::{FailureCell, FlowError};
use crate::message::{DecidedBatch, EncodedBatch};
use crate::topics::Topics;

/// Room set aside for a decision about one line.
const DECISION_BYTES_USUAL: usize = 112;

/// Encodes the effects of a partition.
pub struct Encoder {
    partition: u32,
    topics: Topics,
    codec: Codec,
    signing: Option<(KeyRing, Clock)>,
}

impl Encoder {
    /// Encodes the effects of `partition`, signing relays with the key that is valid by the clock; without both they carry
    /// no MAC, and nobody would believe them.
    pub fn new(partition: u32, topics: Topics, codec: Codec, signing: Option<(KeyRing, Clock)>) -> Self {
        Self { partition, topics, codec, signing }
    }

    /// Encodes a batch.
    pub fn encode(&self, batch: &DecidedBatch) -> Result<EncodedBatch, FlowError> {
        let mut first = Vec::new();
        if !batch.effects.relays.is_empty() {
            first.push(self.relays(&batch.effects.relays)?);
        }
        if !batch.dead_letters.is_empty() {
            first.push(self.dead_letters(&batch.dead_letters));
        }
        let decisions = &batch.effects.decisions;
        let decisions = (!decisions.is_empty()).then(|| self.decisions(decisions));
        Ok(EncodedBatch { first, decisions, effects: batch.len() })
    }

    fn decisions(&self, decisions: &[Decision]) -> AppendBatch {
        let mut batch = AppendBatch::new(Arc::clone(&self.topics.decisions));
        batch.reserve(decisions.len(), decisions.len() * DECISION_BYTES_USUAL);
        for decision in decisions {
            batch.push_with(self.partition, None, |bytes| self.codec.decision_to(decision, bytes));
        }
        batch
    }

    fn relays(&self, relays: &[(Partition, Relay)]) -> Result<AppendBatch, FlowError> {
        let mut batch = AppendBatch::new(Arc::clone(&self.topics.orders));
        let signing = self.signing.as_ref().map(|(ring, clock)| (ring, clock()));
        let (mut value, mut headers) = (Vec::new(), Vec::new());
        for (to, relay) in relays {
            value.clear();
            headers.clear();
            self.codec.command_to(&Command::Relay(relay.clone()), &mut value);
            if let Some((ring, now)) = signing {
                let mac = ring.sign(now, Some(&relay_mac_key(*to)), &value);
                let mac = mac.ok_or(FlowError::NoKey { partition: self.partition })?;
                Headers::encode(&mut headers, MAC_HEADER, &mac);
            }
            batch.push(to.0, None, Some(&value), Headers::from_encoded(&headers));
        }
        Ok(batch)
    }

    fn dead_letters(&self, letters: &[DeadLetter]) -> AppendBatch {
        let mut batch = AppendBatch::new(Arc::clone(&self.topics.dead_letters));
        for letter in letters {
            batch.push_with(self.partition, None, |bytes| self.codec.dead_letter_to(letter, bytes));
        }
        batch
    }
}

/// The batches of `stream` as records.
pub(crate) fn encode<'scope>(
    stream: Stream<'scope, u64, Vec<DecidedBatch>>,
    encoder: Encoder,
    spare: SpareEffects,
    failure: FailureCell,
) -> Stream<'scope, u64, Vec<EncodedBatch>> {
    stream.unary::<CapacityContainerBuilder<_>, _, _, _>(Pipeline, "Encode", |_capability, _info| {
        move |input, output| {
            input.for_each(|time, batches| {
                for batch in batches.drain(..) {
                    match encoder.encode(&batch) {
                        Ok(encoded) => output.session(&time).give(encoded),
                        Err(error) => failure.set(error),
                    }
                    spare.give(batch.effects);
                }
            });
        }
    })
}

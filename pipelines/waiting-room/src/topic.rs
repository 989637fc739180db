//! The topic `rooms`: what a follower, a writer and a proof need to know of it.

use std::sync::Arc;

use order_codec::KeyRing;
use order_log::{Log, LogError, TopicName, TopicSpec};
use order_model::{Partition, partition_of_key};

use crate::codec::RoomCodec;
use crate::limits::ROOMS_RETENTION_MS;
use crate::name::RoomName;

/// The topic, how its records are read, and the keys of those that are privileged. Cheap to clone.
#[derive(Clone)]
pub struct RoomTopic {
    /// The log.
    pub log: Arc<dyn Log>,
    /// The topic's name.
    pub topic: TopicName,
    /// Reads and writes values.
    pub codec: RoomCodec,
    /// Signs and checks. All gateways have the same keys, and keep old ones, or their rooms differ.
    pub ring: KeyRing,
}

impl RoomTopic {
    /// Where the events of a room are.
    pub fn partition_of(&self, room: &RoomName) -> Result<Partition, LogError> {
        Ok(partition_of_key(room.as_str().as_bytes(), self.log.partitions(&self.topic)?))
    }
}

/// What we rely on in the topic. The number of partitions must never change: a room would move.
pub fn topic_spec(topic: &str, partitions: u32, replication: u16) -> TopicSpec {
    TopicSpec {
        name: topic.to_owned(),
        partitions,
        replication,
        retention_ms: ROOMS_RETENTION_MS,
        record_bytes_max: order_log::limits::RECORD_BYTES_MAX,
        is_compacted: false,
    }
}

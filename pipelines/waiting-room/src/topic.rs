//! The topic `rooms`: what a follower, a writer and a proof need to know of it.

use std::sync::Arc;

use order_codec::KeyRing;
use order_log::{Log, TopicName};

use crate::codec::RoomCodec;

/// The topic, how its records are read, and the keys of those that are privileged. Cheap to clone. The number of its
/// partitions never changes: a room would move.
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

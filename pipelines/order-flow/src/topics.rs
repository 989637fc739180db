//! The names of our topics, and what we rely on in them.

use std::sync::Arc;

use order_log::TopicSpec;
use order_log::limits::RECORD_BYTES_MAX;

/// Partitions of `controls`: the controls in the first, the heartbeats in the second.
const CONTROLS_PARTITIONS: u32 = 2;

/// Partitions of `catalogue`: one reader reads all of it, and it is small.
const CATALOGUE_PARTITIONS: u32 = 1;

/// Partitions of `rooms`. Never to be changed: a room's records would lie in two.
const ROOMS_PARTITIONS: u32 = 4;

/// How long `rooms` keeps its records at least, in milliseconds: 90 days. A room may live 31, and is a function of all of
/// them; and there is whoever checks a draw afterwards.
const ROOMS_RETENTION_MS: u64 = 90 * 24 * 3_600_000;

/// The topics of one deployment: the same names behind one prefix.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topics {
    /// Commands in.
    pub orders: Arc<str>,
    /// Decisions out, as many partitions as [`Self::orders`].
    pub decisions: Arc<str>,
    /// What could not be read or trusted; a dead letter lies in the partition of the same number.
    pub dead_letters: Arc<str>,
    /// How sinks are told to pause, and say that they live.
    pub controls: Arc<str>,
    /// What is sold, in words and pictures: the newest record of each SKU.
    pub catalogue: Arc<str>,
    /// What happens in waiting rooms; a room is a function of all its records.
    pub rooms: Arc<str>,
}

/// Which of our topics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TopicKind {
    /// `orders`
    Orders,
    /// `decisions`
    Decisions,
    /// `dead-letters`
    DeadLetters,
    /// `controls`
    Controls,
    /// `catalogue`
    Catalogue,
    /// `rooms`
    Rooms,
}

impl TopicKind {
    /// Every topic.
    pub const ALL: [Self; 6] =
        [Self::Orders, Self::Decisions, Self::DeadLetters, Self::Controls, Self::Catalogue, Self::Rooms];

    /// The name without the prefix.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Decisions => "decisions",
            Self::DeadLetters => "dead-letters",
            Self::Controls => "controls",
            Self::Catalogue => "catalogue",
            Self::Rooms => "rooms",
        }
    }
}

impl Topics {
    /// The topics behind `prefix`, which may be empty.
    pub fn with_prefix(prefix: &str) -> Self {
        let name = |kind: TopicKind| Arc::from(format!("{prefix}{}", kind.name()));
        Self {
            orders: name(TopicKind::Orders),
            decisions: name(TopicKind::Decisions),
            dead_letters: name(TopicKind::DeadLetters),
            controls: name(TopicKind::Controls),
            catalogue: name(TopicKind::Catalogue),
            rooms: name(TopicKind::Rooms),
        }
    }

    /// The full name of a topic.
    pub fn name(&self, kind: TopicKind) -> &Arc<str> {
        match kind {
            TopicKind::Orders => &self.orders,
            TopicKind::Decisions => &self.decisions,
            TopicKind::DeadLetters => &self.dead_letters,
            TopicKind::Controls => &self.controls,
            TopicKind::Catalogue => &self.catalogue,
            TopicKind::Rooms => &self.rooms,
        }
    }

    /// The topic called `name`, with or without the prefix.
    pub fn find(&self, name: &str) -> Option<TopicKind> {
        TopicKind::ALL.into_iter().find(|kind| kind.name() == name || &**self.name(*kind) == name)
    }

    /// What we rely on in each of them.
    pub fn specs(&self, partitions: u32, replication: u16, retention_ms: u64) -> Vec<TopicSpec> {
        let spec = |kind: TopicKind| TopicSpec {
            name: self.name(kind).to_string(),
            partitions: match kind {
                TopicKind::Orders | TopicKind::Decisions | TopicKind::DeadLetters => partitions,
                TopicKind::Controls => CONTROLS_PARTITIONS,
                TopicKind::Catalogue => CATALOGUE_PARTITIONS,
                TopicKind::Rooms => ROOMS_PARTITIONS,
            },
            replication,
            retention_ms: match kind {
                TopicKind::Rooms => retention_ms.max(ROOMS_RETENTION_MS),
                _ => retention_ms,
            },
            is_compacted: kind == TopicKind::Catalogue,
            record_bytes_max: RECORD_BYTES_MAX,
        };
        TopicKind::ALL.map(spec).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn found_with_and_without_the_prefix() {
        let topics = Topics::with_prefix("eu.");
        assert_eq!(&*topics.orders, "eu.orders");
        assert_eq!(topics.find("orders"), Some(TopicKind::Orders));
        assert_eq!(topics.find("eu.dead-letters"), Some(TopicKind::DeadLetters));
        assert_eq!(topics.find("us.orders"), None);
    }

    #[test]
    fn what_is_decided_has_equally_many_partitions_everywhere() {
        let specs = Topics::with_prefix("").specs(12, 3, 1);
        let partitions: Vec<_> = specs.iter().map(|spec| (spec.name.as_str(), spec.partitions)).collect();
        let expected = [
            ("orders", 12),
            ("decisions", 12),
            ("dead-letters", 12),
            ("controls", 2),
            ("catalogue", 1),
            ("rooms", 4),
        ];
        assert_eq!(partitions, expected);
        let longer = specs.iter().filter(|spec| spec.retention_ms > 1).map(|spec| spec.name.as_str());
        assert_eq!(longer.collect::<Vec<_>>(), ["rooms"], "a room needs all its records");
        let compacted = specs.iter().filter(|spec| spec.is_compacted).map(|spec| spec.name.as_str());
        assert_eq!(compacted.collect::<Vec<_>>(), ["catalogue"]);
        assert!(specs.iter().all(|spec| spec.replication == 3));
    }
}

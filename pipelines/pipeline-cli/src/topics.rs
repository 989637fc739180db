//! The names of our topics, and what we rely on in them.

use order_log::TopicSpec;
use order_log::limits::RECORD_BYTES_MAX;

/// Dead letters are read by people after the fact; they need no more partitions than this.
const DEAD_LETTER_PARTITIONS: u32 = 1;

/// The topics of one deployment: the same three names behind one prefix.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topics {
    /// Commands in.
    pub orders: String,
    /// Decisions out, as many partitions as [`Self::orders`].
    pub decisions: String,
    /// What could not be decoded or authenticated.
    pub dead_letters: String,
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
}

impl TopicKind {
    /// Every topic.
    pub const ALL: [Self; 3] = [Self::Orders, Self::Decisions, Self::DeadLetters];

    /// The name without the prefix.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Decisions => "decisions",
            Self::DeadLetters => "dead-letters",
        }
    }
}

impl Topics {
    /// The topics behind `prefix`, which may be empty.
    pub fn new(prefix: &str) -> Self {
        let name = |kind: TopicKind| format!("{prefix}{}", kind.name());
        Self {
            orders: name(TopicKind::Orders),
            decisions: name(TopicKind::Decisions),
            dead_letters: name(TopicKind::DeadLetters),
        }
    }

    /// The full name of a topic.
    pub fn name(&self, kind: TopicKind) -> &str {
        match kind {
            TopicKind::Orders => &self.orders,
            TopicKind::Decisions => &self.decisions,
            TopicKind::DeadLetters => &self.dead_letters,
        }
    }

    /// The topic called `name`, with or without the prefix.
    pub fn find(&self, name: &str) -> Option<TopicKind> {
        TopicKind::ALL.into_iter().find(|kind| kind.name() == name || self.name(*kind) == name)
    }

    /// What we rely on in each of them.
    pub fn specs(&self, partitions: u32, replication: u16, retention_ms: u64) -> Vec<TopicSpec> {
        let spec = |kind: TopicKind, partitions: u32| TopicSpec {
            name: self.name(kind).to_owned(),
            partitions,
            replication,
            retention_ms,
            record_bytes_max: RECORD_BYTES_MAX,
        };
        vec![
            spec(TopicKind::Orders, partitions),
            spec(TopicKind::Decisions, partitions),
            spec(TopicKind::DeadLetters, DEAD_LETTER_PARTITIONS),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn found_with_and_without_the_prefix() {
        let topics = Topics::new("eu.");
        assert_eq!(topics.orders, "eu.orders");
        assert_eq!(topics.find("orders"), Some(TopicKind::Orders));
        assert_eq!(topics.find("eu.dead-letters"), Some(TopicKind::DeadLetters));
        assert_eq!(topics.find("us.orders"), None);
    }

    #[test]
    fn orders_and_decisions_have_equally_many_partitions() {
        let specs = Topics::new("").specs(12, 3, 1);
        assert_eq!(specs[0].partitions, specs[1].partitions);
        assert!(specs.iter().all(|spec| spec.replication == 3));
    }
}

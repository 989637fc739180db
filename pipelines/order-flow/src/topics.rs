//! The names of our topics, and what we rely on in them.

use std::sync::Arc;

use order_log::TopicSpec;
use order_log::limits::RECORD_BYTES_MAX;

/// The topics of one deployment: the same three names behind one prefix.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topics {
    /// Commands in.
    pub orders: Arc<str>,
    /// Decisions out, as many partitions as [`Self::orders`].
    pub decisions: Arc<str>,
    /// What could not be read or trusted; a dead letter lies in the partition of the same number.
    pub dead_letters: Arc<str>,
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
    pub fn with_prefix(prefix: &str) -> Self {
        let name = |kind: TopicKind| Arc::from(format!("{prefix}{}", kind.name()));
        Self {
            orders: name(TopicKind::Orders),
            decisions: name(TopicKind::Decisions),
            dead_letters: name(TopicKind::DeadLetters),
        }
    }

    /// The full name of a topic.
    pub fn name(&self, kind: TopicKind) -> &Arc<str> {
        match kind {
            TopicKind::Orders => &self.orders,
            TopicKind::Decisions => &self.decisions,
            TopicKind::DeadLetters => &self.dead_letters,
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
            partitions,
            replication,
            retention_ms,
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
    fn all_have_equally_many_partitions() {
        let specs = Topics::with_prefix("").specs(12, 3, 1);
        assert!(specs.iter().all(|spec| spec.partitions == 12 && spec.replication == 3));
    }
}

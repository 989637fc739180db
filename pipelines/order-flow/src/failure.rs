//! Why a dataflow had to stop, and the cell in which its operators say so.

use std::cell::RefCell;
use std::rc::Rc;

use order_log::LogError;
use order_model::Sequence;

/// Why the dataflow of a partition stopped. Whoever runs it drops it, and may start a new one from the log.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FlowError {
    /// The log did not take the effects.
    #[error("effects of partition {partition} could not be appended")]
    Append {
        /// The partition.
        partition: u32,
        /// Why.
        #[source]
        source: LogError,
    },
    /// An effect is larger than the log takes.
    #[error(
        "an effect of partition {partition} has {bytes} bytes, the log takes {limit}; raise the topic's max.message.bytes"
    )]
    TooLarge {
        /// The partition.
        partition: u32,
        /// Size of the record.
        bytes: usize,
        /// What the log takes.
        limit: usize,
    },
    /// The replay does not say what was said before.
    #[error(
        "decision {sequence} of partition {partition} is not what a replay of the log decides: the log, the keys or \
         the schemas have changed since; run `pipeline prove` to see where, and restore what was changed"
    )]
    Diverged {
        /// The partition.
        partition: u32,
        /// The decision.
        sequence: Sequence,
    },
    /// No key to sign relays with.
    #[error("partition {partition} has a relay to send and no key is valid now; add one to the key file")]
    NoKey {
        /// The partition.
        partition: u32,
    },
}

/// Where operators leave the first failure of their dataflow.
#[derive(Clone, Default)]
pub(crate) struct FailureCell(Rc<RefCell<Option<FlowError>>>);

impl FailureCell {
    pub(crate) fn set(&self, error: FlowError) {
        self.0.borrow_mut().get_or_insert(error);
    }

    pub(crate) fn get(&self) -> Option<FlowError> {
        self.0.borrow().clone()
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.borrow().is_some()
    }
}

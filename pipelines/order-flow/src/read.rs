//! `read`: takes batches from the partition's inbox into the dataflow.
//!
//! Each batch becomes one message at the offset of its first record. The operator's capability stands at the offset to be read
//! next, so the frontier never passes a record that has not come yet. Closing the inbox lets go of it: when all is
//! published the dataflow is complete.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use order_log::RecordBatch;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::generic::operator::source;
use timely::dataflow::{Scope, Stream};
use timely::scheduling::Activator;

/// What comes of a partition.
enum Arrival {
    Batch(RecordBatch),
    /// No record stands before this offset that did not come.
    Passed(u64),
}

/// Batches on their way into a dataflow. Its length is bounded by whoever fills it, who knows what is in flight.
#[derive(Default)]
pub(crate) struct Inbox {
    arrivals: VecDeque<Arrival>,
    is_closed: bool,
    activator: Option<Activator>,
}

impl Inbox {
    pub(crate) fn offer(&mut self, batch: RecordBatch) {
        self.arrivals.push_back(Arrival::Batch(batch));
        self.wake();
    }

    pub(crate) fn pass(&mut self, next_offset: u64) {
        self.arrivals.push_back(Arrival::Passed(next_offset));
        self.wake();
    }

    pub(crate) fn close(&mut self) {
        self.is_closed = true;
        self.wake();
    }

    fn wake(&self) {
        if let Some(activator) = &self.activator {
            activator.activate();
        }
    }
}

/// The stream of batches of `inbox`, from `start` on.
pub(crate) fn read(
    scope: Scope<'_, u64>,
    inbox: Rc<RefCell<Inbox>>,
    start: u64,
) -> Stream<'_, u64, Vec<RecordBatch>> {
    source::<_, CapacityContainerBuilder<Vec<RecordBatch>>, _, _>(scope, "Read", move |capability, info| {
        inbox.borrow_mut().activator = Some(scope.activator_for(info.address));
        let mut capability = Some(capability.delayed(&start));
        move |output| {
            let mut inbox = inbox.borrow_mut();
            if let Some(capability) = &mut capability {
                for arrival in inbox.arrivals.drain(..) {
                    match arrival {
                        Arrival::Batch(batch) => {
                            // Offsets may jump (the log has holes where Kafka keeps its own records), never go back.
                            capability.downgrade(&batch.first_offset());
                            let next = batch.next_offset();
                            output.session(&*capability).give(batch);
                            capability.downgrade(&next);
                        }
                        Arrival::Passed(next) => capability.downgrade(&next),
                    }
                }
            }
            if inbox.is_closed {
                capability = None;
            }
        }
    })
}

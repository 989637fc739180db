//! `publish`: appends the effects of batches to the log, and holds each batch's capability until the log has
//! acknowledged all of them. When the frontier passes a batch, the batch is durable.
//!
//! Relays and dead letters go first, decisions when those are acknowledged. A worker that takes over reads the last
//! decision and thereby knows that every relay and dead letter up to its command is in the log. Decisions of one
//! batch follow those of the batch before, so that no number stands before a smaller one that is missing.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use order_log::{AppendBatch, AppendError, Ticket};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;
use timely::scheduling::Activator;

use crate::failure::{FailureCell, FlowError};
use crate::gauge::Gauge;
use crate::message::EncodedBatch;
use crate::publisher::Publisher;

/// A batch on its way to the log. What was appended is gone from it; the ticket says when it is acknowledged.
struct Pending {
    /// Held until the batch is durable.
    _capability: Capability<u64>,
    first: VecDeque<AppendBatch>,
    decisions: Option<AppendBatch>,
    /// The last ticket of `first`.
    first_ticket: Ticket,
    /// The last ticket of all.
    ticket: Ticket,
    effects: usize,
}

/// The batches of one partition on their way to the log, oldest first.
struct Pipe {
    partition: u32,
    pending: VecDeque<Pending>,
    publisher: Rc<RefCell<Publisher>>,
    gauge: Gauge,
}

impl Pipe {
    fn take(&mut self, capability: Capability<u64>, batch: EncodedBatch) {
        let first = VecDeque::from(batch.first);
        let none = Ticket(0);
        let decisions = batch.decisions;
        self.pending.push_back(Pending {
            _capability: capability,
            first,
            decisions,
            first_ticket: none,
            ticket: none,
            effects: batch.effects,
        });
    }

    /// Appends what may be appended and lets go of what is durable.
    fn advance(&mut self) -> Result<(), FlowError> {
        self.append_first()?;
        self.append_decisions()?;
        let durable = self.publisher.borrow().durable();
        let is_done =
            |batch: &Pending| batch.first.is_empty() && batch.decisions.is_none() && batch.ticket <= durable;
        while let Some(batch) = self.pending.pop_front_if(|batch| is_done(batch)) {
            self.gauge.release(batch.effects);
        }
        Ok(())
    }

    /// Relays and dead letters of every batch, in order, as far as the appender takes them.
    fn append_first(&mut self) -> Result<(), FlowError> {
        for batch in &mut self.pending {
            while let Some(next) = batch.first.pop_front() {
                match append(&self.publisher, self.partition, next)? {
                    Ok(ticket) => (batch.first_ticket, batch.ticket) = (ticket, ticket),
                    Err(returned) => {
                        batch.first.push_front(returned);
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Decisions, in order, up to the first batch whose relays and dead letters are not acknowledged.
    fn append_decisions(&mut self) -> Result<(), FlowError> {
        let durable = self.publisher.borrow().durable();
        for batch in &mut self.pending {
            if !batch.first.is_empty() || batch.first_ticket > durable {
                return Ok(());
            }
            let Some(decisions) = batch.decisions.take() else { continue };
            match append(&self.publisher, self.partition, decisions)? {
                Ok(ticket) => batch.ticket = ticket,
                Err(returned) => {
                    batch.decisions = Some(returned);
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// Appends a batch, or gives it back when the appender is full.
fn append(
    publisher: &Rc<RefCell<Publisher>>,
    partition: u32,
    batch: AppendBatch,
) -> Result<Result<Ticket, AppendBatch>, FlowError> {
    match publisher.borrow_mut().append(batch) {
        Ok(ticket) => Ok(Ok(ticket)),
        Err(AppendError::Full(batch)) => Ok(Err(batch)),
        Err(AppendError::TooLarge { bytes, limit, .. }) => {
            Err(FlowError::TooLarge { partition, bytes, limit })
        }
        Err(AppendError::Log(source)) => Err(FlowError::Append { partition, source }),
    }
}

/// Publishes the batches of `stream`. The resulting stream is empty; its frontier says what is durable. `waker` is
/// left the handle by which to wake the operator when the publisher has heard from the log.
pub(crate) fn publish<'scope>(
    stream: Stream<'scope, u64, Vec<EncodedBatch>>,
    partition: u32,
    publisher: Rc<RefCell<Publisher>>,
    gauge: Gauge,
    failure: FailureCell,
    waker: &mut Option<Activator>,
) -> Stream<'scope, u64, Vec<()>> {
    let scope = stream.scope();
    stream.unary::<CapacityContainerBuilder<_>, _, _, _>(Pipeline, "Publish", |_capability, info| {
        *waker = Some(scope.activator_for(info.address));
        let mut pipe = Pipe { partition, pending: VecDeque::new(), publisher, gauge };
        move |input, _output| {
            input.for_each(|time, batches| {
                for batch in batches.drain(..) {
                    pipe.take(time.retain(0), batch);
                }
            });
            if failure.is_set() {
                return;
            }
            if let Err(error) = pipe.advance() {
                failure.set(error);
            }
        }
    })
}

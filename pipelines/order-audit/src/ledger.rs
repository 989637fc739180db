//! One ledger as the auditor follows it: record by record, decision by decision.
//!
//! A record is open from its first decision (or from when a later record shows that it left none) until the next
//! record; what must be true at the end of every record is looked at when it is closed.

use std::collections::{HashMap, HashSet, VecDeque};

use order_model::{
    CommandId, CustomerEvent, CustomerId, Decision, Event, Offset, OrderEvent, OrderEventKind, Partition,
    Position, Sequence, TimeMs, limits,
};

use crate::law::Law;
use crate::matching::{Arrival, Cause, Inbox, Pending};
use crate::order::{Book, State};
use crate::part::Parts;
use crate::payment::Payments;
use crate::shared::{At, Shared};
use crate::stock::{Reported, Shelf};

/// Most records one ledger's auditor keeps while it waits for their decisions.
pub const RECORDS_AHEAD_MAX: usize = 64 * 1_048_576;

/// The record being looked at.
#[derive(Debug, Default)]
pub(crate) struct Record {
    open: bool,
    offset: Offset,
    pub(crate) cause: Cause,
    /// Decisions that answer the record's command.
    pub(crate) answers: u32,
    /// Housekeeping done at it.
    pub(crate) actions: usize,
}

impl Record {
    /// Whether the ledger could do no more housekeeping at this record.
    pub(crate) fn is_spent(&self) -> bool {
        self.actions >= limits::HOUSEKEEPING_PER_COMMAND_MAX
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) partition: Partition,
    pub(crate) shelf: Shelf,
    pub(crate) book: Book,
    pub(crate) parts: Parts,
    pub(crate) payments: Payments,
    pub(crate) blocked: HashSet<CustomerId>,
    pub(crate) block_commands: HashMap<CommandId, bool>,
    pub(crate) inbox: Inbox,
    pub(crate) record: Record,
    /// The number of the next order to wait.
    pub(crate) placings: u64,
    /// Entries of revealed draws that the ledger may not have put in order yet.
    pub(crate) to_order: usize,
    pending: VecDeque<Pending>,
    fed: Option<Offset>,
    now: TimeMs,
    last: Sequence,
}

impl Ledger {
    pub(crate) fn new(partition: Partition, partitions: u32) -> Self {
        Self {
            partition,
            shelf: Shelf::default(),
            book: Book::default(),
            parts: Parts::default(),
            payments: Payments::default(),
            blocked: HashSet::new(),
            block_commands: HashMap::new(),
            inbox: Inbox::new(partition, partitions),
            record: Record::default(),
            placings: 0,
            to_order: 0,
            pending: VecDeque::new(),
            fed: None,
            now: TimeMs(0),
            last: Sequence(0),
        }
    }

    fn at(&self) -> At {
        At { partition: self.partition, sequence: self.last, offset: self.record.offset, now: self.now }
    }

    /// Takes the next record of `orders`.
    pub(crate) fn command(
        &mut self,
        position: Position,
        command: Option<&order_model::Command>,
        shared: &mut Shared,
    ) {
        let at = At { offset: position.offset, ..self.at() };
        let too_late = self.record.open && position.offset <= self.record.offset;
        if self.fed.is_some_and(|fed| position.offset <= fed) || too_late {
            shared.found(Law::FedInOrder, at, || "a record was fed again or after its decisions".to_owned());
            return;
        }
        if self.pending.len() >= RECORDS_AHEAD_MAX {
            shared.found(Law::FedInOrder, at, || {
                "too many records were fed ahead of their decisions".to_owned()
            });
            return;
        }
        self.fed = Some(position.offset);
        shared.numbers.records += 1;
        let (cause, arrival) = self.inbox.read(command);
        if let Arrival::Gap { expected, found } = arrival {
            shared.found(Law::RelaysDense, at, || format!("relay {found} came where {expected} was due"));
        }
        self.pending.push_back(Pending { position, cause });
    }

    /// Takes the next decision.
    pub(crate) fn decision(&mut self, decision: &Decision, shared: &mut Shared) {
        if decision.sequence <= self.last {
            shared.numbers.repeats_dropped += 1;
            return;
        }
        let expected = self.last.next();
        self.last = decision.sequence;
        self.turn_to(decision, shared);
        let at = self.at();
        shared.check(decision.sequence == expected, Law::DenseNumbers, at, || {
            format!("decision {} follows decision {}", decision.sequence, expected.0 - 1)
        });
        shared.check(decision.time == at.now, Law::LogTime, at, || {
            format!("the decision's time is {}, the ledger's is {}", decision.time, at.now)
        });
        shared.numbers.decisions += 1;
        let cause = std::mem::take(&mut self.record.cause);
        match &decision.event {
            Event::Order(event) => self.order(at, event, &cause, shared),
            Event::Listing(event) => self.listing(at, event, &cause, shared),
            Event::Customer(event) => self.customer(at, event, &cause, shared),
        }
        self.record.cause = cause;
    }

    /// Makes the decision's record the open one.
    fn turn_to(&mut self, decision: &Decision, shared: &mut Shared) {
        if self.record.open && decision.offset == self.record.offset {
            return;
        }
        if self.record.open && decision.offset < self.record.offset {
            let at = self.at();
            shared.found(Law::LogTime, at, || format!("a decision goes back to record {}", decision.offset));
            return;
        }
        self.close(shared);
        while let Some(pending) = self.next_pending(|offset| offset < decision.offset) {
            self.open(pending.position.offset, pending.position.time, pending.cause);
            self.close(shared);
        }
        match self.next_pending(|offset| offset == decision.offset) {
            Some(pending) => self.open(decision.offset, pending.position.time, pending.cause),
            None => {
                self.open(decision.offset, decision.time, Cause::Unknown);
                let at = self.at();
                shared.check(!shared.with_commands, Law::FedInOrder, at, || {
                    "the record this decision names was not fed".to_owned()
                });
            }
        }
    }

    fn next_pending(&mut self, wanted: impl Fn(Offset) -> bool) -> Option<Pending> {
        let next = self.pending.front()?;
        if wanted(next.position.offset) { self.pending.pop_front() } else { None }
    }

    /// Looks at the records that left no decision, and at what must be true in the end.
    pub(crate) fn finish(&mut self, shared: &mut Shared) {
        self.close(shared);
        while let Some(pending) = self.pending.pop_front() {
            self.open(pending.position.offset, pending.position.time, pending.cause);
            self.close(shared);
        }
        for order in self.book.unfinished() {
            if order.state == State::Reserving {
                shared.numbers.under_way += 1;
            }
        }
    }

    fn open(&mut self, offset: Offset, time: TimeMs, cause: Cause) {
        self.now = self.now.max(time);
        self.book.forget(self.now);
        if let Cause::Answer(answer) = &cause {
            self.book.heard_from(answer.order);
        }
        self.record = Record { open: true, offset, cause, answers: 0, actions: 0 };
    }

    fn close(&mut self, shared: &mut Shared) {
        if !self.record.open {
            return;
        }
        let at = self.at();
        if self.record.answers == 0 {
            let cause = std::mem::take(&mut self.record.cause);
            if !self.may_stay_silent(at, &cause) {
                shared.found(Law::Lost, at, || format!("no decision answers {cause:?}"));
            }
        }
        self.check_housekeeping(at, shared);
        self.record.open = false;
    }

    /// What must be done by the end of every record, unless the record's budget was spent.
    fn check_housekeeping(&mut self, at: At, shared: &mut Shared) {
        let (actions, budget) = (self.record.actions, limits::HOUSEKEEPING_PER_COMMAND_MAX);
        self.to_order = self.to_order.saturating_sub(limits::DRAW_ORDERED_PER_COMMAND_MAX);
        // A hold that a command of the same record meets when it is due may expire on top of the budget.
        shared.check(actions <= budget + 1, Law::HousekeepingBounded, at, || format!("{actions} actions"));
        if self.record.is_spent() {
            return;
        }
        self.check_due(at, shared);
        if self.shelf.stirred.is_empty() {
            return;
        }
        for slot in std::mem::take(&mut self.shelf.stirred) {
            self.check_draw(at, slot, shared);
            let Some(listing) = self.shelf.listing(slot) else { continue };
            if listing.owes_service() {
                shared.found(Law::WaitsInVain, at, || {
                    format!(
                        "{} orders wait for {:?}, {} units are free",
                        listing.queue.len(),
                        self.shelf.sku(slot),
                        listing.free
                    )
                });
            }
        }
    }

    fn check_due(&mut self, at: At, shared: &mut Shared) {
        if let Some(order) = self.book.first_due()
            && order.mark <= at.now.0
            && order.made < at.offset.0
        {
            let (id, deadline) = (order.id, order.mark);
            shared.found(Law::ExpiredLate, at, || {
                format!("order {id} was due at {deadline}, now is {}", at.now)
            });
        }
        if let Some((_, slot)) = self.shelf.closing.first().copied()
            && let Some(listing) = self.shelf.listing(slot)
            && listing.is_due(at.now)
            && listing.settings_from < at.offset
        {
            let sku = self.shelf.sku(slot);
            shared.found(Law::ListingLife, at, || format!("{sku:?} should have closed by now"));
        }
    }

    fn order(&mut self, at: At, event: &OrderEvent, cause: &Cause, shared: &mut Shared) {
        let state = self.book.get(event.order).map(|order| order.state);
        match (event.kind, state) {
            (OrderEventKind::Held | OrderEventKind::Waiting, Some(State::Waiting)) => {
                self.served(at, event, shared);
            }
            (
                OrderEventKind::Held | OrderEventKind::Waiting | OrderEventKind::TurnedAway,
                Some(State::Entered),
            ) => self.drawn(at, event, shared),
            (OrderEventKind::TurnedAway, _) => self.turned_away(at, event, shared),
            (OrderEventKind::Held | OrderEventKind::Rejected, Some(State::Reserving)) => {
                self.reserved(at, event, cause, shared);
            }
            (
                OrderEventKind::Held
                | OrderEventKind::Waiting
                | OrderEventKind::Rejected
                | OrderEventKind::Entered
                | OrderEventKind::Reserving,
                _,
            ) => self.placed(at, event, cause, shared),
            (OrderEventKind::Expired, _) => self.expired(at, event, cause, shared),
            (OrderEventKind::PartTaken | OrderEventKind::PartRefused, _) => {
                self.part_visited(at, event, cause, shared);
            }
            (OrderEventKind::PartPaid | OrderEventKind::PartReleased, _) => {
                self.part_ended(at, event, cause, shared);
            }
            _ => self.answered(at, event, cause, shared),
        }
        self.check_reported(at, event, shared);
        self.check_shape(at, event, shared);
    }

    /// The reported stock, after every move.
    fn check_reported(&self, at: At, event: &OrderEvent, shared: &mut Shared) {
        for line in &event.lines {
            let law = match self.shelf.reported(line) {
                Reported::Right => continue,
                Reported::SumWrong => Law::StockConserved,
                Reported::CountsWrong => Law::StockMoves,
            };
            let counted = self
                .shelf
                .find(&line.sku)
                .map(|(_, listing)| (listing.free, listing.held, listing.sold, listing.waiting()));
            shared.found(law, at, || {
                format!(
                    "{} of {} reports {:?}, counted are {counted:?} (free, held, sold, waiting)",
                    event.kind.name(),
                    line.sku,
                    line.stock
                )
            });
        }
    }

    /// What holds for the lines of every event about an order.
    fn check_shape(&self, at: At, event: &OrderEvent, shared: &mut Shared) {
        let sorted = event.lines.is_sorted_by_key(|line| line.sku);
        shared.check(sorted, Law::OrderLife, at, || "lines are not in SKU order".to_owned());
        if matches!(event.kind, OrderEventKind::Refund | OrderEventKind::Refused) {
            shared.check(event.lines.is_empty(), Law::OrderLife, at, || {
                format!("{} of order {} lists lines", event.kind.name(), event.order)
            });
        }
    }

    fn customer(&mut self, at: At, event: &CustomerEvent, cause: &Cause, shared: &mut Shared) {
        self.answer(at, shared);
        if let Cause::Command(order_model::Command::Customer(command)) = cause {
            let same =
                (command.id, command.customer, command.blocked) == (event.id, event.customer, event.blocked);
            shared.check(same, Law::Uncaused, at, || format!("{event:?} answers {command:?}"));
        } else {
            self.check_uncaused(at, cause, shared);
        }
        let repeat = self.block_commands.insert(event.id, event.reason.is_none()) == Some(true);
        shared.check(!repeat, Law::Duplicated, at, || {
            format!("customer command {} is decided again", event.id)
        });
        match event.reason {
            None if event.blocked => {
                self.blocked.insert(event.customer);
            }
            None => {
                self.blocked.remove(&event.customer);
            }
            Some(reason) => {
                let full = self.block_commands.len() > limits::CHANGES_MAX
                    || self.blocked.len() >= limits::BLOCKED_CUSTOMERS_MAX;
                shared.check(full, Law::RefusedWrongly, at, || {
                    format!("a block was refused as {}", reason.name())
                });
            }
        }
    }

    /// Counts an answer to the record's command.
    pub(crate) fn answer(&mut self, at: At, shared: &mut Shared) {
        self.record.answers += 1;
        if shared.with_commands && self.record.answers > 1 {
            shared.found(Law::Duplicated, at, || "the record's command is decided already".to_owned());
        }
    }

    /// Notes that a decision has nothing to do with the record it names, where the record is known.
    pub(crate) fn check_uncaused(&self, at: At, cause: &Cause, shared: &mut Shared) {
        let unknown = matches!(cause, Cause::Unknown);
        shared.check(unknown, Law::Uncaused, at, || format!("the record asks for {cause:?}"));
    }
}

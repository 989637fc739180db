//! The first decision about an order, and the answer of the other ledgers where there are some.

use order_model::{
    Command, LineState, ListingSettings, MinorUnits, OrderEvent, OrderEventKind, Place, RejectReason,
    RelayLine, Reserve, ReserveAnswer, Sku, TimeMs, limits, line_total, partition_of,
};

use crate::law::Law;
use crate::ledger::Ledger;
use crate::matching::{Cause, content};
use crate::order::{Key, Line, Order, State};
use crate::price;
use crate::shared::{At, HomeOrder, Shared};
use crate::stock::Move;
use crate::verdict::{Asked, Asker, Verdict, broken_law, judge_order};

/// What the taken lines of an event come to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    pub(crate) total: MinorUnits,
    pub(crate) tax: MinorUnits,
}

impl Ledger {
    /// The first decision about an order.
    pub(crate) fn placed(&mut self, at: At, event: &OrderEvent, cause: &Cause, shared: &mut Shared) {
        self.answer(at, shared);
        let place = match cause {
            Cause::Command(Command::Place(place)) if place.order == event.order => Some(place),
            _ => {
                self.check_uncaused(at, cause, shared);
                None
            }
        };
        if self.book.get(event.order).is_some_and(|order| !order.may_be_forgotten(at.now)) {
            shared.found(Law::Duplicated, at, || format!("order {} is decided again", event.order));
            return;
        }
        let mut lines = self.asked(event, place, shared);
        let verdict = self.judge(at, event, place, &mut lines, shared);
        self.check_as_asked(at, event, place, &lines, shared);
        shared.numbers.orders += 1;
        match event.kind {
            OrderEventKind::Rejected => {
                if let Some(reason) = event.reason {
                    *shared.numbers.rejected.entry(reason).or_insert(0) += 1;
                }
                self.check_sum(at, event, Sum::default(), shared);
            }
            OrderEventKind::Waiting => shared.numbers.waitlisted += 1,
            OrderEventKind::Entered => shared.numbers.entered += 1,
            OrderEventKind::Held => shared.numbers.accepted += 1,
            _ => {}
        }
        self.enter(at, event, place, verdict, shared);
    }

    /// The lines the order asks for, in SKU order: by its command, or else by what the decision lists.
    fn asked(&self, event: &OrderEvent, place: Option<&Place>, shared: &Shared) -> Vec<Asked> {
        let own = |sku| partition_of(sku, shared.partitions) == self.partition;
        let mut lines: Vec<Asked> = match place {
            Some(place) => {
                place.lines.iter().map(|line| Asked::new(line.sku, line.quantity, own(&line.sku))).collect()
            }
            None => {
                event.lines.iter().map(|line| Asked::new(line.sku, line.quantity, own(&line.sku))).collect()
            }
        };
        lines.sort_by_key(|line| (line.sku, line.quantity));
        lines
    }

    /// Compares the decision with what the auditor would have decided.
    fn judge(
        &self,
        at: At,
        event: &OrderEvent,
        place: Option<&Place>,
        lines: &mut [Asked],
        shared: &mut Shared,
    ) -> Verdict {
        let decided = Verdict { kind: event.kind, reason: event.reason };
        let blocked = self.blocked.contains(&event.customer);
        let mut asker = Asker {
            customer: event.customer,
            currency: event.currency,
            partial: place.is_some_and(|p| p.partial),
            blocked,
            alone: lines.len() == 1,
        };
        let mut verdict = judge_order(&self.shelf, at, &asker, lines);
        let mut law = broken_law(verdict, lines, decided, &event.lines);
        if law.is_some() && place.is_none() {
            asker.partial = true;
            for line in lines.iter_mut() {
                *line = Asked::new(line.sku, line.quantity, line.own);
            }
            verdict = judge_order(&self.shelf, at, &asker, lines);
            law = broken_law(verdict, lines, decided, &event.lines);
        }
        if let Some(law) = law
            && !self.is_excused(at, event, place, lines)
        {
            shared.found(law, at, || {
                format!("order {}: decided is {decided:?}, right is {verdict:?}, by {lines:?}", event.order)
            });
        }
        decided
    }

    /// Decisions the auditor cannot judge by what it was shown.
    fn is_excused(&self, at: At, event: &OrderEvent, place: Option<&Place>, lines: &[Asked]) -> bool {
        let remembered = self.book.len() + self.parts.len();
        let behind =
            |line: &Asked| self.shelf.find(&line.sku).is_some_and(|(_, listing)| listing.is_due(at.now));
        match event.reason {
            Some(RejectReason::LedgerFull) => remembered >= limits::REMEMBERED_ORDERS_MAX,
            Some(RejectReason::TooManyLines) if place.is_none() => true,
            _ => self.record.is_spent() && lines.iter().any(behind),
        }
    }

    /// The decision has to speak of the order that was placed.
    fn check_as_asked(
        &self,
        at: At,
        event: &OrderEvent,
        place: Option<&Place>,
        lines: &[Asked],
        shared: &mut Shared,
    ) {
        let home = lines.first().is_none_or(|line| line.own);
        shared.check(home, Law::HomeLedger, at, || format!("order {} belongs elsewhere", event.order));
        let Some(place) = place else { return };
        let same = (place.customer, place.currency) == (event.customer, event.currency);
        shared.check(same, Law::OrderLife, at, || format!("order {} changed hands or currency", event.order));
        if lines.len() > limits::LINES_MAX {
            return;
        }
        let mut listed: Vec<_> = event.lines.iter().map(|line| (line.sku, line.quantity)).collect();
        // Only the order of lines of the same SKU is left open.
        listed.sort_unstable();
        let alike = lines.iter().map(|line| (line.sku, line.quantity)).eq(listed);
        shared.check(alike, Law::OrderLife, at, || {
            format!("order {} lists other lines than it asked for", event.order)
        });
    }

    /// Enters the order into the book as the decision says, right or wrong.
    fn enter(
        &mut self,
        at: At,
        event: &OrderEvent,
        place: Option<&Place>,
        decided: Verdict,
        shared: &mut Shared,
    ) {
        let listed = event.lines.iter().map(|line| &line.sku).min();
        let smallest = place.and_then(|place| place.lines.iter().map(|line| &line.sku).min()).or(listed);
        let retention_ms = self.retention_ms(smallest);
        let mut order = Order {
            id: event.order,
            customer: event.customer,
            currency: event.currency,
            state: State::Rejected,
            several: decided.kind == OrderEventKind::Reserving,
            content: place.map_or(0, content),
            lines: crate::order::Lines::None,
            total: event.total,
            tax: event.tax,
            mark: 0,
            made: at.offset.0,
            extensions: 0,
            placed: at.now,
        };
        if decided.kind == OrderEventKind::Rejected {
            let key = self.book.add(order);
            self.book.end(key, State::Rejected, at.now, retention_ms);
            return;
        }
        let lines = self.lines_of(event, shared);
        match decided.kind {
            OrderEventKind::Waiting | OrderEventKind::Entered => {
                self.placings += 1;
                order.state = State::Waiting;
                order.mark = self.placings;
                for line in &lines {
                    self.shelf.count_units(line.slot, order.customer, i64::from(line.quantity));
                }
                if self.join_draw(order.id, order.mark, &lines) {
                    order.state = State::Entered;
                    self.check_sum(at, event, Sum::default(), shared);
                    order.lines = lines.into();
                    self.book.add(order);
                    return;
                }
                match lines.iter().find(|line| line.state == LineState::Awaited) {
                    Some(line) => self.shelf.wait(line.slot, order.mark, line.quantity),
                    None => {
                        shared.found(Law::OrderLife, at, || format!("order {} waits for no line", order.id))
                    }
                }
                self.check_sum(at, event, Sum::default(), shared);
                order.lines = lines.into();
                self.book.add(order);
            }
            kind => {
                for line in lines.iter().filter(|line| line.is_own_taken()) {
                    self.shelf.count_units(line.slot, order.customer, i64::from(line.quantity));
                }
                let sum = self.take(at, event, &lines, shared);
                self.check_sum(at, event, sum, shared);
                order.lines = lines.into();
                order.state = State::Reserving;
                let key = self.book.add(order);
                if kind == OrderEventKind::Held {
                    self.start_hold(at, key, event, shared);
                } else {
                    self.note_home(key, shared);
                }
            }
        }
    }

    /// How long an order is remembered that has `smallest` as its first SKU and ends now.
    pub(crate) fn retention_ms(&self, smallest: Option<&Sku>) -> u64 {
        smallest
            .and_then(|sku| self.shelf.find(sku))
            .map_or(limits::RETENTION_MS_UNLISTED, |(_, listing)| listing.settings.retention_ms)
    }

    /// The event's lines as the book keeps them.
    pub(crate) fn lines_of(&mut self, event: &OrderEvent, shared: &Shared) -> Vec<Line> {
        let line = |line: &order_model::DecidedLine| Line {
            slot: self.shelf.slot(&line.sku),
            quantity: u32::try_from(line.quantity).unwrap_or(0),
            price: line.unit_price,
            state: line.state,
            own: partition_of(&line.sku, shared.partitions) == self.partition,
        };
        event.lines.iter().map(line).collect()
    }

    /// Sets the taken own lines aside and checks their prices.
    pub(crate) fn take(&mut self, at: At, event: &OrderEvent, lines: &[Line], shared: &mut Shared) -> Sum {
        let mut sum = Sum::default();
        for line in lines.iter().filter(|line| line.is_own_taken()) {
            let sku = self.shelf.sku(line.slot);
            let Some(listing) = self.shelf.listing(line.slot) else {
                shared.found(Law::Oversold, at, || {
                    format!("order {} takes {sku:?}, which is not listed", event.order)
                });
                continue;
            };
            let price = price::unit_price(&listing.settings, at.now, listing.held + listing.sold);
            shared.check(price == Some(line.price), Law::Price, at, || {
                format!("order {} pays {} for {sku:?}, the list says {price:?}", event.order, line.price)
            });
            sum.total = sum.total.saturating_add(line_total(line.price, line.quantity));
            sum.tax = sum.tax.saturating_add(price::line_tax(&listing.settings, line.price, line.quantity));
            if !self.shelf.shift(line.slot, line.quantity, Move::Take) {
                shared.found(Law::Oversold, at, || {
                    format!("order {} takes {} of {sku:?}, so many are not free", event.order, line.quantity)
                });
            }
        }
        sum
    }

    pub(crate) fn check_sum(&self, at: At, event: &OrderEvent, sum: Sum, shared: &mut Shared) {
        let right = (event.total, event.tax) == (sum.total, sum.tax);
        shared.check(right, Law::Total, at, || {
            let (kind, order) = (event.kind.name(), event.order);
            format!("{kind} of order {order}: total {} with tax {}, right is {sum:?}", event.total, event.tax)
        });
    }

    /// The order is held from now on: checks the deadline.
    pub(crate) fn start_hold(&mut self, at: At, key: Key, event: &OrderEvent, shared: &mut Shared) {
        let expected = self.hold_deadline(at, key);
        shared.check(expected.is_none_or(|right| right == event.deadline), Law::Deadline, at, || {
            format!("order {} is held until {}, right is {expected:?}", event.order, event.deadline)
        });
        if let Some(order) = self.book.by_key_mut(key) {
            (order.total, order.tax) = (event.total, event.tax);
        }
        self.book.hold(key, event.deadline, at.offset.0);
        self.note_home(key, shared);
    }

    /// When a hold made now falls due; `None` when home took none of its lines.
    pub(crate) fn hold_deadline(&self, at: At, key: Key) -> Option<TimeMs> {
        let order = self.book.by_key(key)?;
        Some(at.now.after(self.least(order, |settings| settings.hold_ms)?))
    }

    /// The least of a setting among the taken lines of this ledger. Where it took none, it is left open what holds.
    pub(crate) fn least<T: Ord>(&self, order: &Order, setting: impl Fn(&ListingSettings) -> T) -> Option<T> {
        let own = order.lines.as_slice().iter().filter(|line| line.is_own_taken());
        own.filter_map(|line| Some(setting(&self.shelf.listing(line.slot)?.settings))).min()
    }

    /// Tells the other ledgers' auditors how an order of several ledgers stands.
    pub(crate) fn note_home(&self, key: Key, shared: &mut Shared) {
        let Some(order) = self.book.by_key(key) else { return };
        if !order.several {
            return;
        }
        let mut own = Sum::default();
        for line in order.lines.as_slice().iter().filter(|line| line.is_own_taken()) {
            own.total = own.total.saturating_add(line_total(line.price, line.quantity));
        }
        let home = HomeOrder { state: order.state, total: order.total, own_total: own.total };
        shared.homes.insert((order.id, self.partition), home);
    }

    /// Home hears that every line is dealt with, or one was refused.
    pub(crate) fn reserved(&mut self, at: At, event: &OrderEvent, cause: &Cause, shared: &mut Shared) {
        match cause {
            Cause::Answer(answer) if answer.order == event.order => {
                self.answer(at, shared);
                self.check_answer(at, event, answer, shared);
            }
            // Home's own later lines were the last: it answers itself at the same record.
            Cause::Reserve(reserve) if reserve.order == event.order && reserve.home == self.partition => {
                self.check_own_answer(at, event, reserve, shared);
            }
            _ => {
                self.answer(at, shared);
                self.check_uncaused(at, cause, shared);
            }
        }
        let Some(key) = self.book.key(event.order) else { return };
        if event.kind == OrderEventKind::Rejected {
            if let Some(reason) = event.reason {
                *shared.numbers.rejected.entry(reason).or_insert(0) += 1;
            }
            self.check_lines_kept(at, key, event, shared);
            self.release(at, key, State::Rejected, shared);
            return;
        }
        shared.numbers.accepted += 1;
        self.check_lines_kept(at, key, event, shared);
        let lines = self.lines_of(event, shared);
        if let Some(order) = self.book.by_key_mut(key) {
            order.lines = lines.into();
        }
        self.check_listed_total(at, event, shared);
        self.start_hold(at, key, event, shared);
    }

    /// Home took, or refused, the last lines itself: the others are as the request says.
    fn check_own_answer(&self, at: At, event: &OrderEvent, reserve: &Reserve, shared: &mut Shared) {
        let own = |line: &RelayLine| partition_of(&line.sku, shared.partitions) == self.partition;
        let held = event.kind == OrderEventKind::Held;
        let same = reserve.lines.len() == event.lines.len()
            && reserve.lines.iter().zip(&event.lines).all(|(told, line)| {
                let kept = (told.state, told.unit_price) == (line.state, line.unit_price);
                told.sku == line.sku && (own(told) || !held || kept)
            });
        shared.check(same, Law::OrderLife, at, || {
            format!("order {} is answered with other lines than taken", event.order)
        });
        let open = event.lines.iter().any(|line| line.state == LineState::Asked);
        shared.check(!held || !open, Law::AcceptedWrongly, at, || {
            format!("order {} is held before all is taken", event.order)
        });
    }

    fn check_answer(&self, at: At, event: &OrderEvent, answer: &ReserveAnswer, shared: &mut Shared) {
        let taken = answer.lines.iter().filter(|line| line.state == LineState::Taken);
        let had = answer.refused.is_none() && taken.clone().next().is_some();
        if event.kind == OrderEventKind::Rejected {
            // Where every line was left out, the reason is that of the first line, which home judged itself.
            let right = !had && (answer.refused.is_none() || answer.refused == event.reason);
            shared.check(right, Law::RefusedWrongly, at, || format!("order {} was to be had", event.order));
            return;
        }
        shared.check(had, Law::AcceptedWrongly, at, || format!("order {} was not to be had", event.order));
        let same = answer.lines.len() == event.lines.len()
            && answer.lines.iter().zip(&event.lines).all(|(told, line)| {
                (told.sku, told.state, told.unit_price) == (line.sku, line.state, line.unit_price)
            });
        shared.check(same, Law::OrderLife, at, || {
            format!("order {} is held with other lines than taken", event.order)
        });
        let tax = taken.fold(0, |sum: MinorUnits, line| sum.saturating_add(line.tax));
        shared.check(tax == event.tax, Law::Total, at, || {
            format!("order {}: tax {}, the ledgers say {tax}", event.order, event.tax)
        });
    }

    /// The total is always that of the taken lines listed.
    pub(crate) fn check_listed_total(&self, at: At, event: &OrderEvent, shared: &mut Shared) {
        let taken = event.lines.iter().filter(|line| line.state == LineState::Taken);
        let total = taken.fold(0, |sum: MinorUnits, line| {
            sum.saturating_add(line_total(line.unit_price, u32::try_from(line.quantity).unwrap_or(0)))
        });
        shared.check(total == event.total, Law::Total, at, || {
            format!("{} of order {}: total {}, right is {total}", event.kind.name(), event.order, event.total)
        });
    }
}

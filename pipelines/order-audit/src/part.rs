//! This ledger's parts in the orders of other ledgers, and home's own later lines.

use std::collections::HashMap;

use order_model::{
    LineState, MinorUnits, OrderEvent, OrderEventKind, OrderId, Partition, RejectReason, RelayLine, Reserve,
    limits, partition_of,
};

use crate::law::Law;
use crate::ledger::Ledger;
use crate::matching::Cause;
use crate::order::{Line, State};
use crate::shared::{At, HomeOrder, Shared};
use crate::stock::Move;
use crate::verdict::{Asked, Asker, Verdict, broken_law, judge_run};

/// How a part stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum PartState {
    Held,
    Paid,
    Released,
}

/// A part in another ledger's order.
#[derive(Debug)]
struct Part {
    /// The ledger whose order it is; unknown where only decisions are shown.
    home: Option<Partition>,
    state: PartState,
    customer: order_model::CustomerId,
    lines: Vec<Line>,
    total: MinorUnits,
}

/// All parts of a ledger.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    parts: HashMap<OrderId, Vec<Part>>,
}

impl Parts {
    pub(crate) fn len(&self) -> usize {
        self.parts.len()
    }

    /// Whether there is or was a part in an order of this id.
    pub(crate) fn knows(&self, order: OrderId) -> bool {
        !self.parts.is_empty() && self.parts.contains_key(&order)
    }

    /// Whether units are set aside for an order of `home`.
    pub(crate) fn is_held(&self, order: OrderId, home: Partition) -> bool {
        self.parts.get(&order).into_iter().flatten().any(|part| {
            let taken = part.lines.iter().any(Line::is_own_taken);
            taken && part.state == PartState::Held && part.home.is_none_or(|known| known == home)
        })
    }

    /// The part to change; the last one where home is not known.
    fn find(&mut self, order: OrderId, home: Option<Partition>) -> Option<&mut Part> {
        let parts = self.parts.get_mut(&order)?;
        parts.iter_mut().rev().find(|part| home.is_none() || part.home.is_none() || part.home == home)
    }
}

impl Ledger {
    /// The ledger was asked to take part in an order.
    pub(crate) fn part_visited(&mut self, at: At, event: &OrderEvent, cause: &Cause, shared: &mut Shared) {
        self.answer(at, shared);
        let reserve = match cause {
            Cause::Reserve(reserve) if reserve.order == event.order => Some(&**reserve),
            _ => {
                self.check_uncaused(at, cause, shared);
                None
            }
        };
        self.judge_part(at, event, reserve, shared);
        if event.kind == OrderEventKind::PartRefused {
            self.check_listed_total(at, event, shared);
            return;
        }
        let lines = self.lines_of(event, shared);
        for line in lines.iter().filter(|line| line.is_own_taken()) {
            self.shelf.count_units(line.slot, event.customer, i64::from(line.quantity));
        }
        let sum = self.take(at, event, &lines, shared);
        self.check_sum(at, event, sum, shared);
        let home = reserve.map(|reserve| reserve.home);
        let at_home =
            self.book.get(event.order).is_some_and(|order| order.state == State::Reserving && order.several)
                && home.is_none_or(|home| home == self.partition);
        if at_home { self.add_to_order(event, &lines, shared) } else { self.add_to_part(event, home, lines) }
    }

    fn judge_part(&self, at: At, event: &OrderEvent, reserve: Option<&Reserve>, shared: &mut Shared) {
        let mut lines = match reserve {
            Some(reserve) => self.run_of(&reserve.lines, shared),
            None => event.lines.iter().map(|line| Asked::new(line.sku, line.quantity, true)).collect(),
        };
        let partial = match reserve {
            Some(reserve) => reserve.partial,
            None => event.lines.iter().any(|line| line.state == LineState::LeftOut),
        };
        let mut asker = Asker {
            customer: event.customer,
            currency: event.currency,
            partial,
            blocked: false,
            alone: false,
        };
        if let Some(reserve) = reserve {
            (asker.customer, asker.currency) = (reserve.customer, reserve.currency);
            let same = (reserve.customer, reserve.currency) == (event.customer, event.currency)
                && lines.len() == event.lines.len()
                && lines.iter().zip(&event.lines).all(|(a, b)| (a.sku, a.quantity) == (b.sku, b.quantity));
            shared
                .check(same, Law::OrderLife, at, || format!("order {}: asked was {reserve:?}", event.order));
        }
        let own = event.lines.iter().all(|line| partition_of(&line.sku, shared.partitions) == self.partition);
        shared.check(own, Law::HomeLedger, at, || {
            format!("order {} has a part that belongs elsewhere", event.order)
        });
        let decided = Verdict { kind: event.kind, reason: event.reason };
        let verdict = judge_run(&self.shelf, at, &asker, &mut lines, true, OrderEventKind::PartTaken);
        if let Some(law) = broken_law(verdict, &lines, decided, &event.lines)
            && !self.part_is_excused(event)
        {
            shared.found(law, at, || {
                format!(
                    "part of order {}: decided is {decided:?}, right is {verdict:?}, by {lines:?}",
                    event.order
                )
            });
        }
    }

    /// Refusals for reasons that lie outside the lines.
    fn part_is_excused(&self, event: &OrderEvent) -> bool {
        match event.reason {
            Some(RejectReason::CustomerBlocked) => self.blocked.contains(&event.customer),
            Some(RejectReason::OrderIdReused) => {
                self.book.get(event.order).is_some() || self.parts.knows(event.order)
            }
            Some(RejectReason::LedgerFull) => {
                self.book.len() + self.parts.len() >= limits::REMEMBERED_ORDERS_MAX
            }
            _ => self.record.is_spent(),
        }
    }

    /// The lines this visit is about: the first that are not dealt with, as far as they are this ledger's.
    fn run_of(&self, lines: &[RelayLine], shared: &Shared) -> Vec<Asked> {
        let own = |line: &&RelayLine| partition_of(&line.sku, shared.partitions) == self.partition;
        lines
            .iter()
            .skip_while(|line| line.state != LineState::Asked)
            .take_while(own)
            .map(|line| Asked::new(line.sku, i32::try_from(line.quantity).unwrap_or(i32::MAX), true))
            .collect()
    }

    /// A later run of home's own lines counts as the order's.
    fn add_to_order(&mut self, event: &OrderEvent, lines: &[Line], shared: &mut Shared) {
        let Some(key) = self.book.key(event.order) else { return };
        if let Some(order) = self.book.by_key_mut(key) {
            for kept in order.lines.as_mut_slice() {
                if let Some(line) = lines.iter().find(|line| line.slot == kept.slot) {
                    *kept = *line;
                }
            }
        }
        self.note_home(key, shared);
    }

    fn add_to_part(&mut self, event: &OrderEvent, home: Option<Partition>, lines: Vec<Line>) {
        if let Some(part) = self.parts.find(event.order, home) {
            if part.state == PartState::Held {
                part.lines.extend(lines);
                part.total = part.total.saturating_add(event.total);
            } else {
                *part = Part {
                    home,
                    state: PartState::Held,
                    customer: event.customer,
                    lines,
                    total: event.total,
                };
            }
            return;
        }
        let part = Part { home, state: PartState::Held, customer: event.customer, lines, total: event.total };
        self.parts.parts.entry(event.order).or_default().push(part);
    }

    /// Home told what became of the order.
    pub(crate) fn part_ended(&mut self, at: At, event: &OrderEvent, cause: &Cause, shared: &mut Shared) {
        let paid = event.kind == OrderEventKind::PartPaid;
        let own = |home: Partition, order: OrderId| !paid && home == self.partition && order == event.order;
        // Home took later lines of its own for an order that had ended: it frees them at once.
        let at_once = matches!(cause, Cause::Reserve(reserve) if own(reserve.home, reserve.order));
        if !at_once {
            self.answer(at, shared);
        }
        let home = match cause {
            Cause::Reserve(_) if at_once => Some(self.partition),
            Cause::Confirm { home, order } if paid && *order == event.order => Some(*home),
            Cause::Release { home, order } if !paid && *order == event.order => Some(*home),
            // Home's own later lines, taken after the order had ended, are freed by the answer.
            Cause::Answer(answer) if !paid && answer.order == event.order => Some(self.partition),
            _ => {
                self.check_uncaused(at, cause, shared);
                None
            }
        };
        let Some(part) = self.parts.find(event.order, home).filter(|part| part.state == PartState::Held)
        else {
            shared.found(Law::OrderLife, at, || {
                format!("order {} has no part here that could end", event.order)
            });
            return;
        };
        part.state = if paid { PartState::Paid } else { PartState::Released };
        let (customer, lines, total) = (part.customer, part.lines.clone(), part.total);
        // Lines that were left out may be listed or not: there is nothing in them.
        let listed: Vec<_> = event
            .lines
            .iter()
            .filter(|line| line.state != LineState::LeftOut)
            .map(|line| (Some(line.sku), line.quantity, line.state, line.unit_price))
            .collect();
        let mut kept: Vec<_> = lines
            .iter()
            .filter(|line| line.is_own_taken())
            .map(|line| {
                (self.shelf.sku(line.slot), i32::try_from(line.quantity).unwrap_or(0), line.state, line.price)
            })
            .collect();
        kept.sort_unstable_by_key(|line| line.0);
        let same = listed == kept && (event.customer, event.total) == (customer, total);
        shared.check(same, Law::OrderLife, at, || format!("the part of order {} is {lines:?}", event.order));
        for line in lines.iter().filter(|line| line.is_own_taken()) {
            let what = if paid { Move::Sell } else { Move::Release };
            if !paid {
                self.shelf.count_units(line.slot, customer, -i64::from(line.quantity));
            }
            if !self.shelf.shift(line.slot, line.quantity, what) {
                shared.found(Law::StockMoves, at, || format!("order {} moves units not held", event.order));
            }
        }
    }

    /// Compares every part with the order at home, once all is fed.
    pub(crate) fn check_parts(&self, at: At, shared: &mut Shared) -> Vec<(OrderId, Partition, MinorUnits)> {
        let mut ids: Vec<OrderId> = self.parts.parts.keys().copied().collect();
        ids.sort_unstable();
        let mut totals = Vec::new();
        for id in ids {
            let parts = self.parts.parts.get(&id).into_iter().flatten();
            for part in parts.filter(|part| part.lines.iter().any(Line::is_own_taken)) {
                let Some((partition, home)) = home_of(id, part, shared) else {
                    shared.found(Law::PartsAgree, at, || {
                        format!("no ledger placed order {id}, which has a part here")
                    });
                    continue;
                };
                match agreement(part.state, home.state) {
                    Agreement::Yes => {}
                    Agreement::UnderWay => shared.numbers.under_way += 1,
                    Agreement::No => shared.found(Law::PartsAgree, at, || {
                        format!("the part of order {id} is {:?}, the order is {:?}", part.state, home.state)
                    }),
                }
                if part.state != PartState::Released {
                    totals.push((id, partition, part.total));
                }
            }
        }
        totals
    }
}

fn home_of(id: OrderId, part: &Part, shared: &Shared) -> Option<(Partition, HomeOrder)> {
    let order = |partition| Some((partition, *shared.homes.get(&(id, partition))?));
    match part.home {
        Some(home) => order(home),
        None => (0..shared.partitions).find_map(|partition| order(Partition(partition))),
    }
}

enum Agreement {
    Yes,
    UnderWay,
    No,
}

fn agreement(part: PartState, home: State) -> Agreement {
    match (part, home) {
        (PartState::Held, State::Held | State::Reserving)
        | (PartState::Paid, State::Paid)
        | (PartState::Released, State::Rejected | State::Cancelled | State::Declined | State::Expired) => {
            Agreement::Yes
        }
        (PartState::Held, _) => Agreement::UnderWay,
        _ => Agreement::No,
    }
}

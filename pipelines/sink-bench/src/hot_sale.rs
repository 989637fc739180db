//! A hot sale as the ledgers would decide it: few SKUs, every order held, then paid.

use order_model::{
    Currency, CustomerId, DecidedLine, DecidedLines, Decision, Event, LineState, Offset, OrderEvent,
    OrderEventKind, OrderId, Partition, PaymentId, Sequence, Sku, SkuError, Stock, TimeMs,
};
use sink::{Arrival, Batch};

/// Units of each SKU, more than any run sells.
const STOCK: u32 = 1_000_000_000;
/// Price of every unit, and the tax in it.
const UNIT_PRICE: i64 = 4_999;
const TAX: i64 = 798;
/// Ledger time of the first decision, in milliseconds: 2026-11-27T08:00:00Z.
const OPENS_MS: u64 = 1_795_766_400_000;
/// Decisions of one ledger in a millisecond.
const DECISIONS_PER_MS: u64 = 4;
/// How long a hold lasts, in milliseconds.
const HOLD_MS: u64 = 600_000;
/// Different customers.
const CUSTOMERS: u64 = 100_000;
/// An odd number: multiplying by it scatters ids over the tables, and makes no two the same.
const SCATTER: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

/// When orders of a sale are paid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Paid {
    /// In the flush that holds them: an order is written once.
    AtOnce,
    /// In the next flush: an order is written twice.
    Later,
}

/// One ledger's part of a sale: one SKU, and what it has decided so far.
struct HotLedger {
    partition: Partition,
    sku: Sku,
    decided: u64,
    held: u64,
    paid: u64,
}

/// The flushes of a sale. Each holds `orders` orders of every ledger and pays as many, except that the first pays none and
/// one more only pays when they are paid later.
pub(crate) fn flushes(
    ledgers: u32,
    flushes: u64,
    orders: u64,
    paid: Paid,
) -> Result<Vec<Vec<Batch>>, SkuError> {
    let mut of_ledger = Vec::new();
    for ledger in 0..ledgers {
        let sku = Sku::from_bytes(format!("hot-{ledger}").as_bytes())?;
        of_ledger.push(HotLedger { partition: Partition(ledger), sku, decided: 0, held: 0, paid: 0 });
    }
    let is_later = paid == Paid::Later;
    let flush = |number: u64| {
        let holds = if number < flushes { orders } else { 0 };
        let pays = if is_later && number == 0 { 0 } else { orders };
        of_ledger.iter_mut().map(|ledger| ledger.batch(holds, pays)).collect()
    };
    Ok((0..flushes + u64::from(is_later)).map(flush).collect())
}

impl HotLedger {
    fn batch(&mut self, holds: u64, pays: u64) -> Batch {
        let follows = Sequence(self.decided);
        let kinds = (0..holds).map(|_| OrderEventKind::Held).chain((0..pays).map(|_| OrderEventKind::Paid));
        Batch { partition: self.partition, follows, arrivals: kinds.map(|kind| self.decide(kind)).collect() }
    }

    fn decide(&mut self, kind: OrderEventKind) -> Arrival {
        let time = TimeMs(OPENS_MS + self.decided / DECISIONS_PER_MS);
        let is_paid = kind == OrderEventKind::Paid;
        let turn = if is_paid { &mut self.paid } else { &mut self.held };
        let number = *turn;
        *turn += 1;
        let offset = Offset(self.decided);
        self.decided += 1;
        let id = ((u128::from(self.partition.0) << 64) | u128::from(number)).wrapping_mul(SCATTER);
        let event = OrderEvent {
            kind,
            reason: None,
            order: OrderId::from(id),
            customer: CustomerId::from(u128::from(number % CUSTOMERS) + 1),
            currency: Currency::EUR,
            total: UNIT_PRICE,
            tax: TAX,
            deadline: TimeMs(if is_paid { 0 } else { time.0 + HOLD_MS }),
            payment: is_paid.then(|| PaymentId::from(id)),
            lines: DecidedLines::from_iter([self.line()]),
        };
        let (partition, sequence) = (self.partition, Sequence(self.decided));
        let decision = Decision { partition, sequence, offset, time, event: Event::Order(event) };
        Arrival { offset, time, decision }
    }

    fn line(&self) -> DecidedLine {
        let units = |count: u64| u32::try_from(count).unwrap_or(STOCK);
        let (held, sold) = (units(self.held - self.paid), units(self.paid));
        let stock = Stock { free: STOCK.saturating_sub(held + sold), held, sold, waiting: 0 };
        DecidedLine {
            sku: self.sku,
            quantity: 1,
            state: LineState::Taken,
            unit_price: UNIT_PRICE,
            stock: Some(stock),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(batch: &Batch, wanted: OrderEventKind) -> usize {
        let is_it = |arrival: &&Arrival| matches!(&arrival.decision.event, Event::Order(event) if event.kind == wanted);
        batch.arrivals.iter().filter(is_it).count()
    }

    #[test]
    fn a_sale_is_dense_and_all_of_it_is_paid() {
        for (paid, expected) in [
            (Paid::AtOnce, vec![(5, 5), (5, 5), (5, 5)]),
            (Paid::Later, vec![(5, 0), (5, 5), (5, 5), (0, 5)]),
        ] {
            let flushes = flushes(2, 3, 5, paid).unwrap();
            let ledger: Vec<&Batch> = flushes.iter().map(|batches| &batches[1]).collect();
            let counts = ledger
                .iter()
                .map(|batch| (kinds(batch, OrderEventKind::Held), kinds(batch, OrderEventKind::Paid)));
            assert_eq!(counts.collect::<Vec<_>>(), expected, "{paid:?}");
            let arrivals = ledger.iter().flat_map(|batch| &batch.arrivals);
            let numbers: Vec<_> = arrivals.map(|arrival| arrival.decision.sequence.0).collect();
            assert_eq!(numbers, (1..=30).collect::<Vec<_>>());
            assert!(ledger.iter().all(|batch| batch.is_dense()));
            let last = &ledger.last().unwrap().arrivals.last().unwrap().decision;
            let Event::Order(event) = &last.event else { panic!("{last:?}") };
            let sold = Stock { free: STOCK - 15, held: 0, sold: 15, waiting: 0 };
            assert_eq!(event.lines[0].stock, Some(sold));
        }
    }
}

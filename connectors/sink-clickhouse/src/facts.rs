//! What decisions tell about orders, as rows of `order_facts`: one an order, however many decisions of it there are. Pure.
//!
//! Each column is a maximum, a minimum or a union, here and in the table, so it does not matter which decisions of an order
//! are told together, nor how often.

use order_model::OrderEventKind;

use crate::native::{Fields, REASONS, count, put_string, uuid_number};
use crate::row::{Row, RowLine};
use crate::tables::ORDER_FACTS;

/// Whether a decision is home's about the order itself: not about money or a later command, nor another ledger's.
fn is_told(kind: u8) -> bool {
    use OrderEventKind::{
        Cancelled, Declined, Entered, Expired, Extended, Held, Paid, PartPaid, PartRefused, PartReleased,
        PartTaken, Refund, Refused, Rejected, Reserving, TurnedAway, Waiting,
    };
    match OrderEventKind::from_number(kind) {
        Some(Reserving | Held | Waiting | Rejected | Extended | Paid | Cancelled | Declined | Expired) => {
            true
        }
        Some(TurnedAway | Entered) => true,
        Some(Refund | Refused | PartTaken | PartRefused | PartPaid | PartReleased) | None => false,
    }
}

/// The blocks of `order_facts` that rows give, in the order of the table.
pub(crate) fn blocks(rows: &[Row]) -> impl Iterator<Item = Vec<u8>> + Send {
    let told = rows.iter().zip(0_u32..).filter(|(row, _)| is_told(row.kind));
    let mut keys: Vec<_> =
        told.map(|(row, place)| (uuid_number(&row.order_id), row.partition, place)).collect();
    keys.sort_unstable();
    let columns = ORDER_FACTS.columns();
    let mut fields = Fields::<17>::default();
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(rest) = keys.get(at..).filter(|rest| !rest.is_empty() && !fields.is_full()) {
            let group = rest.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).next().unwrap_or_default();
            at += group.len();
            let row = |(_, _, place): &(u128, u32, u32)| rows.get(usize::try_from(*place).ok()?);
            let facts = group.iter().filter_map(row).map(Fact::of).reduce(Fact::and);
            if let Some(fact) = facts {
                fact.put(&mut fields);
            }
        }
        (fields.rows > 0).then(|| fields.take(&columns))
    })
}

/// What is known of an order.
struct Fact<'a> {
    order: u128,
    partition: u32,
    customer: u128,
    currency: [u8; 3],
    lines: &'a [RowLine],
    seen: u32,
    first_sequence: u64,
    last: u64,
    reason: u8,
    total: i64,
    tax: i64,
    placed_at: u64,
    waiting_at: u64,
    held_at: u64,
    ended_at: u64,
    deadline: u64,
}

impl<'a> Fact<'a> {
    fn of(row: &'a Row) -> Self {
        use OrderEventKind::{Cancelled, Declined, Expired, Held, Paid, Rejected, TurnedAway, Waiting};
        let at = |kinds: &[OrderEventKind]| {
            if kinds.iter().any(|kind| kind.number() == row.kind) { row.time_ms } else { 0 }
        };
        Self {
            order: uuid_number(&row.order_id),
            partition: row.partition,
            customer: uuid_number(&row.customer),
            currency: row.currency,
            lines: &row.lines,
            seen: 1_u32.checked_shl(u32::from(row.kind)).unwrap_or_default(),
            first_sequence: row.sequence,
            last: (row.sequence << 8) + u64::from(row.kind),
            reason: REASONS.index(row.reason),
            total: row.total,
            tax: row.tax,
            placed_at: row.time_ms,
            waiting_at: at(&[Waiting]),
            held_at: at(&[Held]),
            ended_at: at(&[Rejected, Paid, Cancelled, Declined, Expired, TurnedAway]),
            deadline: row.deadline_ms,
        }
    }

    /// What two decisions, or more, tell together.
    fn and(self, other: Self) -> Self {
        let skus = |lines: &'a [RowLine]| lines.iter().map(|line| line.sku.as_bytes());
        let other_skus_win = skus(other.lines).gt(skus(self.lines));
        Self {
            order: self.order,
            partition: self.partition,
            customer: self.customer.max(other.customer),
            currency: self.currency.max(other.currency),
            lines: if other_skus_win { other.lines } else { self.lines },
            seen: self.seen | other.seen,
            first_sequence: self.first_sequence.min(other.first_sequence),
            last: self.last.max(other.last),
            reason: self.reason.max(other.reason),
            total: self.total.max(other.total),
            tax: self.tax.max(other.tax),
            placed_at: self.placed_at.min(other.placed_at),
            waiting_at: self.waiting_at.max(other.waiting_at),
            held_at: self.held_at.max(other.held_at),
            ended_at: self.ended_at.max(other.ended_at),
            deadline: self.deadline.max(other.deadline),
        }
    }

    fn put(&self, fields: &mut Fields<17>) {
        fields.rows += 1;
        fields.elements += count(self.lines.len());
        let ends = fields.elements;
        let [
            order,
            partition,
            customer,
            currency,
            sku_ends,
            skus,
            seen,
            first_sequence,
            last,
            reason,
            total,
            tax,
            placed_at,
            waiting_at,
            held_at,
            ended_at,
            deadline,
        ] = &mut fields.buffers;
        order.extend_from_slice(&self.order.to_le_bytes());
        partition.extend_from_slice(&self.partition.to_le_bytes());
        customer.extend_from_slice(&self.customer.to_le_bytes());
        currency.extend_from_slice(&self.currency);
        sku_ends.extend_from_slice(&ends.to_le_bytes());
        self.lines.iter().for_each(|line| put_string(skus, &line.sku));
        seen.extend_from_slice(&self.seen.to_le_bytes());
        first_sequence.extend_from_slice(&self.first_sequence.to_le_bytes());
        last.extend_from_slice(&self.last.to_le_bytes());
        reason.push(self.reason);
        total.extend_from_slice(&self.total.to_le_bytes());
        tax.extend_from_slice(&self.tax.to_le_bytes());
        placed_at.extend_from_slice(&self.placed_at.to_le_bytes());
        waiting_at.extend_from_slice(&self.waiting_at.to_le_bytes());
        held_at.extend_from_slice(&self.held_at.to_le_bytes());
        ended_at.extend_from_slice(&self.ended_at.to_le_bytes());
        deadline.extend_from_slice(&self.deadline.to_le_bytes());
    }
}

//! The certificate: a running BLAKE3 hash over every record's position and the effects it had.
//!
//! The bytes hashed are an encoding of our own (fixed-width little-endian numbers, lengths before texts), so that the
//! certificate does not change with the schemas. They are gathered and hashed in large pieces, which BLAKE3 does
//! several times faster than small ones; the result does not depend on where the pieces end.

use std::fmt;

use order_model::{
    Command, Decision, Event, LineState, Lines, ListingChange, ListingEvent, ListingSettings, OrderEvent,
    Partition, Position, Relay, RelayBody, RelayLine, Stock,
};

/// Domain of the hash; a change of the encoding changes it.
const CONTEXT: &str = "doorbuster ledger certificate 2026-11 v1";
const COMBINED_CONTEXT: &str = "doorbuster certificate of all ledgers 2026-11 v1";
/// How many bytes are hashed at once: whole chunks of BLAKE3 (1,024 bytes), as it hashes them side by side, but the parts
/// of one that is broken off one after the other.
const PIECE_BYTES: usize = 64 * 1024;

/// The hash over everything a ledger has read and said. Shown as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Certificate(pub [u8; 32]);

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The certificate of a whole log: the hash over its ledgers' certificates in order of partition.
pub fn combine(ledgers: &[Certificate]) -> Certificate {
    let mut hasher = blake3::Hasher::new_derive_key(COMBINED_CONTEXT);
    for ledger in ledgers {
        hasher.update(&ledger.0);
    }
    Certificate(*hasher.finalize().as_bytes())
}

pub(crate) struct Notary {
    hasher: blake3::Hasher,
    gathered: Vec<u8>,
}

impl Notary {
    pub(crate) fn new(partition: Partition, partitions: u32) -> Self {
        let mut gathered = Vec::with_capacity(PIECE_BYTES + 4_096);
        gathered.extend_from_slice(&partition.0.to_le_bytes());
        gathered.extend_from_slice(&partitions.to_le_bytes());
        Self { hasher: blake3::Hasher::new_derive_key(CONTEXT), gathered }
    }

    /// Notes one record and what came of it.
    pub(crate) fn note(&mut self, at: &Position, decisions: &[Decision], relays: &[(Partition, Relay)]) {
        let mut bytes = Encoder(&mut self.gathered);
        bytes.u64(at.offset.0);
        bytes.u64(at.time.0);
        bytes.length(decisions.len());
        decisions.iter().for_each(|decision| bytes.decision(decision));
        bytes.length(relays.len());
        relays.iter().for_each(|(to, relay)| bytes.relay(*to, relay));
        let whole = self.gathered.len() - self.gathered.len() % PIECE_BYTES;
        if whole > 0 {
            self.hasher.update(self.gathered.get(..whole).unwrap_or_default());
            self.gathered.drain(..whole);
        }
    }

    pub(crate) fn certificate(&self) -> Certificate {
        let mut hasher = self.hasher.clone();
        hasher.update(&self.gathered);
        Certificate(*hasher.finalize().as_bytes())
    }
}

/// Bytes of a fixed width, and how many are there. All sizes are known, so nothing is left of it but the stores.
struct Fixed<const WIDTH: usize>([u8; WIDTH], usize);

impl<const WIDTH: usize> Fixed<WIDTH> {
    #[inline(always)]
    fn put<const BYTES: usize>(&mut self, bytes: &[u8; BYTES]) {
        match self.0.get_mut(self.1..self.1 + BYTES) {
            Some(place) => place.copy_from_slice(bytes),
            None => panic!("bug: more than {WIDTH} bytes"),
        }
        self.1 += BYTES;
    }
}

fn length_of(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

struct Encoder<'a>(&'a mut Vec<u8>);

impl Encoder<'_> {
    fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn i64(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn bytes(&mut self, value: &[u8]) {
        self.length(value.len());
        self.0.extend_from_slice(value);
    }

    fn length(&mut self, length: usize) {
        self.0.extend_from_slice(&length_of(length));
    }

    fn decision(&mut self, decision: &Decision) {
        match &decision.event {
            Event::Order(order) => self.order_event(decision, order),
            Event::Listing(listing) => {
                self.u64(decision.sequence.0);
                self.u64(decision.time.0);
                self.listing_event(listing);
            }
            Event::Customer(customer) => {
                self.u64(decision.sequence.0);
                self.u64(decision.time.0);
                self.u8(130);
                self.0.extend_from_slice(&customer.id.0);
                self.0.extend_from_slice(&customer.customer.0);
                self.u8(u8::from(customer.blocked));
                self.u32(customer.reason.map_or(0, |reason| reason.number().into()));
            }
        }
    }

    /// Orders' kinds are below 128; other events start with a number from there. Nearly all that is noted comes through
    /// here, so what has a fixed width is put together before it is added.
    fn order_event(&mut self, decision: &Decision, event: &OrderEvent) {
        let mut head = Fixed([0; 101], 0);
        head.put(&decision.sequence.0.to_le_bytes());
        head.put(&decision.time.0.to_le_bytes());
        head.put(&[event.kind.number()]);
        head.put(&event.reason.map_or(0, |reason| u32::from(reason.number())).to_le_bytes());
        head.put(&event.order.0);
        head.put(&event.customer.0);
        head.put(event.currency.as_bytes());
        head.put(&event.total.to_le_bytes());
        head.put(&event.tax.to_le_bytes());
        head.put(&event.deadline.0.to_le_bytes());
        head.put(&[u8::from(event.payment.is_some())]);
        head.put(&event.payment.as_ref().map_or([0; 16], |payment| payment.0));
        head.put(&length_of(event.lines.len()));
        self.0.extend_from_slice(&head.0);
        for line in &event.lines {
            self.bytes(line.sku.as_bytes());
            let mut rest = Fixed([0; 30], 0);
            rest.put(&line.quantity.to_le_bytes());
            rest.put(&[line.state.number()]);
            rest.put(&line.unit_price.to_le_bytes());
            rest.put(&[u8::from(line.stock.is_some())]);
            let Stock { free, held, sold, waiting } = line.stock.unwrap_or_default();
            for number in [free, held, sold, waiting] {
                rest.put(&number.to_le_bytes());
            }
            self.0.extend_from_slice(&rest.0);
        }
    }

    fn listing_event(&mut self, event: &ListingEvent) {
        let draw = event.settings.as_ref().and_then(|settings| settings.draw);
        let has_draw = draw.is_some() || event.seed.is_some();
        self.u8(if has_draw { 131 } else { 129 });
        self.u8(event.kind.number());
        self.u32(event.reason.map_or(0, |reason| reason.number().into()));
        self.0.extend_from_slice(&event.id.0);
        self.bytes(event.sku.as_bytes());
        self.i64(event.delta);
        self.stock(&event.stock);
        self.u8(u8::from(event.settings.is_some()));
        if let Some(settings) = &event.settings {
            self.settings(settings);
        }
        if has_draw {
            self.digest(draw.map(|commitment| commitment.0));
            self.digest(event.seed.map(|seed| seed.0));
        }
    }

    /// What only draws have stands under tags of its own, so that the certificates of logs without draws stay what they were.
    fn digest(&mut self, digest: Option<[u8; 32]>) {
        self.u8(u8::from(digest.is_some()));
        self.0.extend_from_slice(&digest.unwrap_or_default());
    }

    /// The settings but for the draw.
    fn settings(&mut self, settings: &ListingSettings) {
        self.bytes(settings.sale.as_bytes());
        self.0.extend_from_slice(settings.currency.as_bytes());
        for time in [settings.opens_at.0, settings.closes_at.0, settings.hold_ms, settings.retention_ms] {
            self.u64(time);
        }
        for number in [settings.limit_per_customer, settings.extensions_max, settings.waitlist_max] {
            self.u32(number);
        }
        self.u32(settings.tax_bp.into());
        self.length(settings.prices.len());
        for step in &settings.prices {
            self.u64(step.from_time.0);
            self.u32(step.from_units);
            self.i64(step.unit_price);
        }
    }

    fn stock(&mut self, stock: &Stock) {
        for number in [stock.free, stock.held, stock.sold, stock.waiting] {
            self.u32(number);
        }
    }

    fn relay(&mut self, to: Partition, relay: &Relay) {
        self.u32(to.0);
        self.u64(relay.number.0);
        match &relay.body {
            RelayBody::Forward(command) => {
                self.u8(1);
                self.command(command);
            }
            RelayBody::Reserve(reserve) => {
                self.u8(2);
                self.u32(reserve.home.0);
                self.0.extend_from_slice(&reserve.order.0);
                self.0.extend_from_slice(&reserve.customer.0);
                self.0.extend_from_slice(reserve.currency.as_bytes());
                self.u8(u8::from(reserve.partial));
                self.relay_lines(&reserve.lines);
            }
            RelayBody::Answer(answer) => {
                self.u8(3);
                self.0.extend_from_slice(&answer.order.0);
                self.u32(answer.refused.map_or(0, |reason| reason.number().into()));
                self.relay_lines(&answer.lines);
            }
            RelayBody::Confirm { order } => {
                self.u8(4);
                self.0.extend_from_slice(&order.0);
            }
            RelayBody::Release { order } => {
                self.u8(5);
                self.0.extend_from_slice(&order.0);
            }
        }
    }

    fn relay_lines(&mut self, lines: &[RelayLine]) {
        self.length(lines.len());
        for line in lines {
            self.bytes(line.sku.as_bytes());
            self.u32(line.quantity);
            self.u8(line.state.number());
            self.i64(line.unit_price);
            self.i64(line.tax);
        }
    }

    /// A forwarded command. Relays are never forwarded, and ticks and customer commands have no other home.
    fn command(&mut self, command: &Command) {
        match command {
            Command::Place(place) => {
                self.u8(1);
                self.0.extend_from_slice(&place.order.0);
                self.0.extend_from_slice(&place.customer.0);
                self.0.extend_from_slice(place.currency.as_bytes());
                self.u8(u8::from(place.partial));
                self.lines(&place.lines);
            }
            Command::Cancel(cancel) => {
                self.u8(2);
                self.0.extend_from_slice(&cancel.order.0);
                self.0.extend_from_slice(&cancel.customer.0);
                self.bytes(cancel.sku.as_bytes());
            }
            Command::Settle(settle) => {
                self.u8(3);
                self.0.extend_from_slice(&settle.order.0);
                self.bytes(settle.sku.as_bytes());
                self.0.extend_from_slice(&settle.payment.0);
                self.i64(settle.amount);
                self.0.extend_from_slice(settle.currency.as_bytes());
                self.u8(u8::from(settle.result == order_model::PaymentResult::Captured));
            }
            Command::Extend(extend) => {
                self.u8(4);
                self.0.extend_from_slice(&extend.order.0);
                self.bytes(extend.sku.as_bytes());
                self.u32(extend.number);
            }
            Command::Listing(listing) => {
                self.u8(5);
                self.0.extend_from_slice(&listing.id.0);
                self.bytes(listing.sku.as_bytes());
                self.change(&listing.change);
            }
            Command::Tick | Command::Customer(_) | Command::Relay(_) => self.u8(0),
        }
    }

    fn lines(&mut self, lines: &Lines) {
        self.length(lines.len());
        for line in lines {
            self.bytes(line.sku.as_bytes());
            self.0.extend_from_slice(&line.quantity.to_le_bytes());
        }
    }

    fn change(&mut self, change: &ListingChange) {
        match change {
            ListingChange::Open { settings, stock } => {
                self.u8(if settings.draw.is_some() { 7 } else { 1 });
                self.settings(settings);
                self.i64(*stock);
                self.draw(settings);
            }
            ListingChange::Change(settings) => {
                self.u8(if settings.draw.is_some() { 8 } else { 2 });
                self.settings(settings);
                self.draw(settings);
            }
            ListingChange::Restock { delta } => {
                self.u8(3);
                self.i64(*delta);
            }
            ListingChange::Pause => self.u8(4),
            ListingChange::Resume => self.u8(5),
            ListingChange::Close => self.u8(6),
            ListingChange::Reveal { seed } => {
                self.u8(9);
                self.0.extend_from_slice(&seed.0);
            }
        }
    }

    fn draw(&mut self, settings: &ListingSettings) {
        if let Some(commitment) = &settings.draw {
            self.0.extend_from_slice(&commitment.0);
        }
    }
}

const _: () = assert!(LineState::Awaited.number() < 128);

#[cfg(test)]
mod tests {
    use super::*;
    use order_model::{Offset, TimeMs};

    #[test]
    fn pieces_do_not_matter_but_every_record_does() {
        let at = |offset| Position { partition: Partition(0), offset: Offset(offset), time: TimeMs(7) };
        let hash = |records: std::ops::Range<u64>, looked_at_in_between: bool| {
            let mut notary = Notary::new(Partition(0), 1);
            for offset in records {
                notary.note(&at(offset), &[], &[]);
                if looked_at_in_between {
                    notary.certificate();
                }
            }
            notary.certificate()
        };
        assert_eq!(hash(0..5_000, false), hash(0..5_000, true));
        assert_ne!(hash(0..5_000, false), hash(0..4_999, false));
        assert_ne!(Notary::new(Partition(0), 2).certificate(), Notary::new(Partition(1), 2).certificate());
    }
}

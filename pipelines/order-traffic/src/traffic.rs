//! The shoppers: an endless variety of orders, repeats, second thoughts and nonsense.

use std::collections::VecDeque;

use order_model::{
    Cancel, Command, Currency, CustomerId, Line, Lines, OrderId, Partition, Place, Sku, limits,
};

use crate::dice::{Dice, IdKind, id};
use crate::garbage::garbage;
use crate::operator::{Scheduled, operator_schedule};
use crate::sale::SaleSpec;

/// Most orders kept to be repeated or cancelled later.
pub const RECENT_ORDERS_MAX: usize = 4_096;

/// Something that is to be written to `orders`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// What.
    pub body: ArrivalBody,
    /// Where to, when that is not the partition of the command's own SKU: a block, which goes everywhere, or an order
    /// that a bad producer puts into the wrong partition.
    pub partition_hint: Option<u32>,
}

/// What arrives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ArrivalBody {
    /// A command.
    Command(Command),
    /// A record that is none.
    Garbage {
        /// Its key.
        key: Option<Vec<u8>>,
        /// Its value.
        value: Option<Vec<u8>>,
    },
}

/// How often what happens, in per mille of the arrivals; the rest are plain orders of one line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mix {
    /// Share of orders for the most wanted listing, of those that do not go by rank.
    pub hot: u64,
    /// An earlier order again, unchanged.
    pub repeat: u64,
    /// An earlier id with other content.
    pub reused_id: u64,
    /// A cancellation by the owner.
    pub cancel: u64,
    /// A cancellation by somebody else.
    pub cancel_by_other: u64,
    /// Several lines of one partition.
    pub several_lines: u64,
    /// Lines of two partitions or more.
    pub several_partitions: u64,
    /// Of orders with several lines, those that may be served in part.
    pub partial: u64,
    /// A currency the listing is not sold in.
    pub foreign_currency: u64,
    /// A quantity of zero, less, or far too many.
    pub bad_quantity: u64,
    /// A SKU that is not listed.
    pub unknown_listing: u64,
    /// The same SKU in two lines.
    pub sku_twice: u64,
    /// No lines, or too many.
    pub bad_line_count: u64,
    /// Records that are no commands.
    pub garbage: u64,
    /// Of all orders, those that are put into the wrong partition.
    pub wrong_partition: u64,
}

impl Mix {
    /// The demo's: a little of everything.
    pub const DEMO: Self = Self {
        hot: 350,
        repeat: 30,
        reused_id: 4,
        cancel: 40,
        cancel_by_other: 3,
        several_lines: 40,
        several_partitions: 40,
        partial: 300,
        foreign_currency: 4,
        bad_quantity: 4,
        unknown_listing: 4,
        sku_twice: 2,
        bad_line_count: 2,
        garbage: 5,
        wrong_partition: 8,
    };

    /// Nothing but plain orders, `hot` per mille of them for the first listing.
    pub const fn plain(hot: u64) -> Self {
        Self {
            hot,
            repeat: 0,
            reused_id: 0,
            cancel: 0,
            cancel_by_other: 0,
            several_lines: 0,
            several_partitions: 0,
            partial: 0,
            foreign_currency: 0,
            bad_quantity: 0,
            unknown_listing: 0,
            sku_twice: 0,
            bad_line_count: 0,
            garbage: 0,
            wrong_partition: 0,
        }
    }
}

/// How much traffic, and of what kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrafficOptions {
    /// How many orders with an id of their own are placed; repeats, cancellations and the rest come on top.
    pub orders: u64,
    /// Of what kind.
    pub mix: Mix,
    /// Whether those who run the sale step in ([`operator_schedule`]).
    pub operator: bool,
}

impl TrafficOptions {
    /// So many orders of the demo's kind.
    pub fn orders(orders: u64) -> Self {
        Self { orders, mix: Mix::DEMO, operator: true }
    }
}

/// The traffic of a sale, as an iterator. It does not open the listings ([`crate::opening_commands`]).
#[derive(Debug)]
pub struct Traffic {
    seed: u64,
    dice: Dice,
    options: TrafficOptions,
    partitions: u32,
    customers: u64,
    /// SKUs by rank, with their partitions.
    wares: Vec<(Sku, Partition)>,
    /// Running sums of what each rank is wanted.
    ranks: Vec<u64>,
    placed: u64,
    recent: VecDeque<Place>,
    schedule: VecDeque<Scheduled>,
}

impl Traffic {
    /// The traffic of `sale` under `seed`.
    pub fn new(seed: u64, sale: &SaleSpec, options: TrafficOptions) -> Self {
        let mut sum = 0;
        let wanted = |rank: u64| {
            sum += 1_000_000 / (rank + 1) + 1;
            sum
        };
        let ranks = (0..).take(sale.listings.len()).map(wanted).collect();
        let schedule =
            if options.operator { operator_schedule(seed, sale, options.orders) } else { Vec::new() };
        Self {
            seed,
            dice: Dice::new(seed, 1),
            options,
            partitions: sale.partitions,
            customers: sale.customers,
            wares: sale
                .listings
                .iter()
                .map(|listing| (listing.sku, sale.partition_of(&listing.sku)))
                .collect(),
            ranks,
            placed: 0,
            recent: VecDeque::with_capacity(RECENT_ORDERS_MAX),
            schedule: schedule.into(),
        }
    }

    /// How many orders with an id of their own have been placed.
    pub fn placed(&self) -> u64 {
        self.placed
    }

    fn scheduled(&mut self) -> Option<Arrival> {
        if self.schedule.front()?.after_orders > self.placed {
            return None;
        }
        let next = self.schedule.pop_front()?;
        let partition_hint = next.partition.map(|partition| partition.0);
        Some(Arrival { body: ArrivalBody::Command(next.command), partition_hint })
    }

    fn arrival(&mut self) -> Option<Arrival> {
        let mix = self.options.mix;
        let mut roll = self.dice.below(1_000);
        let mut falls_on = |share: u64| {
            let falls = roll < share;
            roll = roll.saturating_sub(share);
            if falls {
                roll = u64::MAX;
            }
            falls
        };
        if falls_on(mix.repeat) {
            self.again()
        } else if falls_on(mix.reused_id) {
            self.reused_id()
        } else if falls_on(mix.cancel) {
            self.cancel(false)
        } else if falls_on(mix.cancel_by_other) {
            self.cancel(true)
        } else if falls_on(mix.several_lines) {
            self.several(true)
        } else if falls_on(mix.several_partitions) {
            self.several(false)
        } else if falls_on(mix.foreign_currency) {
            self.foreign_currency()
        } else if falls_on(mix.bad_quantity) {
            self.bad_quantity()
        } else if falls_on(mix.unknown_listing) {
            self.unknown_listing()
        } else if falls_on(mix.sku_twice) {
            self.sku_twice()
        } else if falls_on(mix.bad_line_count) {
            self.bad_line_count()
        } else if falls_on(mix.garbage) {
            let (sku, _) = self.ware()?;
            Some(Arrival { body: garbage(&mut self.dice, sku.as_bytes()), partition_hint: None })
        } else {
            let place = self.plain()?;
            self.place(place)
        }
    }

    fn ware(&mut self) -> Option<(Sku, Partition)> {
        if self.dice.chance(self.options.mix.hot)
            && let Some(hot) = self.wares.first()
        {
            return Some(*hot);
        }
        let point = self.dice.below(self.ranks.last().copied().unwrap_or(0));
        let rank = self.ranks.partition_point(|sum| *sum <= point);
        self.wares.get(rank).copied()
    }

    fn customer(&mut self) -> CustomerId {
        let number = self.dice.below(self.customers);
        CustomerId::from(id(IdKind::Customer, self.seed, number))
    }

    /// An order with a new id, of one line.
    fn plain(&mut self) -> Option<Place> {
        let (sku, _) = self.ware()?;
        let quantity = if self.dice.chance(150) { 2 } else { 1 };
        let order = OrderId::from(id(IdKind::Order, self.seed, self.placed));
        self.placed += 1;
        let lines = Lines::from_iter([Line { sku, quantity }]);
        Some(Place { order, customer: self.customer(), currency: Currency::EUR, partial: false, lines })
    }

    /// Sends an order off, sometimes to the wrong partition, and remembers it.
    fn place(&mut self, place: Place) -> Option<Arrival> {
        if self.recent.len() >= RECENT_ORDERS_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(place.clone());
        let mut arrival = Arrival { body: ArrivalBody::Command(Command::Place(place)), partition_hint: None };
        if self.options.mix.wrong_partition > 0 && self.dice.chance(self.options.mix.wrong_partition) {
            let partition = self.dice.below(u64::from(self.partitions));
            arrival.partition_hint = u32::try_from(partition).ok();
        }
        Some(arrival)
    }

    /// An order of the recent past, or a new one when there is none yet.
    fn earlier(&mut self) -> Option<Place> {
        let end = u64::try_from(self.recent.len()).unwrap_or(0);
        let index = usize::try_from(self.dice.below(end)).unwrap_or(0);
        self.recent.get(index).cloned()
    }

    fn again(&mut self) -> Option<Arrival> {
        match self.earlier() {
            Some(mut place) => {
                // The order of the lines is no part of an order's content.
                if self.dice.chance(500) {
                    place.lines.reverse();
                }
                Some(Arrival { body: ArrivalBody::Command(Command::Place(place)), partition_hint: None })
            }
            None => {
                let place = self.plain()?;
                self.place(place)
            }
        }
    }

    fn reused_id(&mut self) -> Option<Arrival> {
        let Some(mut place) = self.earlier() else { return self.again() };
        for line in &mut place.lines {
            line.quantity = line.quantity.saturating_add(1);
        }
        Some(Arrival { body: ArrivalBody::Command(Command::Place(place)), partition_hint: None })
    }

    fn cancel(&mut self, by_other: bool) -> Option<Arrival> {
        let Some(place) = self.earlier() else { return self.again() };
        let Some(sku) = place.lines.iter().map(|line| line.sku).min() else { return self.again() };
        let customer = if by_other { self.customer() } else { place.customer };
        let command = Command::Cancel(Cancel { order: place.order, customer, sku });
        Some(Arrival { body: ArrivalBody::Command(command), partition_hint: None })
    }

    /// Two to four lines, all of one partition or of several.
    fn several(&mut self, one_partition: bool) -> Option<Arrival> {
        let mut place = self.plain()?;
        let wanted = 2 + self.dice.below(3);
        let home = place.lines.first().map(|line| order_model::partition_of(&line.sku, self.partitions));
        // Few wares may fit; after some tries the order is as long as it is.
        for _ in 0..wanted * 4 {
            if u64::try_from(place.lines.len()).unwrap_or(0) >= wanted {
                break;
            }
            let rank = self.dice.below(u64::try_from(self.wares.len()).unwrap_or(0));
            let Some((sku, partition)) = usize::try_from(rank).ok().and_then(|rank| self.wares.get(rank))
            else {
                continue;
            };
            let fits = !one_partition || home == Some(*partition);
            if fits && place.lines.iter().all(|line| line.sku != *sku) {
                place.lines.push(Line { sku: *sku, quantity: 1 });
            }
        }
        place.partial = self.dice.chance(self.options.mix.partial);
        self.place(place)
    }

    fn foreign_currency(&mut self) -> Option<Arrival> {
        let mut place = self.plain()?;
        place.currency = Currency::from_bytes(b"USD").unwrap_or(Currency::EUR);
        self.place(place)
    }

    fn bad_quantity(&mut self) -> Option<Arrival> {
        let mut place = self.plain()?;
        let too_many = i32::try_from(limits::LINE_QUANTITY_MAX).unwrap_or(i32::MAX).saturating_add(1);
        let quantity = self.dice.pick(&[0, -1, i32::MIN, i32::MAX, too_many]).copied().unwrap_or(0);
        if let Some(line) = place.lines.first_mut() {
            line.quantity = quantity;
        }
        self.place(place)
    }

    fn unknown_listing(&mut self) -> Option<Arrival> {
        let mut place = self.plain()?;
        let number = self.dice.below(50);
        if let Some(line) = place.lines.first_mut() {
            line.sku = unlisted(number)?;
        }
        self.place(place)
    }

    fn sku_twice(&mut self) -> Option<Arrival> {
        let mut place = self.plain()?;
        place.lines.extend(place.lines.first().copied());
        self.place(place)
    }

    fn bad_line_count(&mut self) -> Option<Arrival> {
        let mut place = self.plain()?;
        if self.dice.chance(500) {
            place.lines.clear();
        } else {
            let number = u64::try_from(limits::LINES_MAX).unwrap_or(0);
            place.lines.extend((0..number).filter_map(unlisted).map(|sku| Line { sku, quantity: 1 }));
        }
        self.place(place)
    }
}

/// A SKU nobody lists.
fn unlisted(number: u64) -> Option<Sku> {
    format!("unlisted-{number}").parse().ok()
}

impl Iterator for Traffic {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        if let Some(arrival) = self.scheduled() {
            return Some(arrival);
        }
        if self.placed >= self.options.orders || self.wares.is_empty() {
            return None;
        }
        self.arrival()
    }
}

#[cfg(test)]
mod tests;

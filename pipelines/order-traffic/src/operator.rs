//! What those who run the sale do: open the listings, and step in at chosen points of the traffic.

use order_model::{
    Command, CommandId, CustomerCommand, CustomerId, ListingChange, ListingCommand, Partition,
};

use crate::dice::{IdKind, id};
use crate::sale::{ListingSpec, SaleSpec};

/// A privileged command at its point of the traffic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scheduled {
    /// Comes once so many orders have been placed.
    pub after_orders: u64,
    /// The command.
    pub command: Command,
    /// The partition it is written to; `None`: the one of its SKU.
    pub partition: Option<Partition>,
}

/// The commands that open every listing of the sale. They come first.
pub fn opening_commands(seed: u64, sale: &SaleSpec) -> Vec<Command> {
    let open = |(number, listing): (u64, &ListingSpec)| {
        let settings = Box::new(listing.settings.clone());
        let change = ListingChange::Open { settings, stock: listing.stock };
        Command::Listing(ListingCommand { id: command_id(seed, number), sku: listing.sku, change })
    };
    (0..).zip(&sale.listings).map(open).collect()
}

/// What happens in mid-sale: restocks, a pause and its end, a repeat of a command, a listing that closes, a change
/// of settings, and customers who are blocked. Sorted by their points in the traffic of `orders` orders.
pub fn operator_schedule(seed: u64, sale: &SaleSpec, orders: u64) -> Vec<Scheduled> {
    let mut plan = Plan { seed, sale, orders, number: 1_000_000, commands: Vec::new() };
    let stock = |rank: usize, part: i64| sale.listings.get(rank).map_or(0, |listing| listing.stock / part);
    plan.change(400, 0, ListingChange::Restock { delta: stock(0, 4).max(1) });
    plan.change(450, 1, ListingChange::Pause);
    plan.change(550, 1, ListingChange::Resume);
    plan.change(600, 4, ListingChange::Restock { delta: stock(4, 5).max(1) });
    plan.change(650, 2, ListingChange::Restock { delta: -1 });
    plan.change(700, 0, ListingChange::Restock { delta: stock(0, 8).max(1) });
    plan.repeat(701);
    if let Some(listing) = sale.listings.get(8) {
        let mut settings = listing.settings.clone();
        settings.limit_per_customer = settings.limit_per_customer.saturating_add(1);
        plan.change(750, 8, ListingChange::Change(Box::new(settings)));
    }
    plan.change(850, 13, ListingChange::Close);
    for customer in 0..sale.customers.min(5) {
        plan.block(300, customer, true);
        plan.block(800, customer, false);
    }
    plan.commands.sort_by_key(|scheduled| scheduled.after_orders);
    plan.commands
}

struct Plan<'a> {
    seed: u64,
    sale: &'a SaleSpec,
    orders: u64,
    number: u64,
    commands: Vec<Scheduled>,
}

impl Plan<'_> {
    fn next_id(&mut self) -> CommandId {
        self.number += 1;
        command_id(self.seed, self.number)
    }

    fn point(&self, per_mille: u64) -> u64 {
        self.orders.saturating_mul(per_mille) / 1_000
    }

    fn change(&mut self, per_mille: u64, rank: usize, change: ListingChange) {
        let Some(listing) = self.sale.listings.get(rank) else { return };
        let command = Command::Listing(ListingCommand { id: self.next_id(), sku: listing.sku, change });
        let after_orders = self.point(per_mille);
        self.commands.push(Scheduled { after_orders, command, partition: None });
    }

    fn repeat(&mut self, per_mille: u64) {
        if let Some(last) = self.commands.last().cloned() {
            self.commands.push(Scheduled { after_orders: self.point(per_mille), ..last });
        }
    }

    /// A block holds in the ledger that reads it, so it is written to every partition.
    fn block(&mut self, per_mille: u64, customer: u64, blocked: bool) {
        let customer = CustomerId::from(id(IdKind::Customer, self.seed, customer));
        let command = Command::Customer(CustomerCommand { id: self.next_id(), customer, blocked });
        for partition in 0..self.sale.partitions {
            self.commands.push(Scheduled {
                after_orders: self.point(per_mille),
                command: command.clone(),
                partition: Some(Partition(partition)),
            });
        }
    }
}

fn command_id(seed: u64, number: u64) -> CommandId {
    CommandId::from(id(IdKind::Command, seed, number))
}

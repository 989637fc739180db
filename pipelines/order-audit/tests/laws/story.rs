//! Builds streams of records and decisions by hand.

use order_audit::{Auditor, Law, Report};
use order_model::*;

/// One thing the auditor is fed.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Record(Position, Option<Command>),
    Decision(Decision),
}

/// A stream, and what is needed to build it.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) partitions: u32,
    pub(crate) steps: Vec<Step>,
}

impl Story {
    pub(crate) fn new(partitions: u32) -> Self {
        Self { partitions, steps: Vec::new() }
    }

    /// Adds a record and the decisions it causes; all get their places and numbers.
    pub(crate) fn record(&mut self, partition: u32, time: u64, command: Option<Command>, events: Vec<Event>) {
        let offset = Offset(self.records(partition));
        let (partition, time) = (Partition(partition), TimeMs(time));
        self.steps.push(Step::Record(Position { partition, offset, time }, command));
        for event in events {
            let sequence = Sequence(0);
            self.steps.push(Step::Decision(Decision { partition, sequence, offset, time, event }));
        }
        self.renumber();
    }

    fn records(&self, wanted: u32) -> u64 {
        let of = |step: &&Step| matches!(step, Step::Record(at, _) if at.partition.0 == wanted);
        u64::try_from(self.steps.iter().filter(of).count()).unwrap()
    }

    /// Numbers the decisions of every partition densely.
    pub(crate) fn renumber(&mut self) {
        let mut next = vec![1; usize::try_from(self.partitions).unwrap()];
        for step in &mut self.steps {
            if let Step::Decision(decision) = step {
                let number = &mut next[usize::try_from(decision.partition.0).unwrap()];
                decision.sequence = Sequence(*number);
                *number += 1;
            }
        }
    }

    /// The place of a decision in the steps.
    pub(crate) fn at(&self, partition: u32, sequence: u64) -> usize {
        let is = |step: &Step| matches!(step, Step::Decision(d) if (d.partition.0, d.sequence.0) == (partition, sequence));
        self.steps.iter().position(is).unwrap()
    }

    pub(crate) fn decision(&mut self, partition: u32, sequence: u64) -> &mut Decision {
        let at = self.at(partition, sequence);
        match &mut self.steps[at] {
            Step::Decision(decision) => decision,
            Step::Record(..) => unreachable!(),
        }
    }

    pub(crate) fn order(&mut self, partition: u32, sequence: u64) -> &mut OrderEvent {
        match &mut self.decision(partition, sequence).event {
            Event::Order(event) => event,
            other => panic!("{other:?} is not about an order"),
        }
    }

    /// Takes a decision out and closes the gap in the numbers.
    pub(crate) fn drop_decision(&mut self, partition: u32, sequence: u64) {
        let at = self.at(partition, sequence);
        self.steps.remove(at);
        self.renumber();
    }

    /// Puts a decision after the record at `offset`.
    pub(crate) fn insert(&mut self, partition: u32, offset: u64, event: Event) {
        let is = |step: &Step| matches!(step, Step::Record(at, _) if (at.partition.0, at.offset.0) == (partition, offset));
        let at = self.steps.iter().position(is).unwrap();
        let Step::Record(Position { partition, offset, time }, _) = self.steps[at] else { unreachable!() };
        self.steps.insert(
            at + 1,
            Step::Decision(Decision { partition, sequence: Sequence(0), offset, time, event }),
        );
        self.renumber();
    }

    /// The command of a record, to change it.
    pub(crate) fn command(&mut self, partition: u32, offset: u64) -> &mut Option<Command> {
        self.steps
            .iter_mut()
            .find_map(|step| match step {
                Step::Record(at, command) if (at.partition.0, at.offset.0) == (partition, offset) => {
                    Some(command)
                }
                _ => None,
            })
            .unwrap()
    }

    pub(crate) fn audit(&self) -> Report {
        let mut auditor = Auditor::new(self.partitions);
        for step in &self.steps {
            match step {
                Step::Record(position, command) => auditor.command(*position, command.as_ref()),
                Step::Decision(decision) => auditor.decision(decision),
            }
        }
        auditor.finish()
    }

    pub(crate) fn audit_decisions(&self) -> Report {
        let mut auditor = Auditor::decisions_only(self.partitions);
        for step in &self.steps {
            if let Step::Decision(decision) = step {
                auditor.decision(decision);
            }
        }
        auditor.finish()
    }
}

/// A change to a story that keeps the law, and the law it breaks.
pub(crate) type Mutation = (&'static str, Law, fn(&mut Story));

/// Every mutation must be found under its law.
pub(crate) fn check(story: fn() -> Story, mutations: &[Mutation]) {
    for (name, law, mutate) in mutations {
        let mut story = story();
        mutate(&mut story);
        let report = story.audit();
        assert!(report.count(*law) > 0, "{name}: {law} is not among the findings\n{report}");
        assert!(!report.holds());
        assert!(report.to_string().contains(law.text()), "{report}");
    }
}

pub(crate) fn sku(text: &str) -> Sku {
    text.parse().unwrap()
}

pub(crate) fn order_id(number: u128) -> OrderId {
    OrderId::from(number)
}

pub(crate) fn customer(number: u128) -> CustomerId {
    CustomerId::from(1_000 + number)
}

pub(crate) fn payment(number: u128) -> PaymentId {
    PaymentId::from(2_000 + number)
}

pub(crate) fn settings() -> ListingSettings {
    let step = |from_units, unit_price| PriceStep { from_time: TimeMs(0), from_units, unit_price };
    ListingSettings {
        sale: "sale".to_owned(),
        currency: Currency::EUR,
        opens_at: TimeMs(0),
        closes_at: TimeMs(0),
        limit_per_customer: 2,
        hold_ms: 1_000,
        extensions_max: 1,
        waitlist_max: 2,
        retention_ms: 10_000,
        tax_bp: 1_900,
        prices: vec![step(0, 1_000), step(2, 1_200)],
        draw: None,
    }
}

pub(crate) fn listing(id: u128, name: &str, change: ListingChange) -> Option<Command> {
    Some(Command::Listing(ListingCommand { id: CommandId::from(id), sku: sku(name), change }))
}

pub(crate) fn open(id: u128, name: &str, settings: ListingSettings, stock: i64) -> Option<Command> {
    listing(id, name, ListingChange::Open { settings: Box::new(settings), stock })
}

pub(crate) fn place(order: u128, who: u128, partial: bool, lines: &[(&str, i32)]) -> Option<Command> {
    let lines = lines.iter().map(|(name, quantity)| Line { sku: sku(name), quantity: *quantity }).collect();
    let (order, customer) = (order_id(order), customer(who));
    Some(Command::Place(Place { order, customer, currency: Currency::EUR, partial, lines }))
}

pub(crate) fn settle(
    order: u128,
    name: &str,
    pay: u128,
    amount: i64,
    result: PaymentResult,
) -> Option<Command> {
    let (order, payment) = (order_id(order), payment(pay));
    Some(Command::Settle(Settle { order, sku: sku(name), payment, amount, currency: Currency::EUR, result }))
}

pub(crate) fn cancel(order: u128, who: u128, name: &str) -> Option<Command> {
    Some(Command::Cancel(Cancel { order: order_id(order), customer: customer(who), sku: sku(name) }))
}

pub(crate) fn relay(from: u32, number: u64, body: RelayBody) -> Option<Command> {
    Some(Command::Relay(Relay { from: Partition(from), number: RelayNumber(number), body }))
}

/// Free, held, sold, waiting.
pub(crate) type Counts = (u32, u32, u32, u32);

pub(crate) fn stock((free, held, sold, waiting): Counts) -> Stock {
    Stock { free, held, sold, waiting }
}

pub(crate) fn listed(kind: ListingEventKind, id: u128, name: &str, delta: i64, counts: Counts) -> Event {
    let settings = (kind == ListingEventKind::Opened).then(settings);
    let (id, sku, stock) = (CommandId::from(id), sku(name), stock(counts));
    Event::Listing(Box::new(ListingEvent { kind, reason: None, id, sku, delta, stock, settings, seed: None }))
}

/// A line: name, quantity, state, price, stock.
pub(crate) fn line(
    name: &str,
    quantity: i32,
    state: LineState,
    unit_price: i64,
    counts: Option<Counts>,
) -> DecidedLine {
    DecidedLine { sku: sku(name), quantity, state, unit_price, stock: counts.map(stock) }
}

pub(crate) fn event(kind: OrderEventKind, order: u128, who: u128, lines: &[DecidedLine]) -> OrderEvent {
    let taken = lines.iter().filter(|line| line.state == LineState::Taken);
    let totals = taken.map(|line| line_total(line.unit_price, u32::try_from(line.quantity).unwrap()));
    OrderEvent {
        kind,
        reason: None,
        order: order_id(order),
        customer: customer(who),
        currency: Currency::EUR,
        total: totals.clone().sum(),
        tax: totals.map(|total| included_tax(total, 1_900)).sum(),
        deadline: TimeMs(0),
        payment: None,
        lines: lines.iter().copied().collect(),
    }
}

/// An event with a deadline.
pub(crate) fn until(deadline: u64, event: OrderEvent) -> Event {
    Event::Order(OrderEvent { deadline: TimeMs(deadline), ..event })
}

/// An event with a reason.
pub(crate) fn because(reason: RejectReason, event: OrderEvent) -> Event {
    Event::Order(OrderEvent { reason: Some(reason), ..event })
}

/// An event about a payment.
pub(crate) fn by(pay: u128, event: OrderEvent) -> OrderEvent {
    OrderEvent { payment: Some(payment(pay)), ..event }
}

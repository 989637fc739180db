//! Every order in which results can arrive, with the real ledger deciding: up to three things happen to one order at any
//! point of its payment, in any order, with every kind of provider. In the end money taken is what was sold and what was
//! given back, nothing stays set aside, and nothing is left in hand.

use std::sync::Arc;

use order_core::{Effects, Ledger, Shape};
use order_model::{
    Cancel, Command, CommandId, Currency, CustomerId, Decision, Event, Line, Lines, ListingChange,
    ListingCommand, ListingSettings, Offset, OrderEventKind, OrderId, Partition, PaymentResult, Place,
    Position, PriceStep, Settle, Sku, TimeMs,
};

use crate::classify::{Refusal, classify};
use crate::dossier::{Call, Said, Step};
use crate::limits::PaymentLimits;
use crate::provider::{Fault, Payment, Verdict};
use crate::sandbox::{Refused, Sandbox, SandboxFaults, SandboxOptions};
use crate::shelf::Shelf;

const HOLD_MS: u64 = 10_000;
const PRICE: i64 = 500;
/// Steps of the worker between which something may happen; a payment without trouble takes fewer.
const STEPS: usize = 8;
/// Most steps of one run; more means that it goes in circles.
const STEPS_MAX: usize = 500;
const ORDER: OrderId = OrderId([1; 16]);
const CUSTOMER: CustomerId = CustomerId([2; 16]);

/// What may happen to an order, each once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Arrival {
    /// The hold falls due.
    Expiry,
    /// The customer withdraws.
    Cancel,
    /// The provider calls back about everything it has.
    Callback,
    /// The answer of the call under way is lost.
    Lost,
    /// The worker dies and is started again.
    Death,
    /// The latest result comes a second time.
    Repeat,
    /// Another payment of the order is taken, and told by whoever took it.
    Foreign,
    /// The provider forgets the idempotency key.
    Forgetting,
}

const ARRIVALS: [Arrival; 8] = [
    Arrival::Expiry,
    Arrival::Cancel,
    Arrival::Callback,
    Arrival::Lost,
    Arrival::Death,
    Arrival::Repeat,
    Arrival::Foreign,
    Arrival::Forgetting,
];

struct World {
    ledger: Ledger,
    offset: u64,
    now: TimeMs,
    decisions: Vec<Decision>,
    /// How many of them the worker has read.
    read: usize,
    shelf: Shelf,
    sandbox: Sandbox,
    answer: Option<(Call, Said)>,
    told: Option<Settle>,
    limits: PaymentLimits,
    /// Whether the worker reads only when it has nothing else to do.
    reads_late: bool,
}

fn sku() -> Sku {
    "a".parse().unwrap()
}

impl World {
    fn new(faults: SandboxFaults, reads_late: bool) -> Self {
        let clock = Arc::new(|| TimeMs(1));
        let options =
            SandboxOptions { seed: 7, faults, befalls: Arc::new(|_| true), secret: String::new(), clock };
        let limits = PaymentLimits {
            retry_ms_min: 1,
            retry_ms_max: 1,
            pending_poll_ms: 1,
            capture_margin_ms: 0,
            close_after_ms: 10,
            ..PaymentLimits::default()
        };
        let mut world = Self {
            ledger: Ledger::new(Shape::of(Partition(0), 1)),
            offset: 0,
            now: TimeMs(1_000),
            decisions: Vec::new(),
            read: 0,
            shelf: Shelf::default(),
            sandbox: Sandbox::new(options),
            answer: None,
            told: None,
            limits,
            reads_late,
        };
        world.open();
        world
    }

    fn open(&mut self) {
        let settings = ListingSettings {
            sale: "summer".to_owned(),
            currency: Currency::EUR,
            opens_at: TimeMs(0),
            closes_at: TimeMs(0),
            limit_per_customer: 0,
            hold_ms: HOLD_MS,
            extensions_max: 0,
            waitlist_max: 0,
            retention_ms: 600_000,
            tax_bp: 0,
            prices: vec![PriceStep { from_time: TimeMs(0), from_units: 0, unit_price: PRICE }],
            draw: None,
        };
        let change = ListingChange::Open { settings: Box::new(settings), stock: 1 };
        self.decide(&Command::Listing(ListingCommand { id: CommandId([3; 16]), sku: sku(), change }));
        let lines = Lines::from_iter([Line { sku: sku(), quantity: 1 }]);
        let currency = Currency::EUR;
        let (order, customer) = (ORDER, CUSTOMER);
        self.decide(&Command::Place(Place { order, customer, currency, partial: false, lines }));
    }

    fn decide(&mut self, command: &Command) {
        let at = Position { partition: Partition(0), offset: Offset(self.offset), time: self.now };
        self.offset += 1;
        let mut effects = Effects::default();
        self.ledger.apply(at, command, &mut effects);
        self.decisions.extend(effects.decisions);
    }

    fn tell(&mut self, settle: Settle) {
        self.told = Some(settle);
        self.decide(&Command::Settle(settle));
    }

    /// Reads what is decided; whether there was anything.
    fn read(&mut self) -> bool {
        let news = self.decisions.get(self.read..).unwrap_or_default();
        for decision in news {
            self.shelf.take(decision, 0, self.now, true);
        }
        let any = !news.is_empty();
        self.read = self.decisions.len();
        any
    }

    /// One step of the worker; whether there was one to make now.
    fn step(&mut self) -> bool {
        if let Some((call, said)) = self.answer.take() {
            if let Some(dossier) = self.shelf.get_mut(&ORDER) {
                dossier.learn(&call, said, self.now, &self.limits);
            }
            return true;
        }
        if !self.reads_late && self.read() {
            return true;
        }
        let step = self.shelf.get_mut(&ORDER).map(|dossier| dossier.next_step(self.now, &self.limits));
        match step {
            Some(Step::Call(call)) => {
                if let Some(dossier) = self.shelf.get_mut(&ORDER) {
                    dossier.attempted |= matches!(call, Call::Authorise(_));
                }
                let said = perform(&self.sandbox, &call);
                self.answer = Some((call, said));
                true
            }
            Some(Step::Tell(settle)) => {
                self.shelf.get_mut(&ORDER).unwrap().note_told(&settle);
                self.tell(settle);
                true
            }
            Some(Step::Done) => {
                self.shelf.remove(&ORDER);
                true
            }
            Some(Step::GiveUp(payment)) => panic!("gave up on {payment}"),
            Some(Step::WaitUntil(_) | Step::WaitForLog) | None => self.read(),
        }
    }

    fn arrive(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Expiry => {
                self.now = self.now.max(TimeMs(1_000 + HOLD_MS));
                self.decide(&Command::Tick);
            }
            Arrival::Cancel => {
                self.decide(&Command::Cancel(Cancel { order: ORDER, customer: CUSTOMER, sku: sku() }));
            }
            Arrival::Callback => self.sandbox.payments().iter().for_each(|payment| self.call_back(payment)),
            Arrival::Lost => {
                if let Some((_, said)) = &mut self.answer {
                    *said = Said::Fault(Fault::new(Verdict::LookUp, "lost"));
                }
            }
            Arrival::Death => {
                self.answer = None;
                self.shelf = Shelf::default();
                for decision in &self.decisions {
                    self.shelf.take(decision, 0, self.now, false);
                }
                self.read = self.decisions.len();
            }
            Arrival::Repeat => {
                if let Some(settle) = self.told {
                    self.decide(&Command::Settle(settle));
                }
            }
            Arrival::Foreign => {
                let payment = foreign_payment();
                let (currency, result) = (Currency::EUR, PaymentResult::Captured);
                let (id, sku) = (payment.payment_id(), sku());
                self.sandbox.plant(payment);
                let settle = Settle { order: ORDER, sku, payment: id, amount: PRICE, currency, result };
                self.decide(&Command::Settle(settle));
            }
            Arrival::Forgetting => self.sandbox.forget_keys(),
        }
    }

    /// What the desk does with a callback.
    fn call_back(&mut self, payment: &Payment) {
        if let Some(dossier) = self.shelf.get_mut(&ORDER) {
            if self.answer.is_none() {
                dossier.doubt();
            }
            return;
        }
        let id = payment.payment_id();
        let is_known = self.decisions.iter().any(|decision| match &decision.event {
            Event::Order(event) => event.payment == Some(id),
            _ => false,
        });
        if payment.holds_money() && !is_known {
            let (amount, currency) = (payment.captured, payment.currency);
            let result = PaymentResult::Captured;
            self.tell(Settle { order: ORDER, sku: sku(), payment: id, amount, currency, result });
        }
    }

    /// Lets everything come to its end: first the worker, then the hold.
    fn finish(&mut self) -> Result<(), String> {
        for round in 0..3 {
            let mut steps = 0;
            loop {
                steps += 1;
                if steps > STEPS_MAX {
                    return Err("it goes in circles".to_owned());
                }
                if self.step() {
                    continue;
                }
                let waits =
                    self.shelf.get_mut(&ORDER).map(|dossier| dossier.next_step(self.now, &self.limits));
                match waits {
                    Some(Step::WaitUntil(time)) if round > 0 || time < TimeMs(1_000 + HOLD_MS) => {
                        self.now = self.now.max(time);
                    }
                    _ => break,
                }
            }
            self.arrive(Arrival::Expiry);
        }
        Ok(())
    }

    fn check(&mut self, may_lapse: bool) -> Result<(), String> {
        let (mut sold, mut refunded, mut ends) = (0, 0, 0);
        for decision in &self.decisions {
            let Event::Order(event) = &decision.event else { continue };
            match event.kind {
                OrderEventKind::Paid => sold += event.total,
                OrderEventKind::Refund => refunded += event.total,
                _ => {}
            }
            ends += u32::from(matches!(
                event.kind,
                OrderEventKind::Paid
                    | OrderEventKind::Cancelled
                    | OrderEventKind::Declined
                    | OrderEventKind::Expired
            ));
        }
        let takings = self.sandbox.takings();
        let expect = |what: &str, is: i64, should: i64| {
            (is == should).then_some(()).ok_or_else(|| format!("{what}: {is}, not {should}"))
        };
        expect("taken", takings.taken, sold + refunded)?;
        expect("given back", takings.refunded, refunded)?;
        if !may_lapse {
            expect("set aside", takings.set_aside, 0)?;
        }
        expect("ends of the order", i64::from(ends), 1)?;
        expect("orders in hand", i64::try_from(self.shelf.len()).unwrap(), 0)
    }
}

fn foreign_payment() -> Payment {
    Payment {
        id: "pi_foreign".to_owned(),
        order: Some(ORDER),
        sku: Some(sku()),
        state: crate::provider::PaymentState::Captured,
        amount: PRICE,
        currency: Currency::EUR,
        captured: PRICE,
        refunded: 0,
        created: TimeMs(1),
    }
}

fn perform(sandbox: &Sandbox, call: &Call) -> Said {
    let done = match call {
        Call::Authorise(charge) => sandbox.authorise_now(charge).1,
        Call::Capture { id, .. } => sandbox.capture_now(id).1,
        Call::Void { id, .. } => sandbox.void_now(id).1,
        Call::Refund { id, amount, .. } => sandbox.refund_now(id, *amount).1,
        Call::Retrieve { id } => sandbox.retrieve_now(id).1,
        Call::LookUp { order } => {
            return Said::Payments(sandbox.look_up_now(*order).1.unwrap().unwrap());
        }
    };
    match done.unwrap() {
        Ok(payment) => Said::Payment(payment),
        Err(Refused { status, kind, code, payment }) => {
            let verdict = classify(Refusal { status, kind, code });
            match payment {
                Some(payment) if verdict == Verdict::Decline => Said::Payment(*payment),
                _ => Said::Fault(Fault::new(verdict, code)),
            }
        }
    }
}

/// Runs one schedule: what happens before which step.
fn run(faults: SandboxFaults, reads_late: bool, schedule: &[(usize, Arrival)]) -> Result<(), String> {
    let mut world = World::new(faults, reads_late);
    for place in 0..STEPS {
        for (_, arrival) in schedule.iter().filter(|(at, _)| *at == place) {
            world.arrive(*arrival);
        }
        world.step();
    }
    world.finish()?;
    let happens = |arrival| schedule.iter().any(|(_, other)| *other == arrival);
    // A worker that dies cannot know of its own payment once another one has paid for the order. What it captured is
    // found by the provider's callback, what it set aside lapses.
    let forgets = happens(Arrival::Death) && happens(Arrival::Foreign);
    if forgets {
        world.arrive(Arrival::Callback);
        world.finish()?;
    }
    world.check(forgets)
}

/// Every schedule of up to `most` different arrivals, in every order.
fn each_schedule(most: usize, each: &mut impl FnMut(&[(usize, Arrival)])) {
    fn grow(schedule: &mut Vec<(usize, Arrival)>, most: usize, each: &mut impl FnMut(&[(usize, Arrival)])) {
        each(schedule);
        if schedule.len() == most {
            return;
        }
        let from = schedule.last().map_or(0, |(place, _)| *place);
        for place in from..STEPS {
            for arrival in ARRIVALS {
                if schedule.iter().all(|(_, other)| *other != arrival) {
                    schedule.push((place, arrival));
                    grow(schedule, most, each);
                    schedule.pop();
                }
            }
        }
    }
    grow(&mut Vec::new(), most, each);
}

fn all_of(name: &str, faults: SandboxFaults, most: usize) {
    let mut schedules = 0;
    for reads_late in [false, true] {
        each_schedule(most, &mut |schedule| {
            schedules += 1;
            let result = run(faults, reads_late, schedule);
            assert_eq!(result, Ok(()), "{name}, reads late: {reads_late}, {schedule:?}");
        });
    }
    let least = if most == 3 { 80_000 } else { 4_000 };
    assert!(schedules > least, "{schedules}");
}

#[test]
fn a_payment_that_is_taken_three_things_happening() {
    all_of("taken", SandboxFaults::default(), 3);
}

#[test]
fn other_payments_two_things_happening() {
    let only = |set: &dyn Fn(&mut SandboxFaults)| {
        let mut faults = SandboxFaults::default();
        set(&mut faults);
        faults
    };
    all_of("declined", only(&|faults| faults.declined = 1_000), 2);
    all_of("pending", only(&|faults| faults.pending = 1_000), 2);
    all_of("forgotten", only(&|faults| faults.forgotten = 1_000), 2);
    all_of("another amount", only(&|faults| faults.other_amount = 1_000), 2);
    all_of("short", only(&|faults| faults.short = 1_000), 2);
}

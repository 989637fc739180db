//! Placing and withdrawing orders.

use std::sync::Arc;
use std::time::Duration;

use order_model::limits::{LINE_QUANTITY_MAX, LINES_MAX};
use order_model::{
    Cancel, Command, Currency, CustomerId, Line, Lines, OrderEventKind, OrderId, Place, RejectReason, Sku,
    partition_of,
};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::Service;
use super::recent::{Entered, Print};
use super::refusal::{Refusal, written};
use crate::board::{Followed, OrderNews, Remembered};
use crate::door::Outcome;
use crate::identity::Identity;
use crate::limits::{IDEMPOTENCY_KEY_BYTES_MAX, ROOM_CATCH_UP_MAX};
use crate::views::sorted;

/// An order as it is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlaceAsk {
    /// Its id, if the client names it.
    pub order: Option<OrderId>,
    /// Whose it is, if not the asker's.
    pub customer: Option<CustomerId>,
    /// What is asked for.
    pub lines: Lines,
    /// The currency to pay in; that of the listing if not said.
    pub currency: Option<Currency>,
    /// Whether lines that cannot be had may be left out.
    pub partial: bool,
}

/// How a command is to be placed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PlaceOptions<'a> {
    /// Names the order where it has no id of its own.
    pub idempotency_key: Option<&'a str>,
    /// How long to wait for its decision.
    pub wait: Option<Duration>,
    /// Holds the customer's place in a waiting room; of several, with commas between.
    pub room_token: Option<&'a str>,
}

/// An order that the log has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Placed {
    /// Which.
    pub order: OrderId,
    /// The partition of the command,
    pub partition: u32,
    /// and its place there.
    pub offset: u64,
    /// What was decided, if that was waited for and came in time.
    pub answer: Option<Arc<OrderNews>>,
}

/// An order ready to be written.
struct Draft {
    place: Place,
    /// Whether its client named it, and may have asked before.
    is_named: bool,
}

/// What shows that it is somebody's turn, and until when to wait for the rooms to be read that far: once for a whole batch.
#[derive(Clone, Copy)]
pub(super) struct Turn<'a> {
    pub(super) room_token: Option<&'a str>,
    pub(super) rooms_by: Instant,
}

impl Service {
    /// Places an order.
    pub async fn place(
        &self,
        who: &Identity,
        ask: PlaceAsk,
        options: PlaceOptions<'_>,
    ) -> Result<Placed, Refusal> {
        let draft = self.draft(who, ask, options.idempotency_key, 0)?;
        if !who.roles.producer {
            self.pacing.customer(draft.place.customer)?;
        }
        if let Some(known) = self.known(&draft)? {
            return Ok(again(&known, options.wait.is_some()));
        }
        let turn = Turn { room_token: options.room_token, rooms_by: Instant::now() + ROOM_CATCH_UP_MAX };
        self.admit(who, &draft, turn).await?;
        let order = draft.place.order;
        // Whoever waits listens before the command is written, so that no answer passes unheard.
        let feed = options.wait.and_then(|_| self.board().follow(order, None));
        let (partition, offset) = self.write_once(draft).await?;
        let mut placed = Placed { order, partition, offset, answer: None };
        if let (Some(wait), Some(feed)) = (options.wait, feed) {
            let settles =
                |news: &OrderNews| news.is_first_answer() || (news.is_reuse() && news.offset.0 == offset);
            placed.answer = heard(feed, wait, self.ending(), settles).await;
            if placed.answer.as_ref().is_some_and(|news| news.is_reuse()) {
                return Err(reused());
            }
        }
        Ok(placed)
    }

    /// Places several orders at once, those that could be read; answers in their order. One that could not be read has its
    /// place in the batch all the same, so that the others keep their names when it is mended.
    pub async fn place_all<E: From<Refusal>>(
        &self,
        who: &Identity,
        asks: Vec<Result<PlaceAsk, E>>,
        idempotency_key: Option<&str>,
        room_token: Option<&str>,
    ) -> Vec<Result<Placed, E>> {
        let rooms_by = Instant::now() + ROOM_CATCH_UP_MAX;
        let mut answers = Vec::with_capacity(asks.len());
        let mut commands = Vec::with_capacity(asks.len());
        for (index, ask) in (0..).zip(asks) {
            let checked = match ask {
                Ok(ask) => {
                    let turn = Turn { room_token, rooms_by };
                    self.check_one(who, ask, (idempotency_key, index), turn).await.map_err(E::from)
                }
                Err(error) => Err(error),
            };
            answers.push(checked.map(|checked| match checked {
                Ok(place) => {
                    let order = place.order;
                    commands.push(Command::Place(place));
                    Placed { order, partition: 0, offset: 0, answer: None }
                }
                Err(known) => known,
            }));
        }
        let written_for: Vec<OrderId> = commands.iter().filter_map(order_of).collect();
        let outcomes = if commands.is_empty() { Vec::new() } else { self.door().submit_all(commands).await };
        let mut outcomes = written_for.into_iter().zip(outcomes).peekable();
        for answer in &mut answers {
            let Ok(placed) = answer else { continue };
            if placed.answer.is_some() || outcomes.peek().map(|(order, _)| *order) != Some(placed.order) {
                continue;
            }
            let Some((order, outcome)) = outcomes.next() else { continue };
            let written = written(outcome).map_err(E::from);
            *answer = written.map(|(partition, offset)| Placed { order, partition, offset, answer: None });
        }
        answers
    }

    /// An order of a batch, to be written, or the answer it got before.
    async fn check_one(
        &self,
        who: &Identity,
        ask: PlaceAsk,
        (key, index): (Option<&str>, u32),
        turn: Turn<'_>,
    ) -> Result<Result<Place, Placed>, Refusal> {
        let draft = self.draft(who, ask, key, index)?;
        if !who.roles.producer {
            self.pacing.customer(draft.place.customer)?;
        }
        if let Some(known) = self.known(&draft)? {
            return Ok(Err(again(&known, true)));
        }
        self.admit(who, &draft, turn).await?;
        Ok(Ok(draft.place))
    }

    /// Withdraws an order.
    pub async fn cancel(
        &self,
        who: &Identity,
        order: OrderId,
        wait: Option<Duration>,
    ) -> Result<Placed, Refusal> {
        let known = self.order(who, order)?;
        let Some((first, latest)) = known.first().zip(known.latest()) else {
            return Err(Refusal::OrderUnknown);
        };
        if latest.event.kind == OrderEventKind::Cancelled {
            let (partition, offset) = (latest.id.partition.0, latest.offset.0);
            return Ok(Placed { order, partition, offset, answer: Some(Arc::clone(latest)) });
        }
        let customer = first.event.customer;
        let sku = first.event.lines.iter().map(|line| line.sku).min().ok_or(Refusal::OrderUnknown)?;
        if !who.roles.producer {
            self.pacing.customer(customer)?;
        }
        let feed = wait.and_then(|_| {
            self.board().follow(order, Some(known.news().last().map_or(first.id, |news| news.id)))
        });
        let command = Command::Cancel(Cancel { order, customer, sku });
        let (partition, offset) = written(self.door().submit(command).await)?;
        let mut placed = Placed { order, partition, offset, answer: None };
        if let (Some(wait), Some(feed)) = (wait, feed) {
            let settles = |news: &OrderNews| {
                news.event.kind == OrderEventKind::Cancelled
                    || (news.event.kind == OrderEventKind::Refused && news.offset.0 == offset)
            };
            let answer = heard(feed, wait, self.ending(), settles).await;
            if let Some(news) = &answer
                && news.event.kind == OrderEventKind::Refused
            {
                let reason = news.event.reason.unwrap_or(RejectReason::OrderEnded);
                return Err(Refusal::Rejected { reason, read_at: None });
            }
            placed.answer = answer;
        }
        Ok(placed)
    }

    fn draft(&self, who: &Identity, ask: PlaceAsk, key: Option<&str>, index: u32) -> Result<Draft, Refusal> {
        if !who.verified {
            return Err(Refusal::NotVerified);
        }
        let customer = match ask.customer {
            Some(customer) if customer != who.customer && !who.roles.producer => {
                return Err(Refusal::RoleNeeded("producer"));
            }
            customer => customer.unwrap_or(who.customer),
        };
        if let Some(reason) = contradiction(&ask.lines) {
            return Err(Refusal::Rejected { reason, read_at: None });
        }
        if key.is_some_and(|key| !is_key(key)) {
            return Err(Refusal::KeyInvalid);
        }
        let order = match (ask.order, key) {
            (Some(order), _) => order,
            (None, Some(key)) => self.parts.secret.order_id(customer, key, index),
            (None, None) => random_order()?,
        };
        let of_listing =
            || ask.lines.iter().find_map(|line| Some(self.board().listing(&line.sku)?.settings.currency));
        let currency = ask.currency.or_else(of_listing).ok_or(Refusal::CurrencyNeeded)?;
        let is_named = ask.order.is_some() || key.is_some();
        let place = Place { order, customer, currency, partial: ask.partial, lines: ask.lines };
        Ok(Draft { place, is_named })
    }

    /// The order, if the board knows one of this name that says the same.
    fn known(&self, draft: &Draft) -> Result<Option<Remembered>, Refusal> {
        if !draft.is_named {
            return Ok(None);
        }
        let Some(known) = self.board().order(draft.place.order) else { return Ok(None) };
        let is_same = known.first().is_some_and(|first| {
            let event = &first.event;
            let lines: Vec<Line> =
                event.lines.iter().map(|line| Line { sku: line.sku, quantity: line.quantity }).collect();
            event.customer == draft.place.customer
                && event.currency == draft.place.currency
                && sorted(&lines) == sorted(&draft.place.lines)
        });
        if is_same { Ok(Some(known)) } else { Err(reused()) }
    }

    /// Whether it may be written: the waiting room lets its customer in, and it can come to something.
    async fn admit(&self, who: &Identity, draft: &Draft, turn: Turn<'_>) -> Result<(), Refusal> {
        let place = &draft.place;
        if !who.roles.producer {
            self.pass_rooms(place, turn).await?;
        }
        // An order that was placed before has an answer of its own, which may be forgotten here.
        if draft.is_named && !self.board().remembers_all() {
            return Ok(());
        }
        self.hopeless(place).map_or(Ok(()), Err)
    }

    /// Why an order cannot come to anything, as far as the decisions of its home ledger have been read. Of lines elsewhere
    /// nothing is said: that ledger may have been read further, or less far.
    fn hopeless(&self, place: &Place) -> Option<Refusal> {
        if place.partial || !self.board().is_ready() {
            return None;
        }
        let home = place.lines.iter().map(|line| line.sku).min()?;
        let partitions = self.door().partitions();
        let home = partition_of(&home, partitions);
        let read_at = self.board().read_at(home.0);
        let own = sorted(&place.lines);
        let own = own.iter().take_while(|line| partition_of(&line.sku, partitions) == home);
        let mut is_short = false;
        for line in own {
            let reason = match self.board().listing(&line.sku) {
                None => Some(RejectReason::ListingUnknown),
                Some(listing) if listing.is_closed => Some(RejectReason::ListingClosed),
                Some(listing) => {
                    is_short |= listing.is_sold_out();
                    None
                }
            };
            if let Some(reason) = reason {
                return Some(Refusal::Rejected { reason, read_at });
            }
        }
        is_short.then_some(Refusal::Rejected { reason: RejectReason::StockShort, read_at })
    }

    /// Writes an order; those who write the same one at the same time get the same answer.
    async fn write_once(&self, draft: Draft) -> Result<(u32, u64), Refusal> {
        let Draft { place, is_named } = draft;
        if !is_named {
            return written(self.door().submit(Command::Place(place)).await);
        }
        let print = print(&place);
        loop {
            let (is_same, mut outcome) = match self.recent.enter(place.order, place.customer, print) {
                Entered::First(first) => {
                    let outcome = self.door().submit(Command::Place(place)).await;
                    first.settle(outcome);
                    return written(outcome);
                }
                Entered::Before { is_same, outcome } => (is_same, outcome),
            };
            let settled = match outcome.wait_for(Option::is_some).await {
                Ok(outcome) => *outcome,
                Err(_) => None,
            };
            match settled {
                Some(outcome) if is_same => return written(outcome),
                Some(Outcome::Accepted { .. }) => return Err(reused()),
                Some(Outcome::Unknown) => return Err(Refusal::OutcomeUnknown),
                // Whoever wrote it has gone, or did not get it in: now it is ours to write.
                _ => {}
            }
        }
    }
}

fn reused() -> Refusal {
    Refusal::Rejected { reason: RejectReason::OrderIdReused, read_at: None }
}

/// The answer to an order that was placed before: its decision where that is wanted, else where it lies.
fn again(known: &Remembered, wants_decision: bool) -> Placed {
    let first = known.first();
    Placed {
        order: first.map(|news| news.event.order).unwrap_or_default(),
        partition: first.map_or(0, |news| news.id.partition.0),
        offset: first.map_or(0, |news| news.offset.0),
        answer: known.answer().filter(|_| wants_decision).cloned(),
    }
}

/// The first news that `settles` it, if it comes in time, and before connections are ended.
async fn heard(
    (before, mut feed): Followed,
    wait: Duration,
    mut ending: watch::Receiver<bool>,
    settles: impl Fn(&OrderNews) -> bool,
) -> Option<Arc<OrderNews>> {
    if let Some(news) = before.into_iter().find(|news| settles(news)) {
        return Some(news);
    }
    let listen = async {
        while let Some(news) = feed.recv().await {
            if settles(&news) {
                return Some(news);
            }
        }
        None
    };
    tokio::select! {
        biased;
        news = timeout(wait, listen) => news.ok().flatten(),
        _ = ending.wait_for(|is_ending| *is_ending) => None,
    }
}

/// What is wrong with lines whatever the listings are, by precedence.
fn contradiction(lines: &[Line]) -> Option<RejectReason> {
    let too_large =
        |line: &Line| u32::try_from(line.quantity).is_ok_and(|quantity| quantity > LINE_QUANTITY_MAX);
    let mut skus: Vec<Sku> = lines.iter().map(|line| line.sku).collect();
    skus.sort_unstable();
    match lines {
        [] => Some(RejectReason::NoLines),
        _ if lines.len() > LINES_MAX => Some(RejectReason::TooManyLines),
        _ if lines.iter().any(|line| line.quantity <= 0) => Some(RejectReason::QuantityNotPositive),
        _ if lines.iter().any(too_large) => Some(RejectReason::QuantityTooLarge),
        _ if skus.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) => Some(RejectReason::SkuRepeated),
        _ => None,
    }
}

pub(super) fn is_key(key: &str) -> bool {
    (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
}

fn random_order() -> Result<OrderId, Refusal> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| Refusal::Overloaded)?;
    Ok(OrderId(bytes))
}

fn order_of(command: &Command) -> Option<OrderId> {
    match command {
        Command::Place(place) => Some(place.order),
        _ => None,
    }
}

/// What the order says, shortened.
fn print(place: &Place) -> Print {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&place.customer.0).update(place.currency.as_bytes()).update(&[u8::from(place.partial)]);
    for line in sorted(&place.lines) {
        let sku = line.sku.as_bytes();
        hasher.update(&u64::try_from(sku.len()).unwrap_or(u64::MAX).to_le_bytes()).update(sku);
        hasher.update(&line.quantity.to_le_bytes());
    }
    *hasher.finalize().as_bytes()
}
